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
