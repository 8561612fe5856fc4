// Shell for a software release's folder on a machine. Used by the steps that install releases, and known to the practice machine.

/**
 * $1: the folder of a release. Renames an unfinished one, keeping whatever was set aside before; waits for a pass of slapgrid
 * that may be unpacking it. A folder that is finished, or gone, stays as it is.
 */
export const setAsideScript = `n=0
while pid=$(cat /opt/slapos/slapgrid-sr.pid 2>/dev/null) && grep -q slapos "/proc/$pid/cmdline" 2>/dev/null; do
  n=$((n + 1)); [ $n -le 120 ] || { echo "slapos node software is still at work" >&2; exit 1; }; sleep 1
done
[ -e "$1" ] && [ ! -e "$1/.completed" ] || exit 0
mv -T --backup=numbered -- "$1" "$1.set-aside"`;

/**
 * Lets a machine that has just started come up by itself: ends once `slapos node boot` is over and slapproxy runs, or is not going to
 * be started by anybody. A pass of ours before that keeps the boot from its own: the services of partitions would stay stopped.
 */
export const bootSettledScript = `for _ in $(seq 80); do
  if ! pgrep -f 'slapos node [b]oot' >/dev/null; then
    pgrep -f 'slapos proxy [s]tart' >/dev/null && exit 0
    [ "$(ps -o etimes= -p 1)" -le 90 ] || exit 0
  fi
  sleep 3
done`;
