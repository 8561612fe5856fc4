/** What runs on this machine, for tests that say that nothing was left running. From /proc: a minimal Debian has no ps. */
import { readdir, readFile } from 'node:fs/promises';

/** The command line of every process, its words parted by spaces. */
export async function commandLines(): Promise<readonly string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''));
  return (await Promise.all(lines)).map((line) => line.split('\0').join(' ').trim());
}
