/** What the medium holds that a machine has not, and what is done about it. */
import { describe, expect, it } from 'vitest';
import { instancesOf } from '../../../src-main/runbook/instances.ts';
import { runbook } from '../../../src-main/steps/index.ts';
import { packagesBehind } from '../../../src-main/steps/update/behind.ts';
import { updatePackages } from '../../../src-main/steps/update/update-packages.ts';
import { updateSoftware } from '../../../src-main/steps/update/update-software.ts';
import { emptyLock, type LockedSystem } from '../../../src-shared/lock.ts';
import { sitePlan } from '../../../src-shared/site.ts';
import { command as schema } from '../../../src-shared/step.ts';

const url = (tag: string): string => `https://example.org/raw/${tag}/software/slapos-master/software.cfg`;
const site = sitePlan.parse({
  format: 1,
  name: 'somewhere',
  machines: [{ name: 'm', roles: ['master'], address: 'fd00::1', release: '12', interface: 'eth0' }],
  releases: [{ name: 'slapos-master', url: url('1.0.500') }],
});
const context = (input: object = {}) =>
  ({
    site,
    lock: emptyLock,
    subject: { kind: 'machine', name: 'm' },
    input,
    needs: [],
    earlier: { answers: {}, skipped: [], everDone: false },
    record: () => undefined,
  }) as never;

const locked = (name: string, version: string) => ({ name, version }) as LockedSystem['packages'][number];
const system = {
  roots: ['openssl', 'gcc'],
  vendor: [locked('slapos-node', '1.22+1-1')],
  packages: [locked('slapos-node', '1.22+1-1'), locked('openssl', '3.0'), locked('gcc', '12'), locked('apt', '2')],
} as unknown as LockedSystem;
const dpkg = (out: string, exit = 0) => ({ exit, out, err: '' });

describe('packages of a machine', () => {
  it.each([
    ['as on the medium', 'ii  slapos-node 1.22+1-1\nii  openssl:amd64 3.0\n', []],
    ['later than the medium', 'ii  slapos-node 1.23+1-1\n', []],
    ['not installed', 'rc  slapos-node 1.21+1-1\nun  gcc 11\n', []],
    [
      'earlier',
      'ii  slapos-node 1.21+9-1\nii  openssl:amd64 2.9~rc\nii  other 1\nii  apt 1\n',
      [
        { name: 'openssl', installed: '2.9~rc', offered: '3.0' },
        { name: 'slapos-node', installed: '1.21+9-1', offered: '1.22+1-1' },
      ],
    ],
  ])('%s', (_what, out, behind) => {
    expect(packagesBehind(dpkg(out), system)).toEqual(behind);
  });

  it('are unknown when dpkg says nothing', () => {
    expect(packagesBehind(dpkg('', 127), system)).toBe(null);
  });
});

describe('update-packages', () => {
  const apt = { config: null, source: null, key: null };
  const packages = [{ name: 'slapos-node', installed: '1', offered: '2' }];
  const unfinished: string[] = [];
  const kinds = (facts: object) =>
    updatePackages
      .plan(
        { packages, unfinished, configured: true, proxy: true, backup: 2, apt, ...facts } as never,
        context({ now: true }),
      )
      .map((command) =>
        command.kind === 'work' ? command.job : command.kind === 'run' ? command.argv.slice(-1)[0] : command.kind,
      );

  it('backs up before anything is changed, and only what there is', () => {
    expect(kinds({}).slice(0, 2)).toEqual(['ask', 'take-backup']);
    expect(kinds({ configured: false })).not.toContain('take-backup');
    expect(kinds({ packages: [] })).toEqual([]);
  });

  it('is done only when it is asked for', () => {
    const facts = { packages, unfinished, configured: true, proxy: true, backup: 0, apt } as never;
    expect(updatePackages.verdict(facts, context({ now: true })).state).toBe('todo');
    expect(updatePackages.verdict(facts, context({ now: false }))).toMatchObject({
      state: 'done',
      findings: [{ code: 'machine-behind-medium' }],
    });
    expect(updatePackages.plan(facts, context({ now: false }))).toEqual([]);
  });

  it('leaves what dpkg was cut off at to the installation, and is not done before', () => {
    const facts = { packages: [], unfinished: ['slapos-node'], configured: true, proxy: true, backup: 0, apt };
    for (const now of [true, false])
      expect(updatePackages.verdict(facts as never, context({ now }))).toMatchObject({
        state: 'blocked',
        findings: [{ code: 'step-before-missing', params: { before: 'install-slapos-node' } }],
      });
    expect(kinds({ unfinished: ['slapos-node'] })).toEqual([]);
  });

  it('never removes, and starts slapproxy again only where there is one', () => {
    const texts = JSON.stringify(
      updatePackages.plan(
        { packages, unfinished, configured: true, proxy: true, backup: 0, apt } as never,
        context({ now: true }),
      ),
    );
    expect(texts).toContain('"--no-remove"');
    expect(kinds({})).toContain('slapproxy');
    expect(kinds({ proxy: false })).not.toContain('slapproxy');
  });
});

describe('update-software', () => {
  const instance = {
    release: url('1.0.500'),
    requestedState: 'started',
    parameters: {},
    families: [],
    address: null,
    children: 0,
  };
  const asked = {
    known: true,
    instance: { ...instance, moved: true },
    used: [url('1.0.500')],
    failing: [],
    missing: [],
    answers: true,
    program: null,
    file: null,
  };
  const facts = {
    computer: 'local_computer',
    release: { wanted: true, completed: true, poisoned: false },
    asked,
    others: [url('1.0.499')],
  };
  const state = (more: object, input: object = { now: true, removeOld: false }) =>
    updateSoftware.verdict({ ...facts, ...more } as never, context(input)).state;

  it.each<[string, object, object, string]>([
    ['moved', {}, {}, 'done'],
    ['nothing lives yet', { asked: { ...asked, instance: null } }, {}, 'done'],
    [
      'another release',
      { asked: { ...asked, instance: { ...instance, release: url('1.0.499'), moved: true } } },
      { now: true },
      'todo',
    ],
    ['on its way', { asked: { ...asked, instance: { ...instance, moved: false } } }, {}, 'waiting'],
    ['an old one is to go', {}, { removeOld: true }, 'todo'],
    [
      'an old one that is in use stays',
      { asked: { ...asked, used: [url('1.0.499'), url('1.0.500')] } },
      { removeOld: true },
      'done',
    ],
    [
      'another release, and nobody asked',
      { asked: { ...asked, instance: { ...instance, release: url('1.0.499'), moved: true } } },
      { now: false },
      'done',
    ],
    ['not configured', { computer: null }, {}, 'blocked'],
  ])('%s', (_what, more, input, expected) => {
    expect(state(more, input)).toBe(expected);
  });

  it('removes nothing unasked', () => {
    expect(JSON.stringify(updateSoftware.plan(facts as never, context({ removeOld: false })))).not.toContain('remove');
    expect(JSON.stringify(updateSoftware.plan(facts as never, context({ removeOld: true })))).toContain(url('1.0.499'));
  });

  it('waits for a removal on a full disk as well', () => {
    const commands = updateSoftware.plan(facts as never, context({ removeOld: true }));
    expect(commands.filter(({ kind }) => kind === 'until')).toMatchObject([{ makesRoom: true }]);
    expect(commands.map((one) => schema.parse(one))).toEqual(commands);
  });
});

it('comparing and updating come for every machine that is in use', () => {
  const ids = instancesOf(runbook, site).map(({ key }) => key);
  for (const id of ['compare-with-medium', 'update-packages', 'update-software'])
    expect(ids).toContain(`${id}@machine:m`);
});
