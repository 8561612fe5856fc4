/** Every procedure of the window, answered by the real desk over the practice site: what comes out is what the contract says. */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { compose, type Kit } from '../../src-main/compose.ts';
import { type Desk, makeDesk } from '../../src-main/runbook/desk.ts';
import { api, type InputOf, type OutputOf, type StreamEvent, streamEvent } from '../../src-shared/api.ts';
import { type ProcedureName, procedures } from '../../src-shared/channels.ts';

/** What only Electron can do; asserted in the real window. */
const electronOnly: readonly ProcedureName[] = ['app.info', 'pick.path'];

let home: string;
let kit: Kit;
let desk: Desk;
const events: StreamEvent[] = [];
const called = new Set<ProcedureName>(electronOnly);

/** As over the wire: JSON there and back, checked on both sides. */
async function call<N extends Exclude<ProcedureName, 'app.info' | 'pick.path'>>(
  name: N,
  input: InputOf<N>,
): Promise<OutputOf<N>> {
  called.add(name);
  const handler = desk.handlers[name] as (input: InputOf<N>) => Promise<OutputOf<N>>;
  const output = await handler(api[name].input.parse(JSON.parse(JSON.stringify(input))) as InputOf<N>);
  const crossed: unknown = JSON.parse(JSON.stringify(output));
  expect(crossed, name).toEqual(output);
  return api[name].output.parse(crossed) as OutputOf<N>;
}

const site = 'practice';
const over = (run: string) =>
  expect
    .poll(
      async () => {
        for (const { event } of events)
          if ('live' in event && event.live.kind === 'question') {
            const { question } = event.live;
            const value = kit.practice.answers[question.id] ?? (question.kind === 'confirm' ? 'yes' : '');
            await call('questions.answer', { site, run, id: question.id, value }).catch(() => undefined);
          }
        return events.some(({ event }) => 'live' in event && event.live.kind === 'run-over' && event.live.run === run);
      },
      { timeout: 50_000, interval: 20 },
    )
    .toBe(true);

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'fieldkit-api-'));
  kit = compose({ env: { FIELDKIT_HOME: home }, practicePace: 0 });
  desk = makeDesk(kit.parts);
  desk.onEvent((event) => events.push(event));
});
afterAll(async () => {
  await desk.close();
  await rm(home, { recursive: true, force: true });
});

it('every procedure answers as the contract says', { timeout: 120_000 }, async () => {
  expect(await call('settings.get', {})).toMatchObject({ language: 'en' });
  await call('settings.set', { theme: 'dark', language: 'fr', lastSite: site, technician: 'Ada' });
  expect(await call('settings.get', {})).toEqual({ theme: 'dark', language: 'fr', lastSite: site, technician: 'Ada' });
  expect(await call('sites.list', {})).toEqual([]);
  expect(await call('sites.create', { interview: null })).toMatchObject({ name: site, practice: true });
  const opened = await call('sites.open', { site });
  expect(opened.view.order.length).toBeGreaterThan(10);

  const help = await call('help.read', {});
  expect(help.steps.map(({ id }) => id)).toEqual(opened.steps.map(({ id }) => id));
  expect(help.licences.map(({ id, text }) => `${id} ${text.includes('MIT')}`)).toContain('own true');
  const { answers } = await call('sources.test', { site, password: null });
  expect(answers.filter(({ problem }) => problem !== null)).toEqual([]);
  expect(answers.length).toBeGreaterThan(2);
  expect(await call('sources.stop', { site })).toEqual({});

  expect((await call('site.sheet', { site })).machines.length).toBeGreaterThan(1);
  const { text } = await call('site.plan', { site });
  const edited = await call('site.editPlan', { text, edits: [{ path: ['machines', 0, 'partitions'], value: 12 }] });
  expect(edited).toMatchObject({
    problems: [],
    value: { machines: [{ partitions: 12 }, { name: 'node-1' }, { name: 'builder-1' }] },
  });
  const kept = `${text}# kept\n`;
  expect(await call('site.savePlan', { site, text: kept, base: text })).toEqual({ saved: true, problems: [] });
  expect((await call('site.savePlan', { site, text: 'format: 3', base: kept })).saved).toBe(false);
  const csv = {
    text: 'name,address,interface\nnode-2,node-2.practice.invalid,enp1s0\nnode-3,a b,enp1s0\n',
    name: 'a.csv',
    kind: null,
  };
  const more = { site, list: csv, one: null, chosen: null, shared: { user: 'field' } };
  const listed = await call('machines.read', more);
  expect(listed).toMatchObject({ kind: 'csv', before: 3, chosen: [0, 1], added: ['node-2', 'node-3'], base: kept });
  expect(listed.plan.problems).toMatchObject([{ path: 'machines.4.address', code: 'address' }]);
  const chosen = await call('machines.read', { ...more, chosen: [0] });
  expect(chosen.plan).toMatchObject({
    problems: [],
    value: { machines: [{}, {}, {}, { name: 'node-2', user: 'field' }] },
  });
  await expect(call('machines.read', { ...more, list: { ...csv, text: 'name,colour\n' } })).rejects.toMatchObject({
    code: 'machine-list-invalid',
  });
  const one = { name: 'node-9', address: 'node-9.practice.invalid' };
  expect((await call('machines.read', { ...more, list: null, one })).added).toEqual(['node-9']);
  // What could become of a machine is told before anything is; a name that was not typed takes nothing out.
  const node = { site, machine: 'node-1' };
  const stands = { code: 'frontend-no-role' };
  expect(await call('machines.look', node)).toMatchObject({
    ...{ computer: null, removal: 'removed', problems: [stands] },
    leavingProblems: [{ path: 'machines.1.leaving', code: 'leaving-roles' }],
  });
  const master = await call('machines.look', { site, machine: 'master-1' });
  expect(master.problems).toContainEqual(expect.objectContaining({ code: 'node-no-master' }));
  const removal = { ...node, typed: 'node-1', lost: false };
  await expect(call('machines.remove', removal)).rejects.toMatchObject({ code: 'site-plan-invalid' });
  await call('site.savePlan', { site, text: chosen.plan.text, base: kept });
  const extra = { site, machine: 'node-2' };
  expect(await call('machines.look', extra)).toMatchObject({ removal: 'removed', problems: [] });
  await expect(call('machines.remove', { ...removal, ...extra })).rejects.toMatchObject({ code: 'machine-unknown' });
  const order = async () => (await call('sites.open', { site })).view.order.join(' ');
  expect(await order()).toContain('@machine:node-2');
  expect(await call('machines.remove', { ...extra, typed: 'node-2', lost: false })).toMatchObject({ state: 'removed' });
  expect(await order()).not.toContain('@machine:node-2');
  expect(await call('machines.renew', node)).toEqual({ computer: null, baseline: false });
  expect(await call('keys.state', { site })).toEqual({ fingerprint: null, vault: false });
  expect(await call('media.recent', {})).toEqual([]);
  expect((await call('media.next', { site, mark: '' })).mark).not.toBe('');
  expect(await call('laptop.now', { site })).toMatchObject({ medium: 'none' });
  const media = await call('media.list', { site });
  expect(media).toHaveLength(1);

  const path = media[0]?.path ?? '';
  const input = { path };
  await call('drafts.save', { site, instance: 'choose-medium@site', input });
  const planned = await call('steps.plan', { site, instance: 'choose-medium@site', input });
  expect(planned.plan?.commands).toHaveLength(1);
  expect(planned.shell).toContain(path);

  const rest = { site, consent: 'phase' as const, agreed: [], skip: [], inputs: { 'choose-medium@site': input } };
  const instances = opened.view.order.filter((key) => opened.view.instances[key]?.chapter === 'prepare');
  await over((await call('steps.run', { ...rest, instances })).run);
  const after = await call('sites.open', { site });
  expect(instances.map((key) => [key, after.view.instances[key]?.state])).toEqual(
    instances.map((key) => [key, 'done']),
  );
  expect((await call('site.sheet', { site })).medium?.sealed).toMatchObject({ generation: 1 });

  const keys = await call('keys.state', { site });
  expect(keys).toEqual({ fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/), vault: true });
  const passphrases = { vault: kit.practice.answers.passphrase ?? '', file: 'another phrase' };
  const written = await call('keys.export', { site, folder: home, ...passphrases });
  expect(written.fingerprint).toBe(keys.fingerprint);
  expect(await call('keys.import', { site, path: written.path, ...passphrases })).toEqual({
    fingerprint: keys.fingerprint,
    changed: false,
  });
  expect(await call('laptop.now', { site })).toMatchObject({ medium: 'here' });
  expect(await call('media.recent', {})).toMatchObject([{ site, here: true, generation: 1, why: null }]);

  const contents = await call('media.contents', { site, path: null });
  expect(contents).toMatchObject({
    sealed: { site, generation: 1, lacking: 0 },
    foreign: { beside: [], unlisted: [] },
  });
  for (const { packages, sizeBytes } of contents.systems) expect(packages.length * sizeBytes).toBeGreaterThan(0);
  expect(contents.systems.flatMap(({ packages }) => packages.map(({ name }) => name))).toContain('slapos-node');
  expect(contents.releases.length).toBeGreaterThan(0);
  for (const { sizeBytes } of contents.releases) expect(sizeBytes).toBeGreaterThan(0);
  expect(await call('media.verified', { site })).toBe(null);
  await over((await call('media.verify', { site, path: null })).run);
  expect(await call('media.verified', { site })).toMatchObject({
    mark: contents.sealed?.mark,
    report: { generation: 1, fingerprintTrusted: true, findings: [] },
  });
  const asked = events.flatMap(({ event }) => ('live' in event && event.live.kind === 'verifying' ? [event.live] : []));
  expect(asked[0]).toMatchObject({ path: null, doneBytes: 0, totalBytes: null });
  expect(asked.at(-1)).toMatchObject({ path: contents.path, doneBytes: asked.at(-1)?.totalBytes });
  // A copy elsewhere is another medium with the same list; onto itself nothing is copied.
  const second = join(home, 'second');
  await mkdir(second);
  expect(await call('media.cloned', { site })).toBe(null);
  await over((await call('media.clone', { site, path: null, to: second })).run);
  const copied = { to: second, generation: 1, fingerprint: keys.fingerprint };
  expect(await call('media.cloned', { site })).toMatchObject(copied);
  const compared = await call('media.compare', { site, path: null, other: second });
  expect(compared).toMatchObject({ first: { site, generation: 1 }, onlyFirst: [], onlySecond: [], differing: [] });
  // One that is not mounted is offered by its device, and is no folder.
  const device = '/dev/fieldkit-none';
  await expect(call('media.compare', { site, path: null, other: device })).rejects.toMatchObject({
    code: 'medium-absent',
    data: { params: { path: device } },
  });
  const itself = (await call('media.clone', { site, path: second, to: second })).run;
  await over(itself);
  expect(events.map(({ event }) => event)).toContainEqual({
    live: { kind: 'run-over', run: itself, problem: expect.objectContaining({ code: 'medium-is-same' }) },
  });
  expect(await call('media.generations', { site, path: null })).toEqual([]);
  expect(await call('media.restored', { site })).toBe(null);
  const unknown = (await call('media.restore', { site, path: null, generation: 7 })).run;
  await over(unknown);
  expect(events.map(({ event }) => event)).toContainEqual({
    live: { kind: 'run-over', run: unknown, problem: expect.objectContaining({ code: 'generation-unknown' }) },
  });
  // What may go is shown first; a yes to something else removes nothing.
  await writeFile(join(second, 'fieldkit', 'manifest.json.0123abcd.part'), 'cut off');
  const tidy = { site, path: second, mark: null };
  const would = await call('media.tidy', tidy);
  expect(would).toMatchObject({ removed: false, generations: [], sizeBytes: 7 });
  expect(would.paths).toHaveLength(1);
  expect(await call('media.tidy', { ...tidy, mark: 'another' })).toEqual(would);
  expect(await call('media.tidy', { ...tidy, mark: would.mark })).toEqual({ ...would, removed: true });
  expect((await call('media.tidy', tidy)).paths).toEqual([]);
  expect(await call('media.rehearsal', { site })).toBe(null);
  await over((await call('media.rehearse', { site })).run);
  expect(await call('media.rehearsal', { site })).toMatchObject({ current: true, rehearsal: { unasked: [] } });
  // A practice site has no drives, and none of the laptop's is ever shown or touched in its place.
  expect(await call('format.drives', { site })).toEqual([]);
  const format = { site, device: '/dev/sda', mark: '', typed: '', fileSystem: 'exfat', label: 'A' } as const;
  await expect(call('format.look', { site, device: '/dev/sda' })).rejects.toMatchObject({ code: 'medium-absent' });
  await expect(call('format.perform', format)).rejects.toMatchObject({ code: 'medium-absent' });

  const mend = (await call('media.repair', { site, place: '/dev/sda1', repair: true })).run;
  await over(mend);
  expect(events.map(({ event }) => event)).toContainEqual({
    live: { kind: 'run-over', run: mend, problem: expect.objectContaining({ code: 'medium-absent' }) },
  });
  expect(await call('media.repaired', { site })).toBe(null);

  expect(await call('machines.surveyed', { site })).toBe(null);
  // Of a machine whose host key nobody has confirmed nothing is read.
  const survey = { site, machines: ['master-1'], folder: home };
  await over((await call('machines.survey', survey)).run);
  expect(await call('machines.surveyed', { site })).toBe(null);
  await over((await call('steps.run', { ...rest, inputs: {}, instances: ['connect@machine:master-1'] })).run);
  await over((await call('machines.survey', survey)).run);
  const surveyed = join(home, 'master-1.status');
  const brought = {
    wanted: 1,
    surveys: [{ machine: 'master-1', path: surveyed, count: expect.any(Number), earlier: null }],
  };
  expect(await call('machines.surveyed', { site })).toEqual(brought);

  const { run } = await call('steps.check', { site, instances: [] });
  expect(await call('run.cancel', { site, run })).toEqual({ stopsAfter: null });
  await over(run);
  const faults = await call('practice.faults', { site, set: { id: 'clock-off', on: true, met: false } });
  expect(faults.filter(({ on }) => on).map(({ id }) => id)).toEqual(['clock-off']);

  const outputs = Object.values(after.view.instances).flatMap((item) => item.commands.map(({ output }) => output));
  const hash = outputs.find((item) => item !== null) ?? 'f'.repeat(64);
  await call('blobs.read', { site, hash });
  const since = await call('events.since', { site, number: after.number });
  expect(Array.isArray(since) && since.length > 0).toBe(true);
  expect(await call('events.since', { site, number: after.number + 1_000_000 })).toBe('gap');
  await expect(call('secrets.show', { site, instance: 'choose-medium@site' })).rejects.toMatchObject({
    code: 'nothing-to-show',
  });
  await expect(call('steps.undoPlan', { site, instance: 'choose-medium@site' })).rejects.toMatchObject({
    code: 'undo-impossible',
  });
  await over((await call('steps.undo', { site, instance: 'choose-medium@site', agreed: [] })).run);
  const { text: told } = await call('support.read', { site, hideAddresses: true });
  expect(told).toContain('choose-medium@site');
  const saved = await call('support.save', { site, hideAddresses: false, folder: home });
  expect(saved.path.startsWith(home)).toBe(true);
  const exporting = { site, kind: 'ansible' as const, folder: home };
  await expect(call('records.export', exporting)).rejects.toMatchObject({ code: 'nothing-to-export' });
  expect(await call('records.list', { site })).toEqual([]);
  await expect(call('records.read', { site, number: 1 })).rejects.toMatchObject({ code: 'record-missing' });
  await expect(call('records.save', { site, number: 1, folder: home })).rejects.toMatchObject({
    code: 'record-missing',
  });
  await call('sites.close', { site });
  expect(Array.isArray(await call('sites.onMedium', { path: null }))).toBe(true);
  const [carrier] = await call('sites.onMedium', { path });
  const carried = carrier?.sites[0];
  expect(carried).toMatchObject({ name: site, known: true });
  const fingerprint = carried?.fingerprint ?? '';
  expect(await call('sites.takeOver', { path, site, fingerprint, keep: 'medium' })).toMatchObject({ site });
  expect(await call('sites.open', { site })).toMatchObject({ practice: true });
  await call('sites.close', { site });
  expect(await call('sites.list', {})).toMatchObject([{ name: site, heldBy: null }]);
});

it('tells of the downloads of every site, reads them back, and removes what was shown', async () => {
  expect(await call('cache.read', {})).toMatchObject({ count: 0, kinds: [], limitBytes: 100e9 });
  const { folder } = kit.cache;
  await mkdir(join(folder, 'debs'), { recursive: true });
  const keep = async (content: string, name = createHash('sha256').update(content).digest('hex')) => {
    await writeFile(join(folder, 'debs', name), content);
    return `debs/${name}`;
  };
  await keep('sound');
  const damaged = await keep('spoilt', 'a'.repeat(64));
  expect(await call('cache.read', {})).toMatchObject({ count: 2, sizeBytes: 11, kinds: [{ kind: 'debs', count: 2 }] });
  expect(await call('cache.check', { act: 'look' })).toMatchObject({ state: 'never' });
  await call('cache.check', { act: 'start' });
  await expect.poll(async () => (await call('cache.check', { act: 'look' })).state).toBe('over');
  expect(await call('cache.check', { act: 'look' })).toMatchObject({ count: 2, doneBytes: 11, damaged: [damaged] });
  const all = { unusedDays: null, keepBytes: null };
  expect(await call('cache.trim', { ...all, unusedDays: 30, remove: true })).toEqual({ count: 0, sizeBytes: 0 });
  expect(await call('cache.trim', { ...all, remove: false })).toEqual({ count: 2, sizeBytes: 11 });
  expect((await call('cache.read', {})).count).toBe(2);
  expect(await call('cache.limit', { limitBytes: 50e9 })).toEqual({ count: 0, sizeBytes: 0 });
  expect(await call('cache.trim', { ...all, remove: true })).toEqual({ count: 2, sizeBytes: 11 });
  // What was found is of files that are gone.
  expect(await call('cache.check', { act: 'look' })).toMatchObject({ state: 'never', damaged: [] });
  expect(await call('cache.read', {})).toMatchObject({ count: 0, limitBytes: 50e9 });
});

it('asks for everything that the window can ask for', () => {
  expect([...procedures].filter((name) => !called.has(name))).toEqual([]);
});

it('every event of the stream is as the contract says, numbered without a gap', () => {
  expect(events.length).toBeGreaterThan(100);
  for (const event of events) expect(streamEvent.safeParse(JSON.parse(JSON.stringify(event))).error).toBeUndefined();
  expect(events.map(({ number }) => number)).toEqual(events.map((_event, index) => index + (events[0]?.number ?? 0)));
});
