// When the services of a machine's partitions were started, asked where they run. Called by the step that has them started anew.
// The script must never write anything.

/**
 * The start of the oldest running service, in seconds since 1970; 0 while none runs. Counted in the kernel's own ticks, since a
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
