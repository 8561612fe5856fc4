// Everything the preflight wants to know of a machine, as one POSIX shell script: one round trip, nothing written.
// Used by steps/machine/preflight.ts; read by machine-facts.ts. Needs what the smallest Debian has: coreutils, findutils,
// sed, grep, util-linux, bash. Every question has a limit of its own: a machine that hangs in one answers the others.
//
// Output: `@name`, then each line of that answer behind one blank; empty lines mean nothing; `@end` closes it.

/** Folders whose room and mount are asked for. */
export const askedFolders = ['/opt', '/srv', '/tmp', '/usr', '/var'] as const;

/** Where apt and dpkg keep who is at work; whoever has one open is. */
const aptLocks = ['/var/lib/dpkg/lock-frontend', '/var/lib/dpkg/lock', '/var/lib/apt/lists/lock'] as const;

/** $1: the network interface of the site plan. */
export const factsScript = `
export LC_ALL=C
device=$1
tell() {
  name=$1 limit=$2; shift 2
  printf '@%s\\n' "$name"
  timeout -k 2 "$limit" "$@" </dev/null 2>/dev/null | head -c 400000 | sed 's/^/ /'
  printf '\\n'
}
tell_sh() { name=$1 limit=$2 text=$3; shift 3; tell "$name" "$limit" sh -c "$text" sh "$@"; }

tell os 5 cat /etc/os-release
tell architecture 10 dpkg --print-architecture
tell init 5 cat /proc/1/comm
tell container 5 systemd-detect-virt --container
tell kernel 5 uname -r
tell clock 5 date +%s
tell memory 5 grep -E '^(MemTotal|SwapTotal):' /proc/meminfo
tell_sh folders 15 '
for path; do
  at=$path
  while [ ! -e "$at" ]; do at=\${at%/*}; [ -n "$at" ] || at=/; done
  printf "%s %s %s %s %s\\n" "$path" "$(stat -f -c "%a %S %d %c" -- "$at")" "$(findmnt -fno FSTYPE -T "$at")" \\
    "$(findmnt -fno OPTIONS -T "$at")" "$(stat -c %m -- "$at")"
done' ${askedFolders.join(' ')}
tell packages 20 dpkg-query -W -f '\${db:Status-Abbrev} \${Package} \${Version}\\n'
tell audit 30 dpkg --audit
tell_sh apt 60 'apt-get check -qq -o Debug::NoLocking=1 2>&1; echo "exit $?"'
tell_sh apt_holders 15 'find /proc/[0-9]*/fd -maxdepth 1 \\( ${aptLocks.map((path) => `-lname ${path}`).join(' -o ')} \\) 2>/dev/null |
  cut -d / -f 3 | sort -un | while read -r one; do cat "/proc/$one/comm"; done'
tell automatic 10 systemctl is-enabled unattended-upgrades.service
tell_sh sources 10 'cd /etc/apt && find . -maxdepth 2 \\( -name sources.list -o -path "./sources.list.d/*.list" -o -path "./sources.list.d/*.sources" \\) \\
  -exec grep -hE "^(deb|URIs:)" {} + | grep -oE "[a-z+]+:/[^ ]*" | sort -u'
tell_sh firewall 15 'grep -qi "^ENABLED=yes" /etc/ufw/ufw.conf && echo ufw
command -v nft >/dev/null && nft list ruleset | grep -q "hook input .*policy drop" && echo nftables
exit 0'
tell links 5 ip -o link show
tell_sh carrier 5 'cat "/sys/class/net/$1/operstate" "/sys/class/net/$1/carrier"' "$device"
tell_sh ipv6_off 5 '[ -d /proc/sys/net/ipv6 ] || { echo 1; exit; }; cat "/proc/sys/net/ipv6/conf/$1/disable_ipv6"' "$device"
tell addresses 5 ip -j addr show
tell_sh lookup 25 'from=$(date +%s%N); timeout 20 getent ahosts no-such-name.invalid >/dev/null; till=$(date +%s%N); echo $(((till - from) / 1000000))'
tell route 5 ip route show default
tell_sh beyond 10 '[ -n "$(ip route show default)" ] || exit 0
from=$(date +%s%N); timeout 5 bash -c "exec 3<>/dev/tcp/198.51.100.1/80" 2>/dev/null; till=$(date +%s%N); echo $(((till - from) / 1000000))'
tell_sh proxies 5 'grep -shiE "^[^#]*\\b(https?|all|no)_proxy=" /etc/environment /etc/profile.d/*.sh; env | grep -iE "^(https?|all|no)_proxy="; exit 0'
tell sockets 10 ss -Hltnp
tell datagrams 10 ss -Hlunp
tell_sh slapos 10 'for path in /opt/slapos/bin /etc/opt/slapos/slapos.cfg /opt/slapos/slapproxy.db /opt/slapgrid /srv/slapgrid; do [ -e "$path" ] && echo "$path"; done; exit 0'
tell_sh sections 5 'grep -n "^\\[" /etc/opt/slapos/slapos.cfg'
tell_sh releases 10 'for path in /opt/slapgrid/*/; do one=\${path%/}; one=\${one##*/}
case $one in *[!0-9a-f]*) continue ;; esac
[ \${#one} = 32 ] || continue
if [ -e "$path.completed" ]; then echo "$one completed"; else echo "$one open"; fi; done; exit 0'
tell_sh users 10 'getent passwd | grep -c "^slapuser[0-9]"'
tell_sh names 12 'timeout 5 getent ahosts localhost | grep -qE "^(127\\.0\\.0\\.1|::1) " && echo localhost
timeout 5 getent hosts "$(hostname)" >/dev/null && echo self; exit 0'
tell_sh sshd 10 'sshd -T | grep -E "^(allowtcpforwarding|disableforwarding|maxsessions) "'
tell_sh cron 10 'systemctl is-active cron.service'
printf '@umask\\n %s\\n' "$(umask)"
tell selinux 5 cat /sys/fs/selinux/enforce
tell_sh tunnel 5 '[ -c /dev/net/tun ] && echo there; exit 0'
tell_sh reboot 5 'ls /run/reboot-required; exit 0'
tell_sh disk_errors 10 'systemd-detect-virt -cq && exit 0
dmesg --level=emerg,alert,crit,err | grep -E "I/O error|EXT4-fs error|XFS .*orruption|BTRFS.*error|medium error" | tail -n 3'
printf '@end\\n'
`;

/**
 * Sets the clock $1 seconds forward; the hardware's follows where there is one that answers: some are waited for in vain. Without
 * single quotes: it stands in a guard.
 */
export const shiftClockScript =
  'date -u -s "@$(($(date +%s) + $1))" >/dev/null || exit; if command -v hwclock >/dev/null; then timeout 10 hwclock --systohc; fi; exit 0';
