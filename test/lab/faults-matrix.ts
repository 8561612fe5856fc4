/**
 * `npm run lab -- faults`: every fault at every moment of every step on site. What was tried is kept beside the lab's cache by the
 * built program, so that an interrupted matrix goes on where it was; `-- faults --again` forgets it. Words name steps, faults or moments
 * to try only those. Writes the table to docs/faults.md.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { canBefall, type FaultOutcome, faultKinds, meetFault, momentsOf, openBoundary, siteSteps } from './faults.ts';
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
  const rows = wanted.flatMap((item) => {
    const found = tried.get(nameOf(item));
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
    return [`| ${item.step} | ${item.kind} | ${item.moment} | ${story} ${end.replaceAll('|', '\\|')} |`];
  });
  const well = [...tried.values()].filter(isWell).length;
  writeFileSync(
    page,
    `# Faults and how they end

Written by \`npm run lab -- faults\`. Each line is one real machine, frozen just before the step, one fault, and the end compared with that of undisturbed runs: files, packages, packet rules, tables of slapproxy. Moment 0 is before the first command, 1 to 5 are so many sixths of the step's time. "Told" is the problem a technician read; the step was then started again, after mending what a person can see.

${tried.size} of ${wanted.length} tried, ${well} ended the same.

| step | fault | moment | told | runs | end |
|---|---|---|---|---|---|
${rows.join('\n')}
`,
  );
}

const reason = labUnavailable();
if (reason !== null) throw new Error(reason);
const tried = readTried();
for (const step of siteSteps) {
  const open = wanted.filter((item) => item.step === step && fits(item) && !isWell(tried.get(nameOf(item))));
  if (open.length === 0) continue;
  const boundary = await openBoundary(step);
  try {
    for (const { kind, moment } of open) {
      const outcome = await meetFault(boundary, kind, moment).catch(
        (error: Error): Tried => ({ step, kind, moment, failed: error.message.slice(-600) }),
      );
      tried.set(nameOf(outcome), outcome);
      save(tried);
      const end =
        'failed' in outcome
          ? `FAILED ${outcome.failed}`
          : `${outcome.befell}, ${outcome.told || 'by itself'}, ${outcome.runs} runs, ${outcome.seconds} s, ${outcome.differences.length === 0 ? 'the same' : outcome.differences.slice(0, 5).join('\n    ')}`;
      console.log(`${nameOf(outcome)}: ${end}`);
    }
  } finally {
    await boundary.close();
  }
}
save(tried);
process.exit([...tried.values()].every(isWell) ? 0 : 1);
