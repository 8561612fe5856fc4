/**
 * `npm run lab -- faults`: every fault at every moment of every step on site. What was tried is kept in the lab's cache,
 * also when the program changes, so that an interrupted matrix goes on where it was; `-- faults --again` forgets it. Words name steps, faults or moments
 * to try only those; `--at-once=3` tries three side by side (two). Writes the table to docs/faults.md; Ctrl-C ends it after what is under way.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { canBefall, type FaultOutcome, faultKinds, Ladder, meetFault, momentsOf, siteSteps } from './faults.ts';
import { cacheFolder, labUnavailable } from './host.ts';

const results = join(cacheFolder(), 'faults.json');
const page = join(import.meta.dirname, '..', '..', 'docs', 'faults.md');
const words = process.argv.slice(2);
const chosen = words.filter((word) => !word.startsWith('--'));

type Tried = FaultOutcome | (Pick<FaultOutcome, 'step' | 'kind' | 'moment'> & { readonly failed: string });
const nameOf = ({ step, kind, moment }: Pick<Tried, 'step' | 'kind' | 'moment'>): string => `${step} ${kind} ${moment}`;

const wanted = siteSteps.flatMap((step) =>
  faultKinds
    .filter((kind) => canBefall(kind, step))
    .flatMap((kind) => momentsOf(step).map((moment) => ({ step, kind, moment }))),
);
const fits = (item: Pick<Tried, 'step' | 'kind' | 'moment'>): boolean =>
  [
    chosen.filter((word) => siteSteps.includes(word)).map((word) => word === item.step),
    chosen.filter((word) => faultKinds.some((kind) => kind === word)).map((word) => word === item.kind),
    chosen.filter((word) => /^\d$/.test(word)).map((word) => Number(word) === item.moment),
  ].every((named) => named.length === 0 || named.includes(true));

function readTried(): Map<string, Tried> {
  if (words.includes('--again') || !existsSync(results)) return new Map();
  const list = JSON.parse(readFileSync(results, 'utf8')) as Tried[];
  return new Map(list.map((item) => [nameOf(item), item]));
}

/** What failed is tried again by the next run. */
const isWell = (item: Tried | undefined): boolean =>
  item !== undefined && 'differences' in item && item.differences.length === 0;

function save(tried: ReadonlyMap<string, Tried>): void {
  mkdirSync(cacheFolder(), { recursive: true });
  writeFileSync(results, JSON.stringify([...tried.values()], null, 1));
  const told = wanted.map((item) => ({ item, found: tried.get(nameOf(item)) }));
  const rows = told.flatMap(({ item: { step, kind, moment }, found }) => {
    if (found === undefined) return [];
    const end =
      'failed' in found
        ? `did not end: ${found.failed}`
        : found.differences.length === 0
          ? 'the same'
          : `${found.differences.length} differences: ${found.differences[0]?.slice(0, 100)}`;
    const story =
      'failed' in found
        ? '| |'
        : `${found.befell === 'over' ? 'step was over' : found.told || 'got over it by itself'} | ${found.runs} |`;
    return [`| ${step} | ${kind} | ${moment} | ${story} ${end.replaceAll('|', '\\|').replaceAll('\n', ' ')} |`];
  });
  const open = told.filter(({ found }) => found === undefined).map(({ item }) => item);
  const left = siteSteps.flatMap((step) =>
    faultKinds.flatMap((kind) => {
      const moments = open.filter((item) => item.step === step && item.kind === kind).map(({ moment }) => moment);
      return moments.length === 0 ? [] : [`| ${step} | ${kind} | ${moments.join(', ')} |`];
    }),
  );
  const well = told.filter(({ found }) => isWell(found)).length;
  writeFileSync(
    page,
    `# Faults and how they end

Written by \`npm run lab -- faults\`. Each line is one real machine, frozen just before the step, one fault, and the end compared with that of undisturbed runs: files, packages, packet rules, tables of slapproxy. Moment 0 is before the first command, 1 to 5 are so many sixths of the step's time. "Told" is the problem a technician read; the step was then started again, after mending what a person can see. The steps are those of a master on site.

${rows.length} of ${wanted.length} tried, ${well} ended the same.

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
const tried = readTried();
const isOpen = (item: (typeof wanted)[number]): boolean => fits(item) && !isWell(tried.get(nameOf(item)));
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
save(tried);
process.exit([...tried.values()].every(isWell) ? 0 : 1);

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
      tried.set(nameOf(outcome), outcome);
      save(tried);
      console.log(`${nameOf(outcome)}: ${endOf(outcome)}`);
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
