// Cron, which starts slapos every minute, paused for work that slapos must not meet. Texts for sh, used where a release is packed
// and where packages are upgraded. Resumed even when the work was killed: it is run afterwards, and does nothing twice.

const mark = '/run/fieldkit/cron-paused';

/** Pauses cron and lets passes of slapos that are under way end: of software (`sr`), of instances (`cp`). Half an hour at most. */
export const pauseCron = (...passes: readonly ('sr' | 'cp')[]): string => `mkdir -p /run/fieldkit
if systemctl is-active --quiet cron; then touch ${mark}; systemctl stop cron; fi
for pass in ${passes.join(' ')}; do
  tries=0
  while pid=$(cat "/opt/slapos/slapgrid-$pass.pid" 2>/dev/null) && grep -qs slapos "/proc/$pid/cmdline"; do
    tries=$((tries + 1))
    if [ $tries -gt 900 ]; then echo "a pass of slapos is still running ($pid)"; exit 1; fi
    sleep 2
  done
done`;

export const resumeCron = `if [ -e ${mark} ]; then systemctl start cron && rm -f ${mark}; fi`;
