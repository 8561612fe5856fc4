// The whole runbook against the practice site, through the real engine, jobs and content server: once, twice, with every
// fault, and cut off at every command.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FaultId, faultIds, setPracticeFault } from '../../../src-main/practice/faults.ts';
import { readState } from '../../../src-main/practice/state.ts';
import { closeBench } from '../../../src-main/runbook/bench.ts';
import type { Command } from '../../../src-main/runbook/define.ts';
import { readJournal } from '../../../src-main/runbook/journal-store.ts';
import { lessons } from '../../../src-shared/lessons.ts';
import { readManifestPaths } from './medium-paths.ts';
import { openPracticeBench, type PracticeBench, type PracticeHome, practiceHome, walk } from './practice-bench.ts';

const homes: string[] = [];
const fresh = async (from?: PracticeHome): Promise<PracticeHome> => {
  const place = await practiceHome(from);
  homes.push(place.home);
  return place;
};
/** Generated once; every other home starts from a copy, so that they are alike. */
let prepared: PracticeHome;
beforeAll(async () => {
  prepared = await fresh();
});
afterAll(async () => {
  for (const home of homes) await rm(home, { recursive: true, force: true });
});

/** What stands on machines and medium in the end, without what differs from site to site: times and keys. */
async function endState(place: PracticeHome) {
  return {
    ...(await machineEndState(place, 'master-1')),
    node: await machineEndState(place, 'node-1'),
    medium: await readManifestPaths(join(place.folder, 'stick', 'fieldkit')),
  };
}

async function machineEndState({ home, folder }: PracticeHome, machine: string) {
  const state = await readState(folder, machine);
  if (state === null) throw new Error(`${machine} has no state`);
  const plain = (text: string) =>
    text
      .replace(/-----BEGIN [^-]*-----[^-]*-----END [^-]*-----/g, 'PEM')
      .replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g, 'TIME')
      .replace(/signed at \d+/g, 'signed')
      .replaceAll(home, 'HOME');
  const files = Object.entries(state.files)
    .filter(([path]) => !/\.log$|\.completed$|\/lists\/|\.set-aside/.test(path))
    .map(([path, { kind, mode, owner, text }]) => [path, `${kind} ${mode.toString(8)} ${owner} ${plain(text)}`]);
  return {
    files: Object.fromEntries(files),
    paths: Object.keys(state.files)
      .filter((path) => !path.includes('.set-aside'))
      .sort(),
    packages: state.packages,
    addresses: state.addresses.map(({ address }) => address).sort(),
    supplied: state.supplied,
    units: Object.keys(state.units),
    guards: Object.keys(state.guards),
    requested: state.requested?.name ?? null,
  };
}

const troubleOf = (ended: Awaited<ReturnType<typeof walk>>) => {
  const last = ended.at(-1);
  return [last?.instance, last?.outcome, last?.problem?.code ?? null];
};

/** Everything of the runbook, each once; a node goes at its own pace, so that the order is not the runbook's. */
function expectAllDone({ runner }: PracticeBench, ended: Awaited<ReturnType<typeof walk>>): void {
  expect(ended.filter(({ outcome }) => outcome !== 'done')).toEqual([]);
  expect(ended.map(({ instance }) => instance).sort()).toEqual(
    runner
      .instances()
      .map(({ key }) => key)
      .sort(),
  );
}

describe('the practice site', () => {
  let reference: PracticeHome;

  it('is walked from end to end, and a second walk performs nothing', async () => {
    reference = await fresh(prepared);
    const bench = await openPracticeBench(reference);
    const ended = await walk(bench);
    expectAllDone(bench, ended);
    await closeBench(bench);

    const before = await endState(reference);
    const again = await openPracticeBench(reference);
    const second = await walk(again);
    await closeBench(again);
    expect(second.map(({ outcome, performed }) => [outcome, performed])).toEqual(ended.map(() => ['done', 0]));
    expect(await endState(reference)).toEqual(before);
    expect(before.packages['slapos-node']?.version).toBe('1.22.1+1.0.499+0-1');
    expect(before.paths.filter((path) => /^\/opt\/slapgrid\/[0-9a-f]{32}\/\.completed$/.test(path))).toHaveLength(1);
    expect(before.files['/etc/opt/slapos/slapos.cfg']).toContain('http://127.0.0.1:5050/bdir');
    expect(before.files['/etc/opt/slapos/slapos.cfg']?.match(/PEM/g)).toHaveLength(3);
    expect(before.node.files['/etc/opt/slapos/slapos.cfg']).toContain('computer_id = COMP-1');
    expect([before.requested, before.node.requested]).toEqual(['slapos-master', 'master-frontend']);
  });

  it('yields the problem of each fault, and goes on when the fault is switched off', { timeout: 300_000 }, async () => {
    const place = await fresh(prepared);
    const bench = await openPracticeBench(place);
    const met = new Set<FaultId>();
    const meets = async (id: FaultId, instance: string, code: string) => {
      await setPracticeFault(place.folder, id, true);
      expect(troubleOf(await walk(bench)), id).toEqual([instance, expect.stringMatching(/^(stopped|failed)$/), code]);
      await setPracticeFault(place.folder, id, false);
      met.add(id);
    };
    // In the runbook's order: each walk goes on where the last one stopped.
    await meets('stick-unplugged', 'choose-medium@site', 'medium-absent');
    await meets('tampered-package-index', 'plan-medium@site', 'index-tampered');
    await meets('tampered-release-archive', 'import-software@release:slapos-master', 'release-archive-wrong-folder');
    await meets('tampered-cache-archive', 'mirror-software@release:re6stnet', 'download-wrong-hash');
    await meets('another-stick', 'choose-medium@site', 'medium-swapped');
    await meets('forwarding-forbidden', 'preflight@machine:master-1', 'forwarding-forbidden');
    await meets('host-key-changed', 'connect@machine:master-1', 'host-key-changed');
    await meets('wrong-password', 'connect@machine:master-1', 'login-refused');
    await meets('release-of-another-system', 'preflight@machine:master-1', 'target-other-system');
    await meets('disk-full-on-target', 'preflight@machine:master-1', 'target-disk-small');
    await meets('clock-off', 'preflight@machine:master-1', 'target-clock-off');
    await meets('cache-url-off-by-one', 'check-cache@machine:master-1', 'cache-entry-unusable');
    // Told and set aside, never in the way.
    await setPracticeFault(place.folder, 'software-folder-poisoned', true);
    expect((await walk(bench)).at(-1)?.outcome).toBe('done');
    const { events } = await readJournal(join(place.siteFolder, 'journal.jsonl'));
    expect(JSON.stringify(events)).toContain('software-folder-poisoned');
    const paths = Object.keys((await readState(place.folder, 'master-1'))?.files ?? {});
    expect(paths.filter((path) => path.endsWith('.set-aside'))).toHaveLength(1);
    await setPracticeFault(place.folder, 'software-folder-poisoned', false);
    met.add('software-folder-poisoned');
    await meets('stick-unplugged', 'choose-medium@site', 'medium-absent');
    met.add('connection-lost');
    expect([...met].sort()).toEqual([...faultIds].sort());
    expect((await walk(bench)).at(-1)?.outcome).toBe('done');
    await closeBench(bench);
    expect(await endState(place)).toEqual(await endState(reference));
  });

  it('has a guided first run whose every lesson is met at its step and mended there', {
    timeout: 300_000,
  }, async () => {
    const place = await fresh(prepared);
    const bench = await openPracticeBench(place);
    const all = bench.runner.instances();
    let from = 0;
    for (const { fault, instance, code } of lessons) {
      const at = all.findIndex(({ key }) => key === instance);
      expect(at, instance).toBeGreaterThanOrEqual(from);
      const way = all.slice(from, at);
      expect((await walk(bench, [], way)).filter(({ outcome }) => outcome !== 'done')).toEqual([]);
      await setPracticeFault(place.folder, fault, true);
      expect(troubleOf(await walk(bench, [], all.slice(at, at + 1))), fault).toEqual([
        instance,
        expect.anything(),
        code,
      ]);
      await setPracticeFault(place.folder, fault, false);
      expect((await walk(bench, [], all.slice(at, at + 1))).at(-1)?.outcome, fault).toBe('done');
      from = at + 1;
    }
    await closeBench(bench);
  });

  it('may be walked past a clock that is off, and the record says so', async () => {
    const place = await fresh(prepared);
    await setPracticeFault(place.folder, 'clock-off', true);
    const bench = await openPracticeBench(place);
    const ended = await walk(bench, ['target-clock-off']);
    expectAllDone(bench, ended);
    expect(bench.site.view.instances['preflight@machine:master-1']?.skipped).toEqual(['target-clock-off']);
    await closeBench(bench);
  });

  it('finds its work again when the connection is lost in the middle of it', async () => {
    const place = await fresh(prepared);
    await setPracticeFault(place.folder, 'connection-lost', true);
    const bench = await openPracticeBench(place);
    const ended = await walk(bench);
    expectAllDone(bench, ended);
    await closeBench(bench);
    const { events } = await readJournal(join(place.siteFolder, 'journal.jsonl'));
    const lost = events.filter((event) => event.kind === 'command-ended' && event.outcome === 'unknown');
    expect(lost.map((event) => (event.kind === 'command-ended' ? event.problem?.code : ''))).toEqual([
      'connection-lost',
    ]);
    expect(await endState(place)).toEqual(await endState(reference));
  });

  it('ends in the same state when it is cut off before and after every single command', {
    timeout: 1_500_000,
  }, async () => {
    // A node goes through the same engine as the master does, which is cut off everywhere.
    const commands = (await commandsOf(reference)).filter((name) => !/^\S+@machine:node-1 /.test(name));
    const left = new Set(commands.flatMap((name) => [`${name}, before`, `${name}, after`]));
    // After a cut the facts may say that the rest of a plan is not needed any more: its cuts are for another site.
    for (let count = left.size + 1; left.size < count; ) {
      count = left.size;
      const place = await fresh(prepared);
      while (!(await walkToCut(place, left)));
      expect(await endState(place)).toEqual(await endState(reference));
    }
    expect([...left]).toEqual([]);
  });
});

/** Names of all commands that a site's journal holds plans of. */
async function commandsOf(place: PracticeHome): Promise<readonly string[]> {
  const { events } = await readJournal(join(place.siteFolder, 'journal.jsonl'));
  const plans = events.flatMap((event) => (event.kind === 'plan' ? [event] : []));
  return [...new Set(plans.flatMap(({ instance, plan }) => plan.commands.map((command) => nameOf(instance, command))))];
}

/**
 * Walks until a place where it is to be cut off: there the engine's command hangs for ever, before it does anything, or after
 * it did everything but before that is recorded; then the site is closed without an end, as a killed program leaves it.
 * True when there was no such place and the walk is over.
 */
async function walkToCut(place: PracticeHome, left: Set<string>): Promise<boolean> {
  const bench = await openPracticeBench(place);
  const { perform } = bench.hands;
  const cut = new Promise<'cut'>((resolve) => {
    const hang = (at: string): Promise<never> => {
      left.delete(at);
      resolve('cut');
      return new Promise(() => undefined);
    };
    const cutting: typeof perform = async (command, context) => {
      const name = nameOf(context.instance, command);
      if (left.has(`${name}, before`)) return hang(`${name}, before`);
      const performed = await perform(command, context);
      return left.has(`${name}, after`) ? hang(`${name}, after`) : performed;
    };
    Object.assign(bench.hands, { perform: cutting });
  });
  const over = await Promise.race([walk(bench), cut]);
  await closeBench(bench);
  if (over === 'cut') return false;
  expect(over.filter(({ outcome }) => outcome !== 'done')).toEqual([]);
  return true;
}

const nameOf = (instance: string, command: Command): string => {
  const what =
    command.kind === 'run'
      ? command.argv.join(' ')
      : command.kind === 'write'
        ? command.path
        : command.kind === 'work'
          ? command.job
          : '';
  return `${instance} ${command.kind} ${what}`;
};
