/**
 * What every step must keep, proved over the whole runbook on the practice site, in the order in which it is walked:
 * reading writes nothing; equal facts give an equal plan; performing the plan ends done or waiting; done plans nothing;
 * nothing that is shown or kept holds a secret; every key that is said has its text in every language.
 */
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { compose } from '../../src-main/compose.ts';
import { practiceFirstPassword } from '../../src-main/practice/commands/slapproxy.ts';
import { recordedAsker } from '../../src-main/runbook/asking.ts';
import { closeBench, openBench } from '../../src-main/runbook/bench.ts';
import { shellOf } from '../../src-main/runbook/explain.ts';
import { before, infoOf } from '../../src-main/runbook/instances.ts';
import { runbook } from '../../src-main/steps/index.ts';
import { problems } from '../../src-shared/problem.ts';
import { allTexts, languages } from './locale-files.ts';

/** Written by the engine itself when something is read: the journal and what hangs on it. */
const engineFiles = /(^|\/)(journal\.jsonl|writer\.lock|blobs(\/.*)?)$/;

/** A simulated machine's cron goes on while we look: its state may be on its way to its place, and gone from here when it is read. */
const underWay = /\/machines\/\.fieldkit-[0-9a-f]+\.tmp$/;

/** Paths of every file in a folder. */
async function filesOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.flatMap((entry) => (entry.isFile() ? [join(entry.parentPath, entry.name)] : []));
  return paths.filter((path) => !underWay.test(path));
}

/** Every file of a folder with its hash. */
async function treeOf(folder: string): Promise<string[]> {
  const lines: string[] = [];
  for (const path of await filesOf(folder)) {
    if (engineFiles.test(path)) continue;
    // A simulated machine's cron writes when it pleases; its file is there a moment before it has its name.
    if (/\/practice\/machines\/\.fieldkit-[0-9a-f]+\.tmp$/.test(path)) continue;
    lines.push(
      `${path} ${createHash('sha256')
        .update(withoutCron(path, await readFile(path)))
        .digest('hex')}`,
    );
  }
  return lines.sort();
}

/** The simulated machine's own cron goes on while we look: when it looks next is no work of ours. */
function withoutCron(path: string, content: Buffer): Buffer | string {
  if (!/\/machines\/[^/]+\.json$/.test(path)) return content;
  const { nextCronMs: _next, ...state } = JSON.parse(content.toString('utf8')) as Record<string, unknown>;
  return JSON.stringify(state);
}

const secret = 'canary3passphrase3of3the3vault';
const keys = languages.map((language) => ({ language, texts: allTexts(language) }));

/** A sentence may have plural forms instead of itself. */
const missingTexts = (wanted: readonly string[]): string[] =>
  keys.flatMap(({ language, texts }) =>
    wanted.filter((key) => !texts.has(key) && !texts.has(`${key}_other`)).map((key) => `${language}: ${key}`),
  );

// Opened at once: what there is to be tested, and in which order, is known only then.
const home = await mkdtemp(join(tmpdir(), 'fieldkit-conformance-'));
const kit = compose({ env: { FIELDKIT_HOME: home }, practicePace: 0 });
const bench = await openBench(
  kit.parts,
  await kit.practice.ensureSite(),
  recordedAsker({ ...kit.practice.answers, passphrase: secret }, { yes: true, who: 'test' }),
);

describe('every step', () => {
  afterAll(async () => {
    await closeBench(bench);
    await rm(home, { recursive: true, force: true });
  });

  it('has an id of its own, comes after steps that exist, and is explained', () => {
    const ids = runbook.map((step) => step.id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { after, waitsFor = [] } of runbook)
      for (const other of [...after.map(({ step }) => step), ...(waitsFor === 'everything' ? [] : waitsFor)])
        expect(ids).toContain(other);
    const all = bench.runner.instances();
    for (const [index, instance] of all.entries())
      for (const { key } of before(instance, all))
        expect(
          all.slice(0, index).map((item) => item.key),
          `${instance.key} after ${key}`,
        ).toContain(key);
    const wanted = runbook.flatMap((step) => [
      `steps.${step.id}.title`,
      `steps.${step.id}.why`,
      ...infoOf(step).input.map((field) => `steps.${step.id}.input.${field.name}.label`),
    ]);
    expect(missingTexts(wanted)).toEqual([]);
  });

  it.each(bench.runner.instances().map((instance) => [instance.key, instance] as const))(
    '%s',
    async (_key, instance) => {
      const signal = new AbortController().signal;
      const { runner, site } = bench;
      const input = kit.practice.inputs[instance.key];
      const viewOf = () => {
        const view = site.view.instances[instance.key];
        if (view === undefined) throw new Error(instance.key);
        return view;
      };

      const untouched = await treeOf(home);
      await runner.check(instance, input, signal);
      const first = viewOf();
      const plan = await runner.plan(instance, input, signal);
      const again = await runner.plan(instance, input, signal);
      expect(await treeOf(home), 'reading writes nothing').toEqual(untouched);
      expect(again?.hash, 'equal facts give an equal plan').toBe(plan?.hash);
      expect(viewOf().verdict).toEqual(first.verdict);

      const ended = await runner.run(instance, {
        asker: recordedAsker({ ...kit.practice.answers, passphrase: secret }, { yes: true, who: 'test' }),
        consent: 'phase',
        agreed: [],
        skip: [],
        inputs: input === undefined ? {} : { [instance.key]: input },
        signal,
      });
      expect(ended.problem).toBe(null);
      expect(['done', 'waiting']).toContain(ended.outcome);
      if (ended.outcome === 'done') expect(await runner.plan(instance, input, signal), 'done plans nothing').toBe(null);

      const view = viewOf();
      const shown = plan === null ? '' : shellOf(plan.commands);
      for (const text of [JSON.stringify(view), shown]) expect(text.includes(secret)).toBe(false);

      const said = [...first.found, ...view.found].map((told) => told.key);
      const noted = (plan?.commands ?? []).flatMap((command) => {
        if (command.kind === 'until') return [command.awaited.key];
        if (command.kind === 'ask') return [`${command.question.key}.title`, `${command.question.key}.hint`];
        return 'note' in command && command.note !== undefined ? [command.note.key] : [];
      });
      const found = [...(first.verdict?.findings ?? []), ...(view.verdict?.findings ?? [])].map(
        ({ code }) => `problems.${code}.title`,
      );
      expect(missingTexts([...said, ...noted, ...found])).toEqual([]);
    },
  );

  it('shows a secret when asked, records that it did, and keeps it nowhere', async () => {
    const { runner, site } = bench;
    const showing = runner.instances().filter(({ step }) => step.reveals !== undefined);
    expect(showing.length).toBeGreaterThan(0);
    for (const instance of showing) {
      const value = await runner.reveal(instance, 'test', new AbortController().signal);
      expect(value).toBe(practiceFirstPassword);
      await runner.check(instance, undefined, new AbortController().signal);
      expect(await readFile(join(site.folder, 'journal.jsonl'), 'utf8')).toContain('"revealed"');
    }
    for (const path of await filesOf(home))
      expect((await readFile(path, 'latin1')).includes(practiceFirstPassword), path).toBe(false);
  });

  it('left no secret in the site folder, the medium or the journal', async () => {
    for (const path of await filesOf(home)) expect((await readFile(path, 'latin1')).includes(secret), path).toBe(false);
  });

  it('performs nothing when the whole runbook is walked again', async () => {
    const ended = await bench.runner.runAll(bench.runner.instances(), {
      asker: recordedAsker({}, { yes: false, who: 'test' }),
      consent: 'phase',
      agreed: [],
      skip: [],
      inputs: kit.practice.inputs,
      signal: new AbortController().signal,
    });
    expect(ended.map(({ outcome, performed }) => [outcome, performed])).toEqual(ended.map(() => ['done', 0]));
    expect(ended.length).toBe(bench.runner.instances().length);
  });

  it('takes back every step that says it can be taken back, the last first, and does them again', async () => {
    const { runner, site } = bench;
    const asker = recordedAsker({ ...kit.practice.answers, passphrase: secret }, { yes: true, who: 'test' });
    const options = { asker, consent: 'phase' as const, agreed: [], skip: [], inputs: kit.practice.inputs };
    const signal = new AbortController().signal;
    const undoable = runner.instances().filter(({ step }) => step.undo !== undefined);
    expect(undoable.length).toBeGreaterThan(3);
    for (const instance of undoable.toReversed()) {
      const { plan, stays } = await runner.undoPlan(instance, signal);
      expect(missingTexts(stays.map(({ key }) => key))).toEqual([]);
      const ended = await runner.undo(instance, { ...options, signal });
      expect([ended.instance, ended.outcome, ended.problem]).toEqual([instance.key, 'undone', null]);
      expect(ended.performed, instance.key).toBe(plan?.commands.length ?? 0);
      expect(site.view.instances[instance.key]?.everDone).toBe(false);
      if (plan !== null) expect(site.view.instances[instance.key]?.state, instance.key).not.toBe('done');
      expect((await runner.undoPlan(instance, signal).catch((error: unknown) => error)) as object).toMatchObject({
        code: 'undo-impossible',
      });
    }
    const again = await runner.runAll(runner.instances(), { ...options, signal });
    expect(again.map(({ instance, outcome }) => [instance, outcome])).toEqual(
      again.map(({ instance }) => [instance, 'done']),
    );
  });

  it('knows only problems of the catalogue', () => {
    const codes = Object.values(bench.site.view.instances)
      .flatMap((view) => view.verdict?.findings ?? [])
      .map(({ code }) => code);
    expect(codes.filter((code) => !(code in problems))).toEqual([]);
  });
});
