/** The practice site as the program composes it, at once instead of at a person's pace. Used by the walks. */
import { cp, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compose, type Kit } from '../../../src-main/compose.ts';
import { recordedAsker } from '../../../src-main/runbook/asking.ts';
import { type Bench, openBench } from '../../../src-main/runbook/bench.ts';
import type { Ended } from '../../../src-main/runbook/runner.ts';

export interface PracticeHome {
  readonly home: string;
  /** The practice folder. */
  readonly folder: string;
  readonly siteFolder: string;
}

/** A home with a practice site. A prepared one is copied when given, since making keys takes seconds. */
export async function practiceHome(from?: PracticeHome): Promise<PracticeHome> {
  const home = await mkdtemp(join(tmpdir(), 'fieldkit-practice-'));
  const place = { home, folder: join(home, 'data/practice'), siteFolder: join(home, 'data/sites/practice') };
  if (from !== undefined) await cp(from.folder, place.folder, { recursive: true });
  await kitOf(place).practice.ensureSite();
  return place;
}

/** The program started anew: nothing of an earlier one is in its memory. */
const kitOf = ({ home }: PracticeHome): Kit => compose({ env: { FIELDKIT_HOME: home }, practicePace: 0 });

const who = 'test';

export interface PracticeBench extends Bench {
  readonly kit: Kit;
}

export async function openPracticeBench(place: PracticeHome): Promise<PracticeBench> {
  const kit = kitOf(place);
  const bench = await openBench(kit.parts, 'practice', recordedAsker(kit.practice.answers, { yes: true, who }));
  return { ...bench, kit };
}

/** The site's plan without what is compiled, for tests of the medium alone. Returns its text. */
export async function withoutBuilder({ siteFolder }: PracticeHome): Promise<string> {
  const path = join(siteFolder, 'site.yaml');
  const text = (await readFile(path, 'utf8'))
    .replace(/ {2}- name: builder-1\n(?: {4}.*\n)+/, '')
    .replace(/ {2}- name: rapid-cdn\n(?: {4}.*\n)+/, '');
  await writeFile(path, text);
  return text;
}

/** Walks the office part, onto another medium when a folder is given; what did not end well, with its problem. */
export async function preparing(bench: PracticeBench, medium?: string) {
  const part = bench.runner.instances().filter(({ step }) => step.phase === 'prepare');
  const inputs = medium === undefined ? {} : { 'choose-medium@site': { path: medium } };
  const ended = await walk(bench, [], part, inputs);
  return ended.filter(({ outcome }) => outcome !== 'done').map(({ instance, problem }) => ({ instance, problem }));
}

/** Walks the whole runbook, or a part of it, as the terminal does. */
export const walk = (
  { runner, kit }: PracticeBench,
  skip: readonly string[] = [],
  part = runner.instances(),
  inputs: Readonly<Record<string, Readonly<Record<string, string>>>> = {},
): Promise<readonly Ended[]> =>
  runner.runAll(part, {
    asker: recordedAsker(kit.practice.answers, { yes: true, who }),
    consent: 'phase',
    agreed: [],
    skip,
    inputs: { ...kit.practice.inputs, ...inputs },
    signal: new AbortController().signal,
  });
