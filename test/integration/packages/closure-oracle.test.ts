// The real apt is the judge of our closures: the same archive, an empty machine, no recommended packages. Each release of Debian
// that a site may have, and one other architecture. What is fetched of the archives is kept beside the lab's cache, by hash.
import { cp, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ArchiveSource, openArchive } from '../../../src-main/packages/archive.ts';
import { solveCarried } from '../../../src-main/packages/carried.ts';
import { solveClosure } from '../../../src-main/packages/closure.ts';
import { freshRelease, readStatus, solveForInstalled } from '../../../src-main/packages/installed.ts';
import { combineIndexes, type Package, type PackageIndex } from '../../../src-main/packages/package-index.ts';
import { parseRelations } from '../../../src-main/packages/relations.ts';
import { networkFetch } from '../../../src-main/platform/fetch.ts';
import { unless, whyWithout } from '../../unless.ts';
import { aptIn } from './apt.ts';
import { archivesOf, hostArchives } from './host-archives.ts';

const host = whyWithout('apt-get') === null ? await hostArchives() : null;

interface Oracle {
  readonly release: number;
  readonly architecture: string;
  readonly archives: readonly ArchiveSource[] | null;
}

const oracles: readonly Oracle[] = await Promise.all(
  (
    [
      [11, 'amd64'],
      [12, 'amd64'],
      [13, 'amd64'],
      [12, 'arm64'],
    ] as const
  ).map(async ([release, architecture]) => ({
    release,
    architecture,
    archives: host === null ? null : await archivesOf(release, host),
  })),
);
const unable = (target: string, archives: unknown): string | null => {
  if (host === null) return 'no apt, or the Debian archive of its sources does not answer';
  return archives === null ? `the archive of this machine's sources lacks ${target}` : null;
};

/**
 * What the vendor's packages ask for; the lab's carry the real ones' lists. The lab's run on the target's Python and need a new
 * one; the vendor's bring their own.
 */
const dependsOf = async (name: string): Promise<string> => {
  const control = await readFile(new URL(`../../lab/stand-in/${name}.control`, import.meta.url), 'utf8');
  return (/^Depends: (.*)$/m.exec(control)?.[1] ?? '').replace('python3 (>= @PYTHON@)', 'python3');
};
const slaposNode = await dependsOf('slapos-node');
const re6stNode = `${await dependsOf('re6st-node')}, openvpn, babeld`;
/** What the steps install beside them. */
const steps = 'cron, openssl, ca-certificates, nftables, acl, git';

const singles = [
  ...['nginx-light', 'iptables', 'nftables', 'acl', 'openvpn', 'babeld', 'sudo', 'apache2', 'postgresql', 'git'],
  ...[
    'mariadb-server',
    'default-mta',
    'curl',
    'vim',
    'build-essential',
    'dpkg-dev',
    'ruby',
    'php',
    'ansible',
    'docker.io',
  ],
  ...['certbot', 'libreoffice', 'systemd-sysv', 'rsyslog', 'grub-common', 'emacs', 'default-jdk', 'lighttpd'],
  ...['gcc-arm-none-eabi', 'nodejs'],
];

/** Where ours are smaller than apt's, and why that is right. Asked for exactly ours, apt must add nothing. */
const smaller: readonly {
  readonly on: string;
  readonly wish: string;
  readonly without: readonly string[];
  readonly why: string;
}[] = [
  {
    on: 'Debian 13 amd64',
    wish: 'certbot',
    without: ['python3-typing-extensions'],
    why: 'python3-openssl asks for it or for python3-supported-min, which the python3 that is there provides',
  },
];

const cacheFolder = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'slapos-field-kit', 'oracle');

describe.each(oracles.map((oracle) => [`Debian ${oracle.release} ${oracle.architecture}`, oracle] as const))(
  'closures of %s',
  (target, { release, architecture, archives }) => {
    const known = archives ?? [];
    const system = target;
    let work = '';
    let index: PackageIndex;
    let fetched: (...names: string[]) => Promise<string[]>;
    let shown: (...names: string[]) => Promise<string>;

    /** An apt of its own that names what it would fetch: quicker than its simulation, and with the same versions. */
    const startApt = async (status = '', name = 'apt') => {
      const keys = join(work, 'keys.asc');
      await writeFile(keys, [...new Set(known.flatMap((archive) => archive.keys))].join('\n'));
      const root = join(work, name);
      const first = join(work, 'apt/lists');
      const kept = join(cacheFolder, `lists-${target.replaceAll(' ', '-')}`);
      await cp(status === '' ? kept : first, join(root, 'lists'), { recursive: true, preserveTimestamps: true }).catch(
        () => undefined,
      );
      const apt = await aptIn(root, keys, architecture, status);
      await apt.setSources(known.map(({ url, suites }) => ({ url, suites, components: ['main'] })));
      if (status === '') {
        expect(await apt.run('update')).toMatchObject({ status: 0, stderr: '' });
        // In whole or not at all: another run may be reading.
        const fresh = `${kept}.${process.pid}`;
        await mkdir(cacheFolder, { recursive: true });
        await cp(join(root, 'lists'), fresh, { recursive: true, preserveTimestamps: true });
        await rm(kept, { recursive: true, force: true });
        await rename(fresh, kept).catch(() => rm(fresh, { recursive: true, force: true }));
        shown = async (...names) => (await apt.show(...names)).stdout;
      }
      return async (...names: string[]): Promise<string[]> => {
        // As a courtesy apt renews what was built together with a package it renews; nothing asks for that.
        const needed = ['-o', 'APT::Get::Upgrade-By-Source-Package=false'];
        const { stdout, stderr, status } = await apt.run('--print-uris', ...needed, 'install', ...names);
        expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
        const files = [...stdout.matchAll(/^'[^']+' ([^ _]+)_([^ _]+)_/gm)];
        return files.map(([, name, version]) => `${name} ${version?.replace('%3a', ':')}`).sort();
      };
    };
    const open = async (): Promise<PackageIndex> => {
      const means = { fetch: networkFetch, cacheFolder, now: new Date() };
      const opened: PackageIndex[] = [];
      for (const archive of known)
        opened.push((await openArchive({ archive, architecture, locked: [], refresh: true }, means)).index);
      return combineIndexes(opened);
    };

    beforeAll(async () => {
      if (archives === null) return;
      work = await mkdtemp(join(tmpdir(), 'fieldkit-oracle-'));
      index = await open();
      fetched = await startApt();
    });
    afterAll(() => rm(work, { recursive: true, force: true }));

    const ours = (wish: string): string[] =>
      solveClosure({ index, roots: parseRelations(wish), architecture, system })
        .map(({ name, version }) => `${name} ${version}`)
        .sort();
    const firstNames = (wish: string): string[] => parseRelations(wish).map((group) => group[0]?.name ?? '');
    const able = unless(unable(target, archives));
    it.each([slaposNode, re6stNode, `${slaposNode}, ${re6stNode}, ${steps}`])(
      'equal those of apt: %s',
      able,
      async (wish) => {
        expect(ours(wish)).toEqual(await fetched(...firstNames(wish)));
      },
    );

    it.each(singles)('equals that of apt: %s', able, async (wish) => {
      const mine = ours(wish);
      const its = await fetched(wish);
      const justified = smaller.find((item) => item.on === target && item.wish === wish);
      if (justified === undefined) return expect(mine).toEqual(its);
      expect(its.filter((one) => !mine.includes(one)).map((one) => one.split(' ')[0])).toEqual(justified.without);
      expect(await fetched(...mine.map((one) => one.replace(' ', '=')))).toEqual(mine);
    });

    it('carry the whole base beside them, and apt can install each carried package', able, async () => {
      const roots = parseRelations(`${slaposNode}, ${re6stNode}, ${steps}`);
      const { closure, beside } = solveCarried({ index, roots, architecture, system });
      const names = new Set([...closure, ...beside].map(({ name }) => name));
      const base = index.ranked(['essential', 'required']).map(({ name }) => name);
      expect(base.length).toBeGreaterThan(20);
      expect(base.filter((name) => !names.has(name))).toEqual([]);
      for (const name of ['systemd', 'perl', 'libc-bin', 'mawk', 'apt']) expect(names).toContain(name);
      expect(sizeOf(beside)).toBeLessThan(80e6);
      const exact = [...closure, ...beside].map(({ name, version }) => `${name}=${version}`);
      expect(await fetched(...exact)).toHaveLength(exact.length);
    });

    it('equal those of apt for a machine that was installed a moment ago', able, async () => {
      const installed = freshRelease({ index, architecture, system });
      // No package of it lacks anything: else apt would call the machine broken, and so it would be.
      const stanzas = await shown(...installed.map(({ name, version }) => `${name}=${version}`));
      const status = stanzas.replace(/^(Package: .*)$/gm, '$1\nStatus: install ok installed');
      expect(readStatus(status, architecture)).toHaveLength(installed.length);
      const has = new Set(installed.map(({ name, version }) => `${name} ${version}`));
      for (const name of ['libc6', 'apt', 'systemd', 'iproute2'])
        expect(installed.map((one) => one.name)).toContain(name);
      const itsFetched = await startApt(status, 'fresh');
      for (const wish of [slaposNode, re6stNode, steps, 'nginx-light', 'postgresql', 'build-essential']) {
        const mine = solveForInstalled({ index, roots: parseRelations(wish), installed, architecture, system })
          .map(({ name, version }) => `${name} ${version}`)
          .filter((one) => !has.has(one))
          .sort();
        expect([wish, mine]).toEqual([wish, await itsFetched(...firstNames(wish))]);
      }
    });

    // This machine's own status is a survey like any other: of a system that is used, with packages of its own.
    const own = host?.release === release && architecture === 'amd64';
    it('equal those of apt for a machine that has packages already', {
      ...(own ? able : unless('compared on a machine of that system only')),
      timeout: 300_000,
    }, async () => {
      const status = await readFile('/var/lib/dpkg/status', 'utf8');
      const installed = readStatus(status, architecture);
      expect(installed.length).toBeGreaterThan(80);
      const has = new Set(installed.map(({ name, version }) => `${name} ${version}`));
      const itsFetched = await startApt(status, 'surveyed');
      const wishes = [
        slaposNode,
        re6stNode,
        steps,
        'nginx-light',
        'postgresql',
        'default-mta',
        'build-essential',
        'ansible',
      ];
      for (const wish of wishes) {
        const roots = parseRelations(wish);
        const mine = solveForInstalled({ index, roots, installed, architecture, system })
          .map(({ name, version }) => `${name} ${version}`)
          // What was asked for is carried also where it is there already.
          .filter((one) => !has.has(one))
          .sort();
        expect([wish, mine]).toEqual([wish, await itsFetched(...firstNames(wish))]);
      }
    });

    const one = target === 'Debian 12 amd64';
    it(
      'are never larger than apt’s for a whole desktop, and apt calls them complete',
      one ? able : unless('one target is enough for a desktop: Debian 12 amd64'),
      async () => {
        const mine = ours('gnome');
        const its = new Set(await fetched('gnome'));
        expect(mine.filter((one) => !its.has(one))).toEqual([]);
        // Asked for exactly our packages, apt adds nothing and leaves nothing out.
        const exact = mine.map((one) => one.replace(' ', '='));
        expect(await fetched(...exact)).toEqual(mine);
      },
    );
  },
);

const sizeOf = (packages: readonly Package[]): number => packages.reduce((all, { sizeBytes }) => all + sizeBytes, 0);
