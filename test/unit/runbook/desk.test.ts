// The desk with made-up steps: what the window may ask for while something runs, closes, or lies damaged on the disk.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { systemClock } from '../../../src-main/platform/clock.ts';
import { downloadCache } from '../../../src-main/platform/download-cache.ts';
import type { Asker } from '../../../src-main/runbook/asking.ts';
import type { Step } from '../../../src-main/runbook/define.ts';
import { type Desk, makeDesk } from '../../../src-main/runbook/desk.ts';
import type { DeskParts } from '../../../src-main/runbook/desk-parts.ts';
import type { LiveEvent, StreamEvent } from '../../../src-shared/api.ts';
import { problem } from '../../../src-shared/problem.ts';
import type { Command, Question } from '../../../src-shared/step.ts';
import { type FakeWorld, fakeHands, newWorld, planText, standingStep } from '../../fakes/engine.ts';

let home: string;
let folder: string;
let world: FakeWorld;
let desk: Desk;
let asker: Asker;
const events: StreamEvent[] = [];

const site = 'fake';
const password: Question = { id: 'password:m1', kind: 'secret', key: 'k', params: {}, show: [], choices: [] };

const none = async (): Promise<never> => {
  throw new Error('no record');
};
const noMedia = {
  mediumContents: none,
  format: { drives: async () => [], look: none, perform: none },
  sheet: none,
  sitesOnMedium: async () => [],
  takeOver: async () => ({ site, setAside: null }),
  verify: none,
  testSources: none,
  licences: async () => [],
  recentMedia: async () => [],
  laptopNow: async () => ({ medium: 'none' as const, battery: null }),
  keys: { vaultExists: async () => false, exportTo: none, importFrom: none },
  records: { list: async () => [], open: none, save: none },
  rehearsal: { run: none, last: async () => null },
  media: { compare: none, clone: none, generations: none, restore: none, tidy: none, repair: none },
  cache: downloadCache('/nowhere'),
};

function open(
  runbook: readonly Step[],
  keys: DeskParts['keys'] = noMedia.keys,
  more: Partial<Pick<DeskParts, 'verify' | 'testSources' | 'media'>> = {},
): void {
  desk = makeDesk({
    dataFolder: home,
    program: 'test',
    runbook,
    clock: systemClock,
    makeHands: (_site, given) => {
      asker = given;
      return fakeHands(world);
    },
    listMedia: async () => [],
    nextMedia: async (_site, mark) => mark,
    ...noMedia,
    keys,
    ...more,
    practice: { prepare: async () => planText, faults: async () => [], answers: {} },
  });
  desk.onEvent((event) => events.push(event));
}
const live = (kind: LiveEvent['kind']) =>
  events.flatMap(({ event }) => ('live' in event && event.live.kind === kind ? [event.live] : []));
const until = (there: () => boolean) => expect.poll(there, { timeout: 5000, interval: 5 }).toBe(true);
const run = (instances = ['a@site'], consent: 'each' | 'phase' = 'phase') =>
  desk.handlers['steps.run']({ site, instances, consent, agreed: [], skip: [], inputs: {} });

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'fieldkit-desk-'));
  folder = join(home, 'sites', site);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'site.yaml'), planText);
  world = newWorld();
  events.length = 0;
});
afterEach(async () => {
  await desk.close();
  await rm(home, { recursive: true, force: true });
});

describe('while something runs', () => {
  /** A command that ends when told to. */
  function held(): () => void {
    let end = (): void => undefined;
    world.before = () =>
      new Promise((resolve) => {
        end = () => resolve();
      });
    return () => end();
  }
  const short: Partial<Step> = {
    plan: () => [{ kind: 'run', on: { machine: 'm1' }, argv: ['x'], limitMs: 1000 }],
    verdict: () => (world.performed.length > 0 ? { state: 'done', findings: [] } : { state: 'todo', findings: [] }),
  };

  it('refuses a second run, a check, a plan of the same step and another site plan; reads other steps', async () => {
    const end = held();
    open([standingStep('a', [], world, short), standingStep('b', [], world)]);
    await run();
    await until(() => events.some(({ event }) => 'journal' in event && event.journal.kind === 'command-started'));
    const busy = { code: 'run-under-way', data: { params: { site } } };
    await expect(run(['b@site'])).rejects.toMatchObject(busy);
    await expect(desk.handlers['steps.check']({ site, instances: [] })).rejects.toMatchObject(busy);
    await expect(desk.handlers['steps.plan']({ site, instance: 'a@site', input: {} })).rejects.toMatchObject(busy);
    await expect(
      desk.handlers['site.savePlan']({ site, text: `${planText}# x\n`, base: planText }),
    ).rejects.toMatchObject(busy);
    expect((await desk.handlers['steps.plan']({ site, instance: 'b@site', input: {} })).plan?.commands.length).toBe(1);
    end();
    await until(() => live('run-over').length === 1);
    expect(await readFile(join(folder, 'site.yaml'), 'utf8')).toBe(planText);
  });

  const on = { machine: 'm1' };
  const runs = { kind: 'run' as const, on, argv: ['x'], limitMs: 1000 };
  it.each<[string, Command, string]>([
    ['a short command is let through to its end', runs, 'ui.run.stopsAfter'],
    ['a long one goes on by itself', { ...runs, long: true }, 'ui.run.goesOn'],
    ['one that can be told to end is told', { ...runs, endsWell: true }, 'ui.run.ends'],
    [
      'a question stays unanswered',
      { kind: 'ask', question: { id: 'q', kind: 'confirm', key: 'x', params: {}, show: [], choices: [] } },
      'ui.run.asks',
    ],
    [
      'what is waited for goes on',
      {
        ...{ kind: 'until', on, probe: { id: 'x', kind: 'run', argv: ['x'] }, wanted: { exit: 0 }, everyMs: 1000 },
        ...{ limitMs: 1000, awaited: { key: 'x', params: {} }, evidence: [] },
      },
      'ui.run.stopsWaiting',
    ],
  ])('a cancel says what happens: %s', async (_what, command, key) => {
    const end = held();
    open([standingStep('a', [], world, { ...short, plan: () => [command] })]);
    const started = await run();
    await until(() => events.some(({ event }) => 'journal' in event && event.journal.kind === 'command-started'));
    const { stopsAfter } = await desk.handlers['run.cancel']({ site, run: started.run });
    expect(stopsAfter?.key).toBe(key);
    end();
    await until(() => live('run-over').length === 1);
  });

  it('a cancel while facts are read says that no command is under way', async () => {
    let end = (): void => undefined;
    const reading = new Promise<void>((resolve) => {
      end = resolve;
    });
    const read: Step['read'] = async () => {
      await reading;
      return { stands: false };
    };
    open([standingStep('a', [], world, { ...short, read })]);
    const started = await run();
    await until(() => events.some(({ event }) => 'journal' in event && event.journal.kind === 'run-started'));
    const { stopsAfter } = await desk.handlers['run.cancel']({ site, run: started.run });
    expect(stopsAfter?.key).toBe('ui.run.between');
    end();
    await until(() => live('run-over').length === 1);
    expect(world.performed).toEqual([]);
  });

  it('closes the site while a plan waits for an answer, and leaves nothing behind', async () => {
    open([
      standingStep('a', [], world, {
        read: async () => {
          await asker.answer('a@site', password, AbortSignal.timeout(60_000));
          return { stands: false };
        },
      }),
    ]);
    const hands = fakeHands(world);
    // As the real hands: the question belongs to the signal that the reading was given.
    const waiting: Step = standingStep('a', [], world, {
      read: (w) => (w as unknown as { wait: () => Promise<never> }).wait(),
    });
    await desk.close();
    desk = makeDesk({
      dataFolder: home,
      program: 'test',
      runbook: [waiting],
      clock: systemClock,
      makeHands: (_site, given) => ({
        ...hands,
        world: (signal) => ({ wait: () => given.answer('a@site', password, signal) }) as never,
      }),
      listMedia: async () => [],
      nextMedia: async (_site, mark) => mark,
      ...noMedia,
      practice: { prepare: async () => planText, faults: async () => [], answers: {} },
    });
    desk.onEvent((event) => events.push(event));
    const planning = desk.handlers['steps.plan']({ site, instance: 'a@site', input: {} });
    const refused = expect(planning).rejects.toMatchObject({ code: 'cancelled' });
    await until(() => live('question').length === 1);
    await desk.handlers['sites.close']({ site });
    await refused;
    await expect(readFile(join(folder, 'writer.lock'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('records an answer under the name typed with it, and keeps the name for the next', async () => {
    const gate = (id: string): Question => ({ ...password, id, kind: 'confirm' });
    let asked = 0;
    const asking = standingStep('a', [], world, {
      read: async () => ({ stands: world.performed.length === 2 }),
      plan: () => [{ kind: 'ask', question: gate(`gate-${asked++}`) }],
    });
    open([asking]);
    const { run: id } = await run();
    await until(() => live('question').length === 1);
    await desk.handlers['questions.answer']({ site, run: id, id: gate('gate-0').id, value: 'yes' });
    await until(() => live('question').length === 2);
    const settings = await desk.handlers['settings.get']({});
    const saved = desk.handlers['settings.set']({ ...settings, technician: 'Ada Lovelace' });
    const [, last] = live('question');
    await desk.handlers['questions.answer']({
      site,
      run: id,
      id: last?.kind === 'question' ? last.question.id : '',
      value: 'yes',
    });
    await saved;
    await until(() => live('run-over').length === 1);
    await desk.close();
    const journal = (await readFile(join(folder, 'journal.jsonl'), 'utf8')).trim().split('\n');
    const answered = journal.map((line) => JSON.parse(line)).filter(({ kind }) => kind === 'answered');
    expect(answered.map(({ by }) => by)).toEqual(['window', 'Ada Lovelace']);
    open([asking]);
    await desk.handlers['sites.open']({ site });
    expect(asker.who).toBe('Ada Lovelace');
  });

  it('no run begins while a medium goes back to an earlier state; it can be stopped, and closing stops it', async () => {
    const done: string[] = [];
    let end = (): void => undefined;
    const restore: DeskParts['media']['restore'] = async (opened, path, generation, here, tell, signal) => {
      // Its own site is asked for as one that knows the medium, too.
      expect(here(site)).toBe(opened);
      tell({ doneBytes: 3, totalBytes: 9 });
      await new Promise<void>((resolve, reject) => {
        end = resolve;
        signal.addEventListener('abort', () => reject(problem('cancelled', { what: 'restore' })));
      }).finally(() => done.push(signal.aborted ? 'stopped' : 'restored'));
      return { path: path ?? '', generation, sealedAt: '2026-02-11T10:05:00.000Z', files: 1 };
    };
    open([standingStep('a', [], world, short)], noMedia.keys, { media: { ...noMedia.media, restore } });
    const back = () => desk.handlers['media.restore']({ site, path: '/stick', generation: 1 });
    const cameTo = () => desk.handlers['media.restored']({ site });
    const over = (runs: number) => until(() => live('run-over').length === runs);
    await back();
    await until(() => live('restoring').length === 2);
    expect(live('restoring')[1]).toMatchObject({ path: '/stick', doneBytes: 3, totalBytes: 9 });
    await expect(run()).rejects.toMatchObject({ code: 'run-under-way' });
    await expect(back()).rejects.toMatchObject({ code: 'run-under-way' });
    end();
    await over(1);
    expect(await cameTo()).toMatchObject({ path: '/stick', generation: 1 });
    await run();
    await over(2);

    const { run: id } = await back();
    expect(await desk.handlers['run.cancel']({ site, run: id })).toEqual({ stopsAfter: null });
    await over(3);
    // What was stopped is no trouble, and nothing came of it.
    expect(live('run-over')[2]).toEqual({ kind: 'run-over', run: id, problem: null });
    expect(await cameTo()).toBe(null);

    await back();
    await until(() => live('restoring').length === 6);
    await desk.close();
    expect(done).toEqual(['restored', 'stopped', 'stopped']);
  });

  it('one answer serves a run and a page that ask for the same password', async () => {
    const given: string[] = [];
    const asking = (id: string): Step =>
      standingStep(id, [], world, {
        read: async () => {
          given.push(await asker.answer(`${id}@site`, password, new AbortController().signal));
          return { stands: true };
        },
      });
    open([asking('a'), asking('b')]);
    const { run: id } = await run();
    const planning = desk.handlers['steps.plan']({ site, instance: 'b@site', input: {} });
    await until(() => live('question').length === 2);
    await desk.handlers['questions.answer']({ site, run: id, id: password.id, value: 'hunter22' });
    await planning;
    await until(() => live('run-over').length === 1);
    expect(given).toEqual(['hunter22', 'hunter22']);
    await expect(
      desk.handlers['questions.answer']({ site, run: id, id: password.id, value: 'again' }),
    ).rejects.toMatchObject({ code: 'question-unanswered' });
  });
});

it('writes and reads keys one after the other, also after a failure, and closes when they are through', async () => {
  const told: string[] = [];
  const ends: (() => void)[] = [];
  const taking = (what: string) =>
    new Promise<void>((resolve) => {
      told.push(`${what} begins`);
      ends.push(() => {
        told.push(`${what} ends`);
        resolve();
      });
    });
  open([standingStep('a', [], world)], {
    vaultExists: async () => true,
    exportTo: async (_site, path) => {
      await taking('export');
      return { path, fingerprint: 'f' };
    },
    importFrom: async (_site, path) => {
      await taking(path);
      if (path === 'first') throw problem('passphrase-wrong', {});
      return { path, fingerprint: 'f', changed: true };
    },
  });
  const words = { site, vault: 'v', file: 'f' };
  const first = desk.handlers['keys.import']({ ...words, path: 'first' });
  const wrong = expect(first).rejects.toMatchObject({ code: 'passphrase-wrong' });
  await until(() => ends.length === 1);
  const written = desk.handlers['keys.export']({ ...words, folder: 'there' });
  const second = desk.handlers['keys.import']({ ...words, path: 'second' });
  for (const count of [1, 2]) {
    await new Promise(setImmediate);
    expect(ends).toHaveLength(count);
    ends.at(-1)?.();
    await until(() => ends.length === count + 1);
  }
  await wrong;
  expect(await written).toEqual({ path: join('there', `${site}-keys.age`), fingerprint: 'f' });
  const closed = desk.close().then(() => told.push('closed'));
  await new Promise(setImmediate);
  ends.at(-1)?.();
  expect(await second).toEqual({ fingerprint: 'f', changed: true });
  await closed;
  expect(told).toEqual([
    'first begins',
    'first ends',
    'export begins',
    'export ends',
    'second begins',
    'second ends',
    'closed',
  ]);
});

describe('reading a medium back', () => {
  const report = {
    ...{ files: 1, sizeBytes: 9, generation: 1, fingerprint: 'f', fingerprintTrusted: true, cacheBypassed: true },
    findings: [],
  };

  it('is told from its first moment, with the medium that is read, and ends when it is stopped', async () => {
    open([standingStep('a', [], world)], noMedia.keys, {
      // A list that is never read to its end.
      verify: (_site, _path, _tell, signal) =>
        new Promise((_resolve, reject) =>
          signal.addEventListener('abort', () => reject(problem('cancelled', { what: 'read' }))),
        ),
    });
    const { run: id } = await desk.handlers['media.verify']({ site, path: '/media/ada/OTHER' });
    const begun = { kind: 'verifying', path: '/media/ada/OTHER', doneBytes: 0, totalBytes: null };
    expect(live('verifying')).toMatchObject([begun]);
    expect((await desk.handlers['sites.open']({ site })).live).toMatchObject([begun]);
    await desk.handlers['run.cancel']({ site, run: id });
    await until(() => live('run-over').length === 1);
    expect((await desk.handlers['sites.open']({ site })).live).toEqual([]);
    expect(await desk.handlers['media.verified']({ site })).toBe(null);
  });

  it('is forgotten when another begins and when the site is closed', async () => {
    let fails = false;
    open([standingStep('a', [], world)], noMedia.keys, {
      verify: async () => {
        if (fails) throw problem('medium-absent', { path: '/media/ada/FIELD' });
        return { mark: 'm', report };
      },
    });
    const read = async (runs: number) => {
      await desk.handlers['media.verify']({ site, path: null });
      await until(() => live('run-over').length === runs);
      return desk.handlers['media.verified']({ site });
    };
    expect(await read(1)).toMatchObject({ mark: 'm', report });
    fails = true;
    expect(await read(2)).toBe(null);
    fails = false;
    expect(await read(3)).toMatchObject({ mark: 'm', report });
    await desk.handlers['sites.close']({ site });
    expect(await desk.handlers['media.verified']({ site })).toBe(null);
  });
});

it('tells what the repair of a file system is at, and what it came to', async () => {
  const asked: unknown[] = [];
  const repair: DeskParts['media']['repair'] = async (_site, place, yes, tell) => {
    asked.push([place, yes]);
    tell('repairing');
    return { device: '/dev/sdb1', health: 'whole', repaired: yes, mountPoint: '/media/ada/FIELD' };
  };
  open([standingStep('a', [], world)], noMedia.keys, { media: { ...noMedia.media, repair } });
  await desk.handlers['media.repair']({ site, place: '/media/ada/FIELD', repair: true });
  await until(() => live('run-over').length === 1);
  expect(asked).toEqual([['/media/ada/FIELD', true]]);
  expect(live('repairing')).toEqual(
    ['looking', 'repairing'].map((stage) => ({ kind: 'repairing', path: '/media/ada/FIELD', stage })),
  );
  expect(await desk.handlers['media.repaired']({ site })).toEqual({
    ...{ place: '/media/ada/FIELD', device: '/dev/sdb1', health: 'whole', repaired: true },
    mountPoint: '/media/ada/FIELD',
  });
});

it('tests the sources once, whoever asks meanwhile, and anew when that is over', async () => {
  const ends: (() => void)[] = [];
  open([standingStep('a', [], world)], noMedia.keys, {
    testSources: () =>
      new Promise((resolve) => {
        const proxy = `http://proxy-${ends.length}`;
        ends.push(() => resolve({ proxy, asks: null, answers: [] }));
      }),
  });
  const ask = () => desk.handlers['sources.test']({ site, password: null });
  const both = Promise.all([ask(), ask()]);
  await until(() => ends.length > 0);
  ends[0]?.();
  expect((await both).map(({ proxy }) => proxy)).toEqual(['http://proxy-0', 'http://proxy-0']);
  const third = ask();
  await until(() => ends.length === 2);
  ends[1]?.();
  expect((await third).proxy).toBe('http://proxy-1');
});

it('stops a test of the sources, and nothing when there is none', async () => {
  let begun = 0;
  open([standingStep('a', [], world)], noMedia.keys, {
    testSources: (_site, signal) =>
      new Promise((_resolve, reject) => {
        begun += 1;
        signal.addEventListener('abort', () => reject(new Error('aborted')));
      }),
  });
  await desk.handlers['sources.stop']({ site });
  const both = [
    desk.handlers['sources.test']({ site, password: null }),
    desk.handlers['sources.test']({ site, password: null }),
  ];
  const ended = Promise.allSettled(both);
  await until(() => begun === 1);
  await desk.handlers['sources.stop']({ site });
  for (const one of await ended) expect(one).toMatchObject({ status: 'rejected', reason: { code: 'cancelled' } });
});

describe('damaged files', () => {
  it.each(['{', '[]', '"x"', '{"a@site": 3}', 'null', '\u0000'])(
    'opens with drafts.json and settings.json: %s',
    async (text) => {
      await writeFile(join(folder, 'drafts.json'), text);
      await writeFile(join(home, 'settings.json'), text);
      open([standingStep('a', [], world)]);
      expect((await desk.handlers['sites.open']({ site })).drafts).toEqual({});
      expect(await desk.handlers['settings.get']({})).toEqual({
        theme: 'system',
        language: 'en',
        lastSite: null,
        technician: '',
      });
      await desk.handlers['drafts.save']({ site, instance: 'a@site', input: { x: 1 } });
      expect((await desk.handlers['sites.open']({ site })).drafts).toEqual({ 'a@site': { x: 1 } });
    },
  );

  it.each([
    ['site.lock', '{', 'lock-damaged'],
    ['site.lock', '{"format": 2}', 'lock-damaged'],
    ['journal.jsonl', 'x\ny\n', 'journal-damaged'],
    ['site.yaml', 'format: 1\nname: other\n', 'site-plan-invalid'],
    ['site.yaml', planText.replace('name: fake', 'name: other'), 'site-plan-invalid'],
  ])('refuses %s by a code and keeps the site free: %#', async (file, text, code) => {
    await writeFile(join(folder, file), text);
    open([standingStep('a', [], world)]);
    await expect(desk.handlers['sites.open']({ site })).rejects.toMatchObject({ code });
    await expect(readFile(join(folder, 'writer.lock'))).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await readFile(join(folder, file), 'utf8')).toBe(text);
    expect((await desk.handlers['sites.list']({})).map(({ name }) => name)).toEqual([site]);
  });

  it('mends a plan that keeps the site from opening', async () => {
    await writeFile(join(folder, 'site.yaml'), 'format: 1\nname: fake\nmachines: []\n');
    open([standingStep('a', [], world)]);
    await expect(desk.handlers['sites.open']({ site })).rejects.toMatchObject({ code: 'site-plan-invalid' });
    expect((await desk.handlers['site.plan']({ site })).problems.length).toBeGreaterThan(0);
    const base = 'format: 1\nname: fake\nmachines: []\n';
    await expect(desk.handlers['site.savePlan']({ site, text: planText, base: planText })).rejects.toMatchObject({
      code: 'site-plan-changed',
    });
    expect(await readFile(join(folder, 'site.yaml'), 'utf8')).toBe(base);
    expect(await desk.handlers['site.savePlan']({ site, text: 'format: 1', base })).toMatchObject({ saved: false });
    expect(
      await desk.handlers['site.savePlan']({ site, text: planText.replace('name: fake', 'name: other'), base }),
    ).toMatchObject({ saved: false, problems: [{ path: 'name' }] });
    expect(await desk.handlers['site.savePlan']({ site, text: planText, base })).toEqual({ saved: true, problems: [] });
    expect((await desk.handlers['sites.open']({ site })).view.order).toEqual(['a@site']);
  });

  it('takes a lock over that was damaged, and one of an earlier process with our number', async () => {
    await writeFile(join(folder, 'writer.lock'), '{"pid":');
    open([standingStep('a', [], world)]);
    await desk.handlers['sites.open']({ site });
    const mine = JSON.parse(await readFile(join(folder, 'writer.lock'), 'utf8')) as Record<string, string>;
    await desk.handlers['sites.close']({ site });
    await writeFile(join(folder, 'writer.lock'), JSON.stringify({ ...mine, start: 'another-boot 1' }));
    await desk.handlers['sites.open']({ site });
  });
});

const asked = {
  system: 'debian-12' as const,
  master: '10.0.0.9',
  nodes: [],
  user: 'root',
  interface: 'eth0',
};

describe('bad names', () => {
  it.each(['../fake', '/etc', 'fake/../fake', '', '__proto__', 'constructor', 'nul\u0000', 'FAKE'])(
    'knows no site %j',
    async (name) => {
      open([standingStep('a', [], world)]);
      for (const ask of [
        () => desk.handlers['sites.open']({ site: name }),
        () => desk.handlers['site.plan']({ site: name }),
        () => desk.handlers['site.savePlan']({ site: name, text: planText.replace('fake', 'new'), base: planText }),
        () => desk.handlers['blobs.read']({ site: name, hash: 'x' }),
      ])
        await expect(
          ask().then((value) => ('saved' in value && !value.saved ? Promise.reject({ code: 'site-unknown' }) : value)),
        ).rejects.toMatchObject({
          code: 'site-unknown',
        });
    },
  );

  it.each(['x\nformat: 2', 'a # b', '../x', 'null\n', 'A', ''])('makes no site called %j', async (name) => {
    open([]);
    await expect(desk.handlers['sites.create']({ interview: { ...asked, name } })).rejects.toMatchObject({
      code: 'site-plan-invalid',
    });
    expect((await desk.handlers['sites.list']({})).length).toBe(1);
  });

  it.each(['null', 'true', '12', '1e3', '0x10', 'a'])(
    'makes a site called %s, whatever YAML thinks of it',
    async (name) => {
      open([]);
      expect(await desk.handlers['sites.create']({ interview: { ...asked, name } })).toMatchObject({ name });
    },
  );

  it('reads no file outside the outputs', async () => {
    open([standingStep('a', [], world)]);
    for (const hash of ['../site.yaml', '../../../etc/passwd', 'a'.repeat(64), `${'a'.repeat(63)}/`, ''])
      expect(await desk.handlers['blobs.read']({ site, hash })).toEqual({ text: '', cut: false });
  });

  it('keeps no draft of an unknown step, and none of a secret field', async () => {
    const input = z.strictObject({
      token: z.string().default('').meta({ widget: 'secret' }),
      n: z.string().default(''),
    });
    open([standingStep('a', [], world, { input })]);
    await expect(desk.handlers['drafts.save']({ site, instance: '__proto__', input: {} })).rejects.toMatchObject({
      code: 'step-unknown',
    });
    await Promise.all(
      ['1', '2', '3'].map((n) =>
        desk.handlers['drafts.save']({ site, instance: 'a@site', input: { token: 'canary', n } }),
      ),
    );
    expect(JSON.parse(await readFile(join(folder, 'drafts.json'), 'utf8'))).toEqual({ 'a@site': { n: '3' } });
  });

  it('keeps no draft of what holds for one run, and gives none that an older program kept', async () => {
    const input = z.strictObject({
      now: z.boolean().default(false).meta({ once: true }),
      n: z.string().default(''),
    });
    open([standingStep('a', [], world, { input })]);
    await desk.handlers['drafts.save']({ site, instance: 'a@site', input: { now: true, n: '1' } });
    const path = join(folder, 'drafts.json');
    expect(JSON.parse(await readFile(path, 'utf8'))).toEqual({ 'a@site': { n: '1' } });
    await writeFile(path, JSON.stringify({ 'a@site': { now: true, n: '2' }, 'gone@site': { x: 1 } }));
    const { drafts, steps } = await desk.handlers['sites.open']({ site });
    expect(drafts).toEqual({ 'a@site': { n: '2' }, 'gone@site': { x: 1 } });
    expect(steps[0]?.input.map(({ name, once }) => [name, once])).toEqual([
      ['now', true],
      ['n', false],
    ]);
  });
});

describe('what a person edits meanwhile', () => {
  it('stays when the program edits the plan as well', async () => {
    let edit: (() => Promise<void>) | null = null;
    open([standingStep('a', [], world)]);
    await desk.close();
    desk = makeDesk({
      dataFolder: home,
      program: 'test',
      runbook: [standingStep('a', [], world)],
      clock: systemClock,
      makeHands: (opened) => {
        edit = () => opened.editPlan(() => [{ path: ['trust', 'manifest'], value: 'f00d' }]);
        return fakeHands(world);
      },
      listMedia: async () => [],
      nextMedia: async (_site, mark) => mark,
      ...noMedia,
      practice: { prepare: async () => planText, faults: async () => [], answers: {} },
    });
    await desk.handlers['sites.open']({ site });
    await writeFile(join(folder, 'site.yaml'), `${planText}# mine\ncontent: { port: 6000 }\n`);
    await (edit as unknown as () => Promise<void>)();
    const text = await readFile(join(folder, 'site.yaml'), 'utf8');
    expect(text).toContain('# mine');
    expect(text).toContain('port: 6000');
    expect(text).toContain('f00d');
  });

  it('is what the outlook of a machine is reckoned from', async () => {
    open([standingStep('a', [], world)]);
    await desk.handlers['sites.open']({ site });
    const look = () => desk.handlers['machines.look']({ site, machine: 'm1' });
    expect(await look()).toMatchObject({
      problems: [{ path: 'machines', code: 'empty' }],
      leavingProblems: [{ path: 'machines.0.leaving', code: 'leaving-roles' }],
    });
    // Another machine takes its place in the list, and stands on it.
    const node = '  - { name: n1, roles: [node], address: 10.0.0.2, release: "12", interface: eth0, jump: m1 }\n';
    await writeFile(join(folder, 'site.yaml'), planText.replace('machines:\n', `machines:\n${node}`));
    expect(await look()).toMatchObject({
      problems: [{ path: 'machines.0.roles', code: 'node-no-master' }, { path: 'machines.0.jump' }],
      leavingProblems: [
        { path: 'machines.1.leaving', code: 'leaving-roles' },
        { path: 'machines.1.leaving', code: 'leaving-way', value: 'n1' },
      ],
    });
    // What is at fault already hinders either; what is not there any more is told as that.
    await writeFile(join(folder, 'site.yaml'), 'format: 3\n');
    const { problems, leavingProblems } = await look();
    expect(problems).toContainEqual(expect.objectContaining({ path: 'format' }));
    expect(leavingProblems).toEqual(problems);
    await writeFile(join(folder, 'site.yaml'), planText.replace('name: m1', 'name: m2'));
    await expect(look()).rejects.toMatchObject({ code: 'machine-unknown' });
    expect(await readFile(join(folder, 'site.yaml'), 'utf8')).toContain('name: m2');
    const remove = desk.handlers['machines.remove']({ site, machine: 'm1', typed: 'm1', lost: false });
    await expect(remove).rejects.toMatchObject({ code: 'machine-unknown' });
  });

  it('a listener that fails ends no run', async () => {
    open([standingStep('a', [], world)]);
    desk.onEvent(() => {
      throw new Error('the window is gone');
    });
    await run();
    await until(() => world.performed.length === 1);
    await expect
      .poll(async () => (await desk.handlers['sites.open']({ site })).view.instances['a@site']?.state)
      .toBe('done');
  });

  it('says by code what a machine that cannot be reached stopped', async () => {
    open([
      standingStep('a', [], world, {
        read: () => Promise.reject(problem('host-unreachable', { machine: 'm1', address: 'x', detail: '' })),
      }),
    ]);
    await run();
    await until(() => live('run-over').length === 1);
    expect((await desk.handlers['sites.open']({ site })).view.instances['a@site']).toMatchObject({
      state: 'blocked',
      problem: { code: 'host-unreachable' },
    });
  });
});
