/**
 * Times two ways of doing the same work in interleaved rounds and prints the ratio: above 1, ours is the faster.
 * Used by the benchmarks of `npm run bench`. Absolute figures do not travel between machines; ratios do.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Contest {
  readonly work: string;
  readonly best: string;
  readonly asked: number;
  readonly rounds: number;
  readonly ours: () => Promise<void>;
  readonly theirs: () => Promise<void>;
  /** Between any two measurements, not timed. */
  readonly reset?: () => Promise<void>;
}

const seconds = async (act: () => Promise<void>): Promise<number> => {
  const started = process.hrtime.bigint();
  await act();
  return Number(process.hrtime.bigint() - started) / 1e9;
};

export const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/** Runs a contest and prints one line; says whether what is asked was reached. */
export async function contest({ work, best, asked, rounds, ours, theirs, reset }: Contest): Promise<void> {
  const own: number[] = [];
  const other: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    // Who begins changes, so that neither always finds the caches warm.
    for (const mine of round % 2 === 0 ? [true, false] : [false, true]) {
      await reset?.();
      (mine ? own : other).push(await seconds(mine ? ours : theirs));
    }
  }
  const ratio = median(other) / median(own);
  const verdict = ratio >= asked ? 'as asked' : `below ${asked}`;
  console.log(
    `${work.padEnd(34)} ratio ${ratio.toFixed(2)} to ${best} (ours ${median(own).toFixed(3)} s, theirs ${median(other).toFixed(3)} s, ${rounds} rounds): ${verdict}`,
  );
}

/** Runs a program to its end; throws when it fails. */
export const program = (argv: readonly string[]): Promise<void> =>
  new Promise((resolve, reject) => {
    const [file = '', ...args] = argv;
    const child = spawn(file, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    child.on('error', reject);
    child.on('close', (code) => (code === 0 ? resolve() : reject(new Error(`${argv.join(' ')}: ${code}`))));
  });

/** A folder that is gone when the benchmark ends. */
export function workFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'fieldkit-bench-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
