// A medium that was prepared twice, and one of somebody else: each object on it, by each act that could be done to it, and the
// name by which it is refused. Then the site's lock on the laptop, by the same acts.
import { cp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { releaseArchive } from '../../../src-main/practice/archives.ts';
import { practiceReleaseUrl, vendorPackages } from '../../../src-main/practice/debian.ts';
import { practicePaths } from '../../../src-main/practice/faults.ts';
import { closeBench } from '../../../src-main/runbook/bench.ts';
import { Problem } from '../../../src-shared/problem.ts';
import {
  openPracticeBench,
  type PracticeBench,
  type PracticeHome,
  practiceHome,
  preparing,
  withoutBuilder,
} from './practice-bench.ts';

const signal = new AbortController().signal;
const acts = ['altered', 'missing', 'renamed', 'swapped', 'rolled back', 'signed by another key'] as const;
type Act = (typeof acts)[number];

let own: PracticeHome;
let theirs: PracticeHome;
let bench: PracticeBench;
let root: string;
let pinned: string;
/** Our medium and our lock as they were at the first sealing, and as they are now; a stranger's medium of the same content. */
let copies: Readonly<Record<'before' | 'now' | 'strangers', string>>;
let locks: Readonly<Record<'before' | 'now' | 'strangers', string>>;
const lockPath = (): string => join(own.siteFolder, 'site.lock');

async function prepare(place: PracticeHome): Promise<PracticeBench> {
  const opened = await openPracticeBench(place);
  expect(await preparing(opened)).toEqual([]);
  return opened;
}

const rootOf = ({ folder }: PracticeHome): string => join(folder, 'stick/fieldkit');

beforeAll(async () => {
  own = await practiceHome();
  theirs = await practiceHome(own);
  const plan = join(own.siteFolder, 'site.yaml');
  const text = await withoutBuilder(own);
  await withoutBuilder(theirs);
  const [old = '', current = ''] = vendorPackages.map(({ version }) => version);
  await writeFile(plan, `${text}\npackages: { slapos-node: ${old} }\n`);
  await closeBench(await prepare(own));
  root = rootOf(own);
  copies = {
    before: join(own.home, 'before'),
    now: join(own.home, 'now'),
    strangers: rootOf(theirs),
  };
  await cp(root, copies.before, { recursive: true });
  const before = await readFile(lockPath(), 'utf8');
  // The next version of the package and of one release.
  const nextUrl = practiceReleaseUrl.replace('1.0.499', '1.0.500');
  await writeFile(plan, (await readFile(plan, 'utf8')).replace(old, current).replace(practiceReleaseUrl, nextUrl));
  await writeFile(practicePaths(own.folder).release, await releaseArchive(nextUrl, 1_000_000));
  bench = await prepare(own);
  // What only the first sealing needs goes: it would be told as not listed.
  await bench.kit.cleanMedium(root, () => true);
  await cp(root, copies.now, { recursive: true });
  pinned = bench.site.plan.trust.manifest ?? '';
  const strangers = await prepare(theirs);
  await closeBench(strangers);
  locks = {
    before,
    now: await readFile(lockPath(), 'utf8'),
    strangers: await readFile(join(theirs.siteFolder, 'site.lock'), 'utf8'),
  };
}, 240_000);
afterAll(async () => {
  await closeBench(bench);
  for (const { home } of [own, theirs]) await rm(home, { recursive: true, force: true });
});
afterEach(async () => {
  await rm(root, { recursive: true, force: true });
  await cp(copies.now, root, { recursive: true });
});

/** What a use of the medium meets: the codes, each with the file it names. */
async function use(): Promise<readonly string[]> {
  try {
    const { findings } = await bench.kit.verifyMedium(root, pinned, signal);
    return findings.map(({ code, params }) => `${code} ${params.file}`).sort();
  } catch (thrown) {
    if (thrown instanceof Problem) return [thrown.code];
    throw thrown;
  }
}

interface Thing {
  readonly path: string;
  /** Another one of its kind, for swapping. */
  readonly other: string;
  /** Refused as a whole, by this name, instead of as a file; an act may have a name of its own. */
  readonly whole?: string;
  readonly except?: Partial<Record<Act, string>>;
  /** Acts that cannot be done to it. */
  readonly never?: readonly Act[];
}

const repository = 'debian/debian-12-amd64';
const manifest = 'medium-manifest-invalid';
/** Objects of the medium; a path that differs from medium to medium is found by its pattern. */
const objects: Readonly<Record<string, Thing>> = {
  'index entry': { path: 'bdir/[0-9a-f]{32}', other: 'bdir/[0-9a-f]{32}' },
  // Named by its content: an older one under this name is not this one, and nobody signs it.
  blob: { path: 'bcache/[0-9a-f]{128}', other: 'bcache/[0-9a-f]{128}', never: ['signed by another key'] },
  InRelease: { path: `${repository}/InRelease`, other: `${repository}/Release` },
  'Release.gpg': { path: `${repository}/Release.gpg`, other: `${repository}/InRelease` },
  Packages: { path: `${repository}/Packages`, other: `${repository}/Packages.gz`, never: ['signed by another key'] },
  '.deb': {
    path: `${repository}/debs/slapos-node_[^/]*.deb`,
    other: `${repository}/debs/cron_[^/]*.deb`,
    never: ['signed by another key'],
  },
  // Made once for the site.
  'trust file': { path: 'trust/cache-certificate.pem', other: 'trust/repository-key.asc', never: ['rolled back'] },
  'manifest’s key': {
    path: 'trust/manifest-key.pem',
    other: 'trust/cache-certificate.pem',
    whole: manifest,
    never: ['rolled back'],
    except: { altered: 'fingerprint-differs', 'signed by another key': 'fingerprint-differs' },
  },
  manifest: {
    path: 'manifest.json',
    other: 'manifest.json.sig',
    whole: manifest,
    except: { missing: 'medium-unsealed', renamed: 'medium-unsealed' },
  },
  signature: { path: 'manifest.json.sig', other: 'manifest.json', whole: manifest },
};

const filesOf = async (folder: string): Promise<readonly string[]> => {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
};

/** The sealed files that fit. */
const fitting = async (pattern: string, folder: string): Promise<readonly string[]> => {
  const { files } = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8')) as { files: { path: string }[] };
  const listed = new Set([...files.map(({ path }) => path), 'manifest.json', 'manifest.json.sig']);
  return (await filesOf(folder)).filter((path) => listed.has(path) && new RegExp(`^${pattern}$`).test(path));
};

/** One that two media hold differently: under the same name, or one in the place of the other. */
async function differing(pattern: string, from: string): Promise<readonly [here: string, there: string]> {
  const [own, others] = [await fitting(pattern, root), await fitting(pattern, from)];
  const read = (folder: string, path: string): Promise<Buffer> => readFile(join(folder, path));
  for (const path of own)
    if (others.includes(path) && !(await read(root, path)).equals(await read(from, path))) return [path, path];
  const here = own.find((path) => !others.includes(path));
  const there = others.find((path) => !own.includes(path));
  if (here === undefined || there === undefined) throw new Error(`${pattern}: the same in ${from}`);
  return [here, there];
}

async function swap(first: string, second: string): Promise<void> {
  await rename(first, `${first}-aside`);
  await rename(second, first);
  await rename(`${first}-aside`, second);
}

const damaged = (path: string): string => `medium-file-damaged ${path}`;
const missing = (path: string): string => `medium-file-missing ${path}`;

/** Does it, and says what a use must meet then. */
async function tamper({ path: pattern, other, whole, except }: Thing, act: Act): Promise<readonly string[]> {
  const [path = ''] = await fitting(pattern, root);
  const place = join(root, path);
  const expected = (...files: readonly string[]): readonly string[] => {
    const name = except?.[act] ?? whole;
    return name === undefined ? [...files].sort() : [name];
  };
  switch (act) {
    case 'altered': {
      const bytes = await readFile(place);
      // The case of one letter: a text stays one of its kind.
      const letter = (byte: number, at: number): boolean =>
        at > bytes.length / 2 && /[A-Za-z]/.test(String.fromCharCode(byte));
      const at = bytes.findIndex(letter);
      bytes[at] = (bytes[at] ?? 0) ^ 0x20;
      await writeFile(place, bytes);
      return expected(damaged(path));
    }
    case 'missing':
      await rm(place);
      return expected(missing(path));
    case 'renamed':
      await rename(place, `${place}.old`);
      return expected(missing(path), `medium-file-unlisted ${path}.old`);
    case 'swapped': {
      const second = (await fitting(other, root)).find((one) => one !== path) ?? '';
      await swap(place, join(root, second));
      return expected(damaged(path), damaged(second));
    }
    case 'rolled back':
    case 'signed by another key': {
      const from = act === 'rolled back' ? copies.before : copies.strangers;
      const [here, there] = await differing(pattern, from);
      await writeFile(join(root, here), await readFile(join(from, there)));
      return expected(damaged(here));
    }
  }
}

const cells = Object.entries(objects).flatMap(([name, thing]) =>
  acts.filter((act) => thing.never?.includes(act) !== true).map((act) => [name, act, thing] as const),
);

describe('an object of the medium', () => {
  it('is believed as long as nobody touched it', async () => {
    expect(cells.length).toBeGreaterThan(50);
    expect(await use()).toEqual([]);
  });

  it.each(cells)('%s %s is refused by name', async (_name, act, thing) => {
    const expected = await tamper(thing, act);
    expect(await use()).toEqual(expected);
  });
});

describe('the proof', () => {
  it('tells an index that somebody else signed for what it is, and one that is gone', async () => {
    const found = async (): Promise<string> => {
      const instance = bench.runner.instances().find(({ key }) => key === 'prove-complete@site');
      if (instance === undefined) throw new Error('no proof');
      await bench.runner.check(instance, undefined, signal);
      return JSON.stringify(bench.site.view.instances[instance.key]?.found);
    };
    const place = join(root, repository, 'InRelease');
    const whole = await readFile(place);
    await writeFile(place, await readFile(join(copies.strangers, repository, 'InRelease')));
    expect(await found()).toMatch(/InRelease: signed by another key, [0-9A-F]{16}/);
    await writeFile(place, whole.toString().replace('Label: ', 'Label:  '));
    expect(await found()).toContain('InRelease: not as it was signed');
    await rm(place);
    expect(await found()).toContain('InRelease: not on the medium');
    await writeFile(place, whole);
    expect(await found()).not.toContain('InRelease');
  });
});

describe('the medium as a whole', () => {
  /** What a machine would be served from. */
  const content = (): Promise<unknown> => bench.hands.world(signal).sight('content-files');
  const put = async (copy: string): Promise<void> => {
    await rm(root, { recursive: true });
    await cp(copy, root, { recursive: true });
  };

  it('rolled back to its earlier sealing, rightly signed, is refused until somebody says that it is meant', async () => {
    await put(copies.before);
    await expect(content()).rejects.toMatchObject({
      code: 'medium-rolled-back',
      data: { params: { was: 2, now: 1 } },
    });
    await closeBench(bench);
    await bench.kit.restoreMedium(root, 1, pinned);
    bench = await openPracticeBench(own);
    await expect(content()).resolves.toBeTypeOf('object');
    await closeBench(bench);
    await writeFile(lockPath(), locks.now);
    bench = await openPracticeBench(own);
  });

  it('of somebody else, whole and signed, is refused', async () => {
    await put(copies.strangers);
    expect(await use()).toEqual(['fingerprint-differs']);
    await expect(content()).rejects.toMatchObject({ code: 'medium-swapped' });
  });
});

describe('the lock', () => {
  /** The steps that no longer hold what they made, with what they found, after the laptop's lock became this text; null takes it away. */
  async function judged(text: string | null): Promise<Readonly<Record<string, string>>> {
    await closeBench(bench);
    await (text === null ? rm(lockPath()) : writeFile(lockPath(), text));
    try {
      bench = await openPracticeBench(own);
      const found: Record<string, string> = {};
      for (const instance of bench.runner.instances().filter(({ step }) => step.phase === 'prepare')) {
        await bench.runner.check(instance, undefined, signal);
        const view = bench.site.view.instances[instance.key];
        if (view?.verdict?.state !== 'done') found[instance.step.id] = JSON.stringify(view?.found ?? view?.verdict);
      }
      await closeBench(bench);
      return found;
    } finally {
      await writeFile(lockPath(), locks.now);
      bench = await openPracticeBench(own);
    }
  }

  it('is believed as it is', async () => {
    expect(await judged(locks.now)).toEqual({});
  });

  it('altered so that it is none is refused by name', async () => {
    await closeBench(bench);
    await writeFile(lockPath(), locks.now.replace('"format"', '"formt"'));
    await expect(openPracticeBench(own)).rejects.toMatchObject({
      code: 'lock-damaged',
      data: { params: { path: lockPath() } },
    });
    await writeFile(lockPath(), locks.now);
    bench = await openPracticeBench(own);
  });

  it.each<[string, () => string | null, string, RegExp]>([
    ['missing', () => null, 'prove-complete', /not resolved/],
    [
      'rolled back',
      () => locks.before,
      'prove-complete',
      /resolved for \S+1\.0\.499\S+, the site asks for \S+1\.0\.500/,
    ],
    ['swapped for another site’s', () => locks.strangers, 'prove-complete', /cache-certificate\.pem: not as resolved/],
    [
      'altered in a package’s hash',
      () => locks.now.replace(/("sha256": ")[0-9a-f]{64}/, `$1${'0'.repeat(64)}`),
      'solve-packages',
      /./,
    ],
    [
      'altered in an entry',
      () => locks.now.replace(/os\\":\[\\"debian\\"/, 'os\\":[\\"debian\\"'.replace('debian', 'ubuntu')),
      'prove-complete',
      /no trusted certificate verifies its entry/,
    ],
    [
      'altered in who signed',
      () => {
        const lock = JSON.parse(locks.now);
        lock.keys = JSON.parse(locks.strangers).keys;
        return JSON.stringify(lock);
      },
      'prove-complete',
      /trust\/manifest-key\.pem: not as resolved/,
    ],
  ])('%s is refused by name', async (_act, text, step, says) => {
    const altered = text();
    expect(altered).not.toBe(locks.now);
    const found = await judged(altered);
    expect(found[step], JSON.stringify(found)).toMatch(says);
  });
});
