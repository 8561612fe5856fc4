// Tells when the drives of this laptop have changed: plugged, pulled, mounted, unmounted, a card put in, a file system found.
// Called by the drive list of the window and `medium list --watch`. It only reads three small things of the kernel and udev
// several times a second, and asks lsblk when one of them has changed: cheaper than a process that listens, and it needs none.
import { readFile, stat } from 'node:fs/promises';
import type { Clock } from '../platform/clock.ts';
import { sha256Of } from '../platform/files.ts';

/** A fifth of a second, so that the list and what it takes to read stay well below the one second a person notices. */
const lookEveryMs = 200;
/** Elsewhere the question itself costs a process or a scan. */
const lookElsewhereMs = 2000;

/**
 * What would differ if anything about drives did. Sizes and partitions are the kernel's, mounts this process's own; udev
 * renames a record into its folder whenever it has learnt something, so the folder's time tells of labels and file systems.
 */
export async function drivesMark(): Promise<string> {
  // Elsewhere every look counts as a change: the list is asked, and whoever shows it sees whether it differs.
  if (process.platform !== 'linux') return String(Date.now());
  const [partitions, mounts, swaps, udev] = await Promise.all([
    readFile('/proc/partitions', 'utf8').catch(() => ''),
    readFile('/proc/self/mountinfo', 'utf8').catch(() => ''),
    readFile('/proc/swaps', 'utf8').catch(() => ''),
    stat('/run/udev/data').then(
      ({ mtimeMs }) => String(mtimeMs),
      () => '',
    ),
  ]);
  return sha256Of([partitions, mounts, swaps, udev].join('\n'));
}

/**
 * Waits until a mark is another one than `before`, or `limitMs` is over; returns what it is then. An empty `before` does not wait.
 * Throws `cancelled`.
 */
export async function nextMark(
  look: () => Promise<string>,
  before: string,
  { clock, limitMs, signal }: { readonly clock: Clock; readonly limitMs: number; readonly signal?: AbortSignal },
): Promise<string> {
  const until = clock.monotonicMs() + limitMs;
  for (;;) {
    const now = await look();
    if (now !== before || clock.monotonicMs() >= until) return now;
    await clock.sleep(process.platform === 'linux' ? lookEveryMs : lookElsewhereMs, signal);
  }
}
