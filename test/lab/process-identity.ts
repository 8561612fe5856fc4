/**
 * Tells whether a recorded process is still that process. Called where pids are kept in files.
 * Must never be replaced by the pid alone: pids are used again.
 */
import { readFileSync } from 'node:fs';

/** The start time of a process in clock ticks since boot, as proc(5) `stat` field 22 gives it; null when it is gone. */
export function processStartTime(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in brackets may hold blanks and brackets itself: count from the last one.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // A zombie has ended, its parent has only not looked yet.
    return fields[0] === 'Z' ? null : (fields[19] ?? null);
  } catch {
    return null;
  }
}

/** The running kernel's boot id: records of an earlier boot name nothing any more. */
export function hostBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}
