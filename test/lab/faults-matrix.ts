/**
 * `npm run lab -- faults`: every fault at every moment of every step on site. What ended well stands in docs/faults.md,
 * and is not tried again, on whatever laptop; `-- faults --again` forgets it. Words name steps, faults or moments
 * to try only those; `--at-once=3` tries three side by side (two). Ctrl-C ends it after what is under way.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { canBefall, type FaultOutcome, faultKinds, Ladder, meetFault, momentsOf, siteSteps } from './faults.ts';
import { labUnavailable } from './host.ts';

const page = join(import.meta.dirname, '..', '..', 'docs', 'faults.md');
const words = process.argv.slice(2);
const chosen = words.filter((word) => !word.startsWith('--'));

type Case = Pick<FaultOutcome, 'step' | 'kind' | 'moment'>;
type Tried = FaultOutcome | (Case & { readonly failed: string });

const wanted = siteSteps.flatMap((step) =>
  faultKinds
    .filter((kind) => canBefall(kind, step))
    .flatMap((kind) => momentsOf(step).map((moment) => ({ step, kind, moment }))),
);
const fits = (item: Case): boolean =>
  [
    chosen.filter((word) => siteSteps.includes(word)).map((word) => word === item.step),
    chosen.filter((word) => faultKinds.some((kind) => kind === word)).map((word) => word === item.kind),
    chosen.filter((word) => /^\d$/.test(word)).map((word) => Number(word) === item.moment),
  ].every((named) => named.length === 0 || named.includes(true));

/** How the row of a case begins: what it is found again by. */
const rowOf = ({ step, kind, moment }: Case): string => `| ${step} | ${kind} | ${moment} |`;
const wellEnd = '| the same |';

/** The row of a case that was tried, as it stands in the page; what failed is tried again by the next run. */
function toldRow(tried: Tried): string {
  if ('failed' in tried) return `${rowOf(tried)} | | did not end: ${inCell(tried.failed)} |`;
  const { befell, told, runs, differences } = tried;
  const story = befell === 'over' ? 'step was over' : told || 'got over it by itself';
  const end =
    differences.length === 0
      ? wellEnd
      : `| ${differences.length} differences: ${inCell(differences[0]?.slice(0, 100) ?? '')} |`;
  return `${rowOf(tried)} ${story} | ${runs} ${end}`;
}

const inCell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ').trim();

/** What the page tells of each case. */
function readPage(): Map<string, string> {
  const lines = words.includes('--again') || !existsSync(page) ? [] : readFileSync(page, 'utf8').split('\n');
  return new Map(
    wanted.flatMap((item) => {
      const row = lines.find((line) => line.startsWith(rowOf(item)));
      return row === undefined ? [] : [[rowOf(item), row]];
    }),
  );
}

function writePage(): void {
  const rows = wanted.flatMap((item) => told.get(rowOf(item)) ?? []);
  const open = wanted.filter((item) => !told.has(rowOf(item)));
  const left = siteSteps.flatMap((step) =>
    faultKinds.flatMap((kind) => {
      const moments = open.filter((item) => item.step === step && item.kind === kind).map(({ moment }) => moment);
      return moments.length === 0 ? [] : [`| ${step} | ${kind} | ${moments.join(', ')} |`];
    }),
  );
  writeFileSync(
    page,
    `# Faults and how they end

Written by \`npm run lab -- faults\`. Each line is one real machine, frozen just before the step, one fault, and the end compared with that of undisturbed runs: files, packages, packet rules, tables of slapproxy. Moment 0 is before the first command, 1 to 5 are so many sixths of the step's time. "Told" is the problem a technician read; the step was then started again, after mending what a person can see. The steps are those of a master on site.

${rows.length} of ${wanted.length} tried, ${rows.filter(endedWell).length} ended the same.

| step | fault | moment | told | runs | end |
|---|---|---|---|---|---|
${rows.join('\n')}
${
  left.length === 0
    ? ''
    : `
## Not tried

| step | fault | moments |
|---|---|---|
${left.join('\n')}
`
}`,
  );
}

const reason = labUnavailable();
if (reason !== null) throw new Error(reason);
const told = readPage();
const endedWell = (row: string | undefined): boolean => row?.endsWith(wellEnd) === true;
const isOpen = (item: (typeof wanted)[number]): boolean => fits(item) && !endedWell(told.get(rowOf(item)));
const atOnce = Number(/^--at-once=(\d)$/.exec(words.find((word) => word.startsWith('--at-once=')) ?? '')?.[1] ?? 2);
/** Ctrl-C: what is under way comes to its end, and nothing more is begun. A second one ends at once. */
let stopping = false;
process.once('SIGINT', () => {
  stopping = true;
  console.log('stops after what is under way');
});
let ladder: Ladder | null = null;
for (const step of siteSteps) {
  if (stopping || !wanted.some((item) => item.step === step && isOpen(item))) continue;
  try {
    ladder ??= await Ladder.open(step, atOnce);
    await tryStep(ladder, step);
  } catch (error) {
    // Its boundary cannot be made: the steps after it are tried from a checkpoint after it, where there is one.
    console.log(`${step}: FAILED ${error instanceof Error ? error.message.slice(-2000) : String(error)}`);
    await ladder?.close();
    ladder = null;
  }
}
await ladder?.close();
process.exit([...told.values()].every(endedWell) ? 0 : 1);

/** Every open case of a step, side by side in the ladder's labs. Throws when its boundary cannot be made. */
async function tryStep(ladder: Ladder, step: string): Promise<void> {
  const open = wanted.filter((item) => item.step === step && isOpen(item));
  if (open.length === 0) return;
  const boundary = await ladder.boundary(step);
  console.log(
    `${step}: ${Math.round(boundary.durationMs / 100) / 10} s undisturbed; not compared: ${[...boundary.noise].join(', ')}`,
  );
  const worker = async (lab: Ladder['labs'][number]): Promise<void> => {
    for (let item = open.shift(); item !== undefined && !stopping; item = open.shift()) {
      const { kind, moment } = item;
      const outcome = await meetFault(lab, boundary, kind, moment).catch(
        (error: Error): Tried => ({ step, kind, moment, failed: error.message.slice(-600) }),
      );
      told.set(rowOf(outcome), toldRow(outcome));
      writePage();
      console.log(`${step} ${kind} ${moment}: ${endOf(outcome)}`);
    }
  };
  await Promise.all(ladder.labs.slice(0, atOnce).map(worker));
}

function endOf(outcome: Tried): string {
  if ('failed' in outcome) return `FAILED ${outcome.failed}`;
  const { befell, told, runs, seconds, differences } = outcome;
  const end = differences.length === 0 ? 'the same' : differences.slice(0, 5).join('\n    ');
  return `${befell}, ${told || 'by itself'}, ${runs} runs, ${seconds} s, ${end}`;
}
