#!/bin/sh
# Turns a Debian tree into the system of the machine sticks are plugged into. Run by image.ts as root inside the tree.
# Leaves /boot/vmlinuz, /boot/initrd.img and, in /sticks, the sticks as a shop sells them. Must hold no lab key of the host.
set -eu
export LC_ALL=C DEBIAN_FRONTEND=noninteractive

# --- the distribution's kernel, without the machinery of one that is installed
cd /var/tmp
apt-get update -q
kernel=$(apt-cache depends linux-image-amd64 | awk '/Depends: linux-image-[0-9]/{print $2; exit}')
apt-get download -q "$kernel"
mkdir whole
dpkg-deb --fsys-tarfile linux-image-*.deb | tar -x -C whole
rm -rf linux-image-*.deb /var/lib/apt/lists/*
release=$(basename whole/lib/modules/*)
depmod -b whole "$release"
modules="virtio_pci virtio_blk virtio_net virtio_rng ext4 crc32c_generic crc32c_intel vfat exfat nls_ascii nls_cp437
  nls_utf8 nls_iso8859-1 fuse usb_storage uas xhci_pci sd_mod sr_mod sg ahci isofs udf loop dm_mod dm_crypt dm_snapshot
  raid1 raid0 btrfs zram nvme overlay squashfs xfs xts cbc ecb aes_generic essiv sha256_generic sha512_generic
  algif_skcipher mmc_block sdhci_pci af_packet"
chain() { modprobe -d whole -S "$release" --show-depends "$@" | awk '$1 == "insmod" { print $2 }'; }
target=/usr/lib/modules/$release
mkdir -p "$target"
for module in $modules; do
  for file in $(chain "$module"); do
    place=$target/${file#*"/$release/"}
    mkdir -p "$(dirname "$place")"
    cp "$file" "$place"
  done
done
cp whole/lib/modules/"$release"/modules.builtin* whole/lib/modules/"$release"/modules.order "$target"
depmod "$release"
cp whole/boot/vmlinuz-"$release" /boot/vmlinuz

# --- the smallest initial system: it mounts the disk, or a stick when the machine is started from one
mkdir -p first/bin first/dev first/proc first/sys first/new first/low first/stick first/m
cp /bin/busybox first/bin/
early() {
  for module in "$@"; do chain "$module"; done | awk '!seen[$0]++' | while read -r file; do
    cp "$file" first/m/
    basename "$file"
  done
}
early virtio_pci virtio_blk virtio_net ext4 crc32c_generic > first/m/order
early crc32c_generic ext4 xhci_pci usb_storage sd_mod loop overlay > first/m/live
cat > first/init <<'INIT'
#!/bin/busybox sh
B=/bin/busybox
$B mount -t devtmpfs d /dev; $B mount -t proc p /proc; $B mount -t sysfs s /sys
load() { while read m; do $B insmod /m/$m 2>/dev/null; done < /m/$1; }
load order
if $B grep -q fieldkit.live /proc/cmdline; then
  load live
  n=0; while [ ! -b /dev/sda1 ] && [ $n -lt 200 ]; do $B sleep 0.1; n=$((n+1)); done
  $B mount -t ext4 -o ro /dev/sda1 /stick
  $B losetup -r /dev/loop0 /stick/live/filesystem.ext4
  $B mount -t ext4 -o ro /dev/loop0 /low
  $B mkdir /cow; $B mount -t tmpfs t /cow; $B mkdir /cow/up /cow/work
  $B mount -t overlay overlay -o lowerdir=/low,upperdir=/cow/up,workdir=/cow/work /new
  $B mkdir -p /new/run/live/medium /new/run/live/rootfs
else
  n=0; while [ ! -b /dev/vda ] && [ $n -lt 100 ]; do $B sleep 0.1; n=$((n+1)); done
  $B mount -t ext4 -o rw,noatime /dev/vda /new
fi
$B mount --move /dev /new/dev; $B mount --move /proc /new/proc; $B mount --move /sys /new/sys
if $B grep -q fieldkit.live /new/proc/cmdline; then
  $B mount -t tmpfs run /new/run; $B mkdir -p /new/run/live/medium /new/run/live/rootfs /new/run/live/overlay
  $B mount --move /stick /new/run/live/medium
  $B mount --move /low /new/run/live/rootfs
  $B mount --move /cow /new/run/live/overlay
fi
exec $B switch_root /new /usr/lib/systemd/systemd
INIT
chmod +x first/init
(cd first && find . | cpio -o -H newc --quiet) > /boot/initrd.img
rm -rf first whole

# --- a lean systemd: what a machine that only gets sticks never needs
for unit in cron.service apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
  fstrim.timer systemd-pstore.service getty@.service serial-getty@ttyS0.service systemd-timesyncd.service \
  systemd-resolved.service systemd-networkd.service systemd-logind.service console-getty.service \
  systemd-update-utmp.service systemd-random-seed.service systemd-journal-flush.service systemd-journal-catalog-update.service \
  systemd-hwdb-update.service systemd-binfmt.service systemd-sysctl.service systemd-tmpfiles-clean.timer \
  systemd-machine-id-commit.service systemd-update-done.service kmod-static-nodes.service modprobe@.service \
  dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount \
  sys-fs-fuse-connections.mount systemd-ask-password-wall.path systemd-ask-password-console.path systemd-rfkill.socket \
  systemd-firstboot.service ldconfig.service systemd-repart.service getty.target remote-fs.target \
  systemd-modules-load.service systemd-sysusers.service systemd-update-utmp-runlevel.service systemd-user-sessions.service \
  proc-sys-fs-binfmt_misc.automount lvm2-monitor.service lvm2-lvmpolld.socket blk-availability.service \
  mdmonitor.service mdadm-shutdown.service mdcheck_start.timer mdcheck_continue.timer mdmonitor-oneshot.timer; do
  ln -sf /dev/null "/etc/systemd/system/$unit"
done
ln -sf /usr/lib/systemd/system/multi-user.target /etc/systemd/system/default.target
cat > /etc/systemd/system/cable.service <<'UNIT'
[Unit]
DefaultDependencies=no
Before=ssh.service
After=systemd-remount-fs.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'ip link set lo up; ip addr add 10.0.2.15/24 dev eth0; ip link set eth0 up; ip route add default via 10.0.2.2'
[Install]
WantedBy=multi-user.target
UNIT
mkdir -p /etc/systemd/system/multi-user.target.wants /etc/systemd/journald.conf.d
ln -sf ../cable.service /etc/systemd/system/multi-user.target.wants/cable.service
printf '[Journal]\nStorage=volatile\nRuntimeMaxUse=8M\n' > /etc/systemd/journald.conf.d/small.conf
printf '/dev/vda / ext4 rw,noatime 0 0\n' > /etc/fstab
echo sticks > /etc/hostname
printf '127.0.0.1 localhost sticks\n' > /etc/hosts
echo 0123456789abcdef0123456789abcdef > /etc/machine-id
printf 'blacklist %s\n' psmouse pcspkr i2c_i801 lpc_ich joydev evdev button > /etc/modprobe.d/lean.conf

# --- who may log in; the key is put there by image.ts
printf 'UseDNS no\nPermitRootLogin prohibit-password\nUsePAM no\n' > /etc/ssh/sshd_config.d/lab.conf
ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key
useradd -m -u 1000 -G plugdev -s /bin/bash user
passwd -q -d user
mkdir -p /media /mnt
# Over ssh nobody sits in front of the machine: this stands in for what a desktop's policy says of one who does.
mkdir -p /etc/polkit-1/rules.d
cat > /etc/polkit-1/rules.d/50-sticks.rules <<'RULE'
polkit.addRule(function(action, subject) {
  if (action.id.indexOf("org.freedesktop.udisks2.") == 0 && subject.isInGroup("plugdev")) return polkit.Result.YES;
});
RULE
chmod 755 /etc/polkit-1/rules.d

# --- sticks: name, megabytes, table (mbr, gpt, none), type, and what makes the file system
mkdir -p /sticks
stick() {
  name=$1 size=$2 table=$3 type=$4
  shift 4
  image=/sticks/$name.img
  truncate -s "${size}M" part.img
  "$@" part.img > /dev/null
  if [ "$table" = none ]; then
    cp --sparse=always part.img "$image"
  else
    truncate -s $((size + 2))M "$image"
    printf 'label: %s\nstart=2048,size=%d,type=%s\n' "$table" $((size * 2048)) "$type" | sfdisk -q "$image"
    dd if=part.img of="$image" bs=1M seek=1 conv=notrunc,sparse status=none
  fi
  rm part.img
}
stick vfat 400 dos c mkfs.vfat -F 32 -n STICKVFAT
stick exfat 400 dos 7 mkfs.exfat -L STICKEXFAT
stick ext4 400 gpt L mkfs.ext4 -q -E root_owner=1000:1000 -L STICKEXT4
stick super 64 none - mkfs.vfat -I -n SUPER
stick ntfs 64 dos 7 mkfs.ntfs -F -Q -q -L STICKNTFS
