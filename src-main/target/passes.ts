// Passes of slapos that cron begins, told apart by what they do now. Shell text for the scripts that need a machine at rest: the move
// into the re6st network, a node's leaving. Pure. Nothing here ends a pass that is at work.

/** What `pgrep -f` finds while a pass is there. */
export const passPattern = 'slapos node (boot|format|instance|software|report|collect)';

/** Far longer than any sleep of a pass at work. */
const restSeconds = 15;

/**
 * Defines `end_asleep`. Every hour cron begins a `format` and a `report` that sleep before they do anything, for up to an hour, so that
 * a master is not asked by all its nodes at once. Called every few seconds, it ends those that were seen to sleep for a while without
 * a break: nothing runs below them, they are on no line to anybody, they computed nothing and never woke. One that is at work sleeps
 * too, for two seconds after each address that it adds, and its counts move with each of these sleeps.
 */
export const endAsleep = `asleep() {
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
  set -- "$1" \${stat##*) }
  [ "$2" = S ] || return 0
  # One that was begun with --now has nothing to sleep for: it is at work.
  ! tr '\\0' '\\n' <"/proc/$1/cmdline" | grep -qx -e --now || return 0
  ! pgrep -P "$1" >/dev/null || return 0
  ! ls -l "/proc/$1/fd" 2>/dev/null | grep -q socket: || return 0
  # Its time on the processor and its ended children's, when it began, and how often it gave the processor away.
  echo "$1 \${13} \${14} \${15} \${16} \${21}" $(sed -n 's/^.*ctxt_switches:[^0-9]*//p' "/proc/$1/status" 2>/dev/null)
}
slept=
end_asleep() {
  # Since the machine started: its clock may be set meanwhile.
  now=$(cut -d. -f1 /proc/uptime)
  slept=$(pgrep -f 'slapos node (format|report)' | while read -r one; do
    counts=$(asleep "$one")
    [ -n "$counts" ] || continue
    since=$(echo "$slept" | sed -n "s/^$counts since //p")
    echo "$counts since \${since:-$now}"
  done)
  echo "$slept" | while read -r one counts; do
    if [ -n "$one" ] && [ $((now - \${counts##* })) -ge ${restSeconds} ]; then kill "$one" || :; fi
  done
}`;
