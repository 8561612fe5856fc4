/** What dpkg's answers mean for the install: whole, absent, or cut off in the middle. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { archivesLeft, unfinishedFactsOf } from '../../../src-main/steps/apt.ts';
import { installSlaposNode } from '../../../src-main/steps/machine/install-slapos-node.ts';
import { installRe6stNode } from '../../../src-main/steps/re6st/install-re6st-node.ts';
import { emptyLock } from '../../../src-shared/lock.ts';
import { sitePlan } from '../../../src-shared/site.ts';

const site = sitePlan.parse({
  format: 1,
  name: 'lab',
  machines: [{ name: 'm', roles: ['master'], address: '10.0.0.1', release: '12', interface: 'eth0' }],
});
const lock = {
  ...emptyLock,
  systems: { 'debian-12-amd64': { vendor: [{ name: 'slapos-node', version: '1.2-3' }], packages: [{}, {}] } },
};
const context = { site, lock, subject: { kind: 'machine', name: 'm' }, input: {}, needs: [] } as never;
const installed = 'install ok installed 1.2-3';
const status = { 'slapos-node': installed, cron: installed, openssl: installed, 'ca-certificates': installed };
const apt = { config: null, source: null, key: null };
const whole = {
  status,
  slapos: 'slapos 1.22',
  gcc: 'x86_64-linux-gnu',
  unfinished: unfinishedFactsOf({}),
  archives: 0,
  apt,
};
const answer = (out: string) => ({ exit: 0, out, err: '' });

describe('install-re6st-node', () => {
  const re6stLock = {
    ...emptyLock,
    systems: { 'debian-12-amd64': { vendor: [{ name: 're6st-node', version: '0.642-1' }], packages: [] } },
  };
  const at = { ...(context as object), lock: re6stLock } as never;
  const there = {
    ...{ status: 'install ok installed 0.642-1', programs: true, tunnels: true, joined: true },
    ...{ unfinished: unfinishedFactsOf({}), apt },
  };
  const verdict = (facts: object) => installRe6stNode.verdict({ ...there, ...facts } as never, at);

  it.each([
    ['is there', {}, 'done'],
    ['is not', { status: '', programs: false, joined: false }, 'todo'],
    ['is of an earlier version, and the machine joined', { status: 'install ok installed 0.600-1' }, 'done'],
    ['is of an earlier version, nothing lives', { status: 'install ok installed 0.600-1', joined: false }, 'todo'],
    ['was cut off', { unfinished: { packages: ['re6st-node'], interrupted: false } }, 'todo'],
  ])('it %s', (_, facts, state) => {
    expect(verdict(facts).state).toBe(state);
  });

  it('says that a machine in use is behind, and of a later version nothing', () => {
    expect(verdict({ status: 'install ok installed 0.600-1' }).findings).toMatchObject([
      { code: 'machine-behind-medium', params: { first: 're6st-node 0.642-1', step: 'update-packages' } },
    ]);
    expect(verdict({ status: 'install ok installed 0.700-1' }).findings).toEqual([]);
  });

  it('never asks apt without our own configuration, and ends first what was cut off', () => {
    const facts = { ...there, joined: false, unfinished: { packages: ['x'], interrupted: true } };
    const lines = installRe6stNode
      .plan(facts as never, at)
      .map((command) => ('argv' in command ? command.argv.join(' ') : 'path' in command ? command.path : ''));
    const place = (text: string): number => lines.findIndex((line) => line.includes(text));
    expect(place('dpkg --force-confdef')).toBe(0);
    for (const path of ['/etc/apt/fieldkit.conf', '/etc/apt/fieldkit.sources', '/etc/apt/keyrings/fieldkit.asc'])
      expect([place(path) > 0, place(path) < place('apt-get update')]).toEqual([true, true]);
    expect(place('apt-get update')).toBeLessThan(place('--no-remove --fix-broken re6st-node=0.642-1'));
  });

  it.each(['installed', 'half-configured'])('keeps the version that a joined machine has: %s', (state) => {
    const cut = { packages: ['linux-image-amd64'], interrupted: false };
    const lines = (more: object) =>
      installRe6stNode
        .plan({ ...there, status: `install ok ${state} 0.600-1`, unfinished: cut, ...more } as never, at)
        .map((command) => ('argv' in command ? command.argv.join(' ') : ''));
    expect(lines({})[0]).toMatch(/dpkg .*--configure -a$/);
    expect(lines({}).find((line) => line.includes(' install -y '))).toMatch(/--no-remove --fix-broken$/);
    expect(lines({}).join()).not.toContain('re6st-node');
    // Where its files were being unpacked there is no version to keep.
    expect(lines({ status: 'install reinstreq half-installed 0.600-1' }).join()).toContain('re6st-node=0.642-1');
  });
});

describe('install-slapos-node', () => {
  it.each([
    ['everything is installed and answers', {}, 'done'],
    ['nothing is there', { status: {}, slapos: '', gcc: '' }, 'todo'],
    [
      'it is installed, another package is not configured',
      { unfinished: { packages: ['gcc'], interrupted: false } },
      'todo',
    ],
    ['dpkg’s notes were left open', { unfinished: { packages: [], interrupted: true } }, 'todo'],
    ['package files were left behind', { archives: 3 }, 'todo'],
    ['another version', { status: { ...status, 'slapos-node': 'install ok installed 1.2-2' } }, 'todo'],
  ])('%s', (_, facts, state) => {
    expect(installSlaposNode.verdict({ ...whole, ...facts } as never, context).state).toBe(state);
  });

  const words = (facts: object) =>
    installSlaposNode
      .plan({ ...whole, ...facts } as never, context)
      .map((command) => ('argv' in command ? command.argv.join(' ') : ''));

  it('brings to its end first what dpkg was cut off in, then installs what is still missing', () => {
    const plan = words({ unfinished: { packages: ['libc6-dev'], interrupted: true }, slapos: '' });
    expect(plan[0]).toContain('dpkg --force-confdef --force-confold --configure -a');
    expect(
      plan.some((line) =>
        line.includes('install -y --no-install-recommends --no-remove --fix-broken slapos-node=1.2-3'),
      ),
    ).toBe(true);
    expect(words({ slapos: '' }).some((line) => /--configure|--fix-broken/.test(line))).toBe(false);
  });

  it('takes away what ca-certificates had begun, and that alone, before it is configured again', () => {
    const plan = words({ unfinished: { packages: ['ca-certificates', 'gcc'], interrupted: false }, slapos: '' });
    expect(plan[0]).toMatch(/^find .*-delete$/);
    expect(plan[1]).toContain('--configure -a');
    const folder = mkdtempSync(join(tmpdir(), 'fieldkit-certificates-'));
    try {
      const [certificates, config] = [join(folder, 'certs'), join(folder, 'ca-certificates.conf')];
      mkdirSync(certificates);
      symlinkSync('/usr/share/ca-certificates/mozilla/A.crt', join(certificates, 'A.pem'));
      symlinkSync('/usr/local/share/ca-certificates/ours.crt', join(certificates, 'ours.pem'));
      for (const file of [config, join(certificates, 'empty.pem')]) writeFileSync(file, '');
      const argv = (plan[0] ?? '')
        .replace('/etc/ssl/certs', certificates)
        .replaceAll('/etc/ca-certificates.conf', config)
        .split(' ');
      execFileSync(argv[0] ?? '', argv.slice(1));
      expect([readdirSync(folder), readdirSync(certificates)]).toEqual([['certs'], ['empty.pem', 'ours.pem']]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('keeps the version that a configured machine has, and brings only what is not there', () => {
    const older = { ...status, 'slapos-node': 'install ok installed 1.1-1' };
    const unfinished = { packages: ['linux-image-amd64'], interrupted: false };
    const installing = (facts: object) =>
      words({ configured: true, ...facts }).find((line) => / install -y /.test(line));
    expect(installing({ status: older, unfinished })).toMatch(/--no-remove --fix-broken$/);
    expect(installing({ status: { ...older, cron: '' }, unfinished })).toMatch(/--no-remove --fix-broken cron$/);
    expect(installing({ status: { ...older, cron: 'deinstall ok config-files 3' } })).toMatch(/--no-remove cron$/);
    expect(installing({ status: older, unfinished, configured: false })).toMatch(
      /--fix-broken slapos-node=1.2-3 cron /,
    );
  });

  it('takes away the package files that a cut off install left, and installs nothing again', () => {
    expect(words({ archives: 3 }).at(-1)).toBe(
      'env APT_CONFIG=/etc/apt/fieldkit.conf DEBIAN_FRONTEND=noninteractive apt-get clean',
    );
    expect(words({ archives: 3 }).some((line) => line.includes(' install '))).toBe(false);
    const left = {
      'apt-archives': answer('f 20 slapos-node_1_amd64.deb\nf 9 acl_2_amd64.deb\nd 4096 partial\nf 0 lock\n'),
    };
    expect(archivesLeft(left, 'slapos-node')).toBe(1);
    expect(archivesLeft(left, 'slapos')).toBe(0);
  });

  it('reads from dpkg what is neither installed nor gone', () => {
    const out =
      'ii  bash\nrc  old\nun  ghost\niU  unpacked\niF  half-configured\niHR half-installed\nhi  held\niW  awaiting\nit  pending\n';
    expect(unfinishedFactsOf({ 'dpkg-states': answer(out) })).toEqual({
      packages: ['unpacked', 'half-configured', 'half-installed', 'awaiting', 'pending'],
      interrupted: false,
    });
    expect(unfinishedFactsOf({ 'dpkg-updates': answer('f 512 0003\nf 10 tmp.i\n') }).interrupted).toBe(true);
    expect(unfinishedFactsOf({ 'dpkg-updates': answer('f 10 tmp.i\n') }).interrupted).toBe(false);
  });
});
