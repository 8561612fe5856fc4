// The real apt is the judge of our closures: same archive, empty machine, no recommended packages.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openArchive } from '../../../src-main/packages/archive.ts';
import { solveCarried } from '../../../src-main/packages/carried.ts';
import { solveClosure } from '../../../src-main/packages/closure.ts';
import { combineIndexes, type Package, type PackageIndex } from '../../../src-main/packages/package-index.ts';
import { parseRelations } from '../../../src-main/packages/relations.ts';
import { networkFetch } from '../../../src-main/platform/fetch.ts';
import { aptIn, has } from './apt.ts';
import { hostArchives } from './host-archives.ts';

const host = has('apt-get') ? await hostArchives() : null;
if (host === null) console.log('skipped: no apt, or the Debian archive of its sources does not answer');

/** What slapos-node asks for, and what the steps add to it. */
const node =
  'python3 (>= 3.9), debconf, cron | cron-daemon, gawk | mawk, libc6-dev, gcc, g++, make, patch, iproute2, procps, lm-sensors, util-linux, openssl';
const steps = 'nginx-light, iptables, nftables, acl, openvpn, babeld, sudo';

const single = [
  ...[
    'nginx-light',
    'iptables',
    'nftables',
    'acl',
    'openvpn',
    'babeld',
    'sudo',
    'apache2',
    'postgresql',
    'mariadb-server',
  ],
  ...['default-mta', 'git', 'curl', 'vim', 'build-essential', 'dpkg-dev', 'ruby', 'php', 'ansible', 'docker.io'],
  ...['certbot', 'libreoffice', 'systemd-sysv', 'rsyslog', 'grub-pc'],
];

const system = 'debian-amd64';
const architecture = 'amd64';

describe.skipIf(host === null)('closures of the real archive', () => {
  let work = '';
  let index: PackageIndex;
  let fetched: (...names: string[]) => Promise<string[]>;
  const archives = host?.archives ?? [];

  /** An apt of its own that names what it would fetch: quicker than its simulation, and with the same versions. */
  const startApt = async (ofArchitecture: string) => {
    const keys = join(work, 'keys.asc');
    await writeFile(keys, [...new Set(archives.flatMap((archive) => archive.keys))].join('\n'));
    const apt = await aptIn(join(work, ofArchitecture), keys, ofArchitecture);
    await apt.setSources(archives.map(({ url, suites }) => ({ url, suites, components: ['main'] })));
    expect(await apt.run('update')).toMatchObject({ status: 0, stderr: '' });
    return async (...names: string[]): Promise<string[]> => {
      const { stdout, stderr, status } = await apt.run('--print-uris', 'install', ...names);
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      const files = [...stdout.matchAll(/^'[^']+' ([^ _]+)_([^ _]+)_/gm)];
      return files.map(([, name, version]) => `${name} ${version?.replace('%3a', ':')}`).sort();
    };
  };
  const open = async (ofArchitecture: string): Promise<PackageIndex> => {
    const means = { fetch: networkFetch, cacheFolder: join(work, 'cache'), now: new Date() };
    const opened: PackageIndex[] = [];
    for (const archive of archives) {
      const request = { archive, architecture: ofArchitecture, locked: [], refresh: true };
      opened.push((await openArchive(request, means)).index);
    }
    return combineIndexes(opened);
  };

  beforeAll(async () => {
    work = await mkdtemp(join(tmpdir(), 'fieldkit-oracle-'));
    index = await open(architecture);
    fetched = await startApt(architecture);
  });
  afterAll(() => rm(work, { recursive: true, force: true }));

  const ours = (wish: string, from = index, ofArchitecture = architecture): string[] =>
    solveClosure({ index: from, roots: parseRelations(wish), architecture: ofArchitecture, system })
      .map(({ name, version }) => `${name} ${version}`)
      .sort();
  const firstNames = (wish: string): string[] => parseRelations(wish).map((group) => group[0]?.name ?? '');

  it.each([node, steps, `${node}, ${steps}`])('equal those of apt: %s', async (wish) => {
    expect(ours(wish)).toEqual(await fetched(...firstNames(wish)));
  });

  it.each(single)('equals that of apt: %s', async (wish) => {
    expect(ours(wish)).toEqual(await fetched(...firstNames(wish)));
  });

  it('are never larger than apt’s for a whole desktop, and apt calls them complete', async () => {
    const mine = ours('gnome');
    const its = new Set(await fetched('gnome'));
    expect(mine.filter((one) => !its.has(one))).toEqual([]);
    // Asked for exactly our packages, apt adds nothing and leaves nothing out.
    const exact = mine.map((one) => one.replace(' ', '='));
    expect(await fetched(...exact)).toEqual(mine);
  });

  it('carry the whole base beside them, and apt can install each carried package', async () => {
    const { closure, beside } = solveCarried({
      index,
      roots: parseRelations(`${node}, ${steps}`),
      architecture,
      system,
    });
    const names = new Set([...closure, ...beside].map(({ name }) => name));
    const base = index.ranked(['essential', 'required']).map(({ name }) => name);
    expect(base.length).toBeGreaterThan(20);
    expect(base.filter((name) => !names.has(name))).toEqual([]);
    for (const name of ['systemd', 'perl', 'libc-bin', 'mawk', 'apt']) expect(names).toContain(name);
    expect(sizeOf(beside)).toBeLessThan(80e6);
    const exact = [...closure, ...beside].map(({ name, version }) => `${name}=${version}`);
    expect(await fetched(...exact)).toHaveLength(exact.length);
  });

  it('equal those of apt for another architecture', async () => {
    const foreign = await startApt('arm64');
    expect(ours(node, await open('arm64'), 'arm64')).toEqual(await foreign(...firstNames(node)));
  });
});

const sizeOf = (packages: readonly Package[]): number => packages.reduce((all, { sizeBytes }) => all + sizeBytes, 0);
