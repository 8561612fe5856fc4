// The services of a machine's partitions: starting them anew, and when they were started. Called by the steps that have them started
// anew.

/** A command with the environment that slapos needs under sudo and in units: HOME decides where it looks for files. */
export const withSlaposEnvironment = (...words: readonly string[]): string[] => [
  'env',
  'HOME=/root',
  'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  ...words,
];

/**
 * Starts them anew, run with the environment above. A pass of slapos that cron begins in the very moment can start a service that
 * is being stopped; supervisor's client then waits for it for ever. After ten minutes what was left stopped is started, and that is
 * all there was to do. Exit 1: a program that does its work once cannot be started anew.
 */
export const restartServicesScript = `timeout 600 slapos node restart all
code=$?
[ "$code" = 124 ] || exit "$code"
slapos node start all`;

/**
 * Writes nothing. The start of the oldest running service, in seconds since 1970; 0 while none runs. Counted in the kernel's own ticks, since a
 * clock that was set meanwhile would shift what ps prints.
 */
const servicesSinceScript = `boot=$(sed -n 's/^btime //p' /proc/stat)
oldest=0
for process in $(HOME=/root slapos node status 2>/dev/null | sed -n 's/^slappart[0-9]*:.* RUNNING  *pid \\([0-9]*\\),.*/\\1/p'); do
  ticks=$(sed 's/.*) //' "/proc/$process/stat" 2>/dev/null | cut -d ' ' -f 20)
  [ -n "$ticks" ] || continue
  since=$((boot + ticks / $(getconf CLK_TCK)))
  if [ "$oldest" = 0 ] || [ "$since" -lt "$oldest" ]; then oldest=$since; fi
done
echo "$oldest"`;

export const servicesSinceArgv: readonly string[] = ['sh', '-c', servicesSinceScript];
