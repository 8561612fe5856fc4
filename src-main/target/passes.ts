// Passes of slapos that cron begins, told apart by what they do now. Shell text for the scripts that need a machine at rest: the move
// into the re6st network, a node's leaving. Pure. Nothing here ends a pass that is at work.

/** What `pgrep -f` finds while a pass is there. */
export const passPattern = 'slapos node (boot|format|instance|software|report|collect)';

/**
 * Defines `end_asleep`. Every hour cron begins a `format` and a `report` that sleep before they do anything, for up to an hour, so that
 * a master is not asked by all its nodes at once. Called every few seconds, it ends those that were seen to sleep twice running:
 * nothing runs below them, they are on no line to anybody, and they computed nothing meanwhile.
 */
export const endAsleep = `asleep() {
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
  set -- "$1" \${stat##*) }
  [ "$2" = S ] || return 0
  # One that was begun with --now has nothing to sleep for: it is at work.
  ! tr '\\0' '\\n' <"/proc/$1/cmdline" | grep -qx -e --now || return 0
  ! pgrep -P "$1" >/dev/null || return 0
  ! ls -l "/proc/$1/fd" 2>/dev/null | grep -q socket: || return 0
  echo "$1 \${13} \${14}"
}
slept=
end_asleep() {
  sleeps=$(for one in $(pgrep -f 'slapos node (format|report)'); do asleep "$one"; done)
  echo "$sleeps" | while read -r one times; do
    if [ -n "$one" ] && echo "$slept" | grep -qx "$one $times"; then kill "$one" || :; fi
  done
  slept=$sleeps
}`;
