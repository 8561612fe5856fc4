/**
 * From the start of the program to a window that can be used, on the clock and as time on the processor, which other work on the
 * machine does not lengthen, and the memory it takes then. Needs a screen; `npm run bench` brings one.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { launchKit } from '../e2e/launch.ts';
import { median } from './measure.ts';

const rounds = 5;
const asked = { seconds: 2, megabytes: 400 };
const seconds: number[] = [];
const megabytes: Record<string, number[]> = {};
const processor: Record<string, number[]> = {};

/** Linux counts a process's time on the processor in hundredths of a second: fields 14 and 15 of its stat, behind the name in brackets. */
async function processorSeconds(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

for (let round = 0; round < rounds; round += 1) {
  const home = await mkdtemp(join(tmpdir(), 'fieldkit-bench-'));
  const { app, window } = await launchKit({ home });
  try {
    await window.getByRole('button', { name: 'Begin to practise' }).waitFor();
    const now = Date.now();
    // From its own beginning: how long it takes a test to start a program is not the program's.
    seconds.push((now - ((await app.evaluate(() => process.getCreationTime())) ?? now)) / 1000);
    const metrics = await app.evaluate(({ app: program }) => program.getAppMetrics());
    for (const { type, memory, pid } of metrics) {
      megabytes[type] ??= [];
      megabytes[type][round] = (megabytes[type][round] ?? 0) + memory.workingSetSize / 1024;
      processor[type] ??= [];
      processor[type][round] = (processor[type][round] ?? 0) + (await processorSeconds(pid));
    }
  } finally {
    await app.close();
    await rm(home, { recursive: true, force: true });
  }
}

const verdict = (value: number, most: number): string => (value <= most ? 'as asked' : `above ${most}`);
const usable = median(seconds);
console.log(
  `start to a usable window           ${usable.toFixed(2)} s (${rounds} starts, the first ${seconds[0]?.toFixed(2)} s): ${verdict(usable, asked.seconds)}`,
);
// Pages that processes share are counted in each: the sum is more than what the program takes from the machine.
for (const [type, values] of Object.entries(megabytes))
  console.log(
    `  ${type.padEnd(32)} ${median(values).toFixed(0)} MB, ${median(processor[type] ?? []).toFixed(2)} s on the processor`,
  );
const main = median(megabytes.Browser ?? []);
console.log(`memory of the main process         ${main.toFixed(0)} MB: ${verdict(main, asked.megabytes)}`);
