/** A site's keys carried from one laptop's vault to another's: whole, encrypted, and only where they belong. */
import { cp, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { makeSigningKey } from '../../../src-main/medium/keys.ts';
import { makeRepositoryKey } from '../../../src-main/packages/signer.ts';
import { exportKeys, importKeys } from '../../../src-main/performers/key-files.ts';
import { keyNames } from '../../../src-main/performers/site-keys.ts';
import { systemClock } from '../../../src-main/platform/clock.ts';
import { ensureFolder } from '../../../src-main/platform/files.ts';
import { openVault } from '../../../src-main/platform/vault.ts';
import { makeCacheKey } from '../../../src-main/software/certificate.ts';
import { emptyLock, type LockedKeys, type SiteLock } from '../../../src-shared/lock.ts';
import { scratch } from '../medium/scratch.ts';

const passphrases = { vault: 'the vault of the first', file: 'carried apart from it' };
const others = { vault: 'the vault of the second', file: passphrases.file };

interface Keys {
  readonly public: LockedKeys;
  readonly private: Readonly<Record<'cache' | 'repository' | 'manifest', string>>;
}

async function makeKeys(): Promise<Keys> {
  const now = new Date();
  const [cache, repository, manifest] = [
    await makeCacheKey('lab', now),
    await makeRepositoryKey('lab', now),
    makeSigningKey(),
  ];
  return {
    public: {
      cacheCertificate: cache.certificatePem,
      cacheFingerprint: cache.fingerprint,
      repositoryKey: repository.publicKey,
      repositoryFingerprint: repository.fingerprint,
      manifestKey: manifest.publicKeyPem,
      manifestFingerprint: manifest.fingerprint,
    },
    private: { cache: cache.privateKeyPem, repository: repository.privateKey, manifest: manifest.privateKeyPem },
  };
}

function siteOf(keys: LockedKeys | null, name = 'lille', pinned: string | null = null) {
  let lock: SiteLock = { ...emptyLock, keys };
  return {
    name,
    get lock() {
      return lock;
    },
    plan: { trust: pinned === null ? {} : { manifest: pinned } },
    clock: systemClock,
    updateLock: async (change: (lock: SiteLock) => SiteLock) => {
      lock = change(lock);
    },
  } as unknown as Parameters<typeof importKeys>[0];
}

describe('a file of keys', { timeout: 120_000 }, () => {
  let made: Keys;
  let stranger: Keys;
  let folder: string;
  let first: string;
  let second: string;
  let file: string;

  // Keys are derived from passphrases slowly, on purpose: what can be shared is made once.
  let origin: string;
  beforeAll(async () => {
    [made, stranger] = [await makeKeys(), await makeKeys()];
    origin = await mkdtemp(join(tmpdir(), 'fieldkit-keys-'));
    const vault = await openVault(join(origin, 'first.json'), passphrases.vault);
    for (const [which, name] of Object.entries(keyNames('lille')))
      await vault.put(name, Buffer.from(made.private[which as keyof Keys['private']]));
    await exportKeys(siteOf(made.public), join(origin, 'first.json'), join(origin, 'keys.age'), passphrases);
  }, 120_000);
  afterAll(() => rm(origin, { recursive: true, force: true }));
  beforeEach(async () => {
    folder = await scratch();
    [first, second, file] = [join(folder, 'first.json'), join(folder, 'second.json'), join(folder, 'keys.age')];
    await cp(origin, folder, { recursive: true });
  });

  const halves = async (path: string, passphrase: string) => {
    const vault = await openVault(path, passphrase);
    return Object.fromEntries(
      await Promise.all(
        Object.entries(keyNames('lille')).map(async ([which, name]) => [
          which,
          Buffer.from((await vault.get(name)) ?? []).toString(),
        ]),
      ),
    );
  };

  it('brings every private half, is read by its owner alone, and shows nothing of them', async () => {
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readFile(file, 'latin1')).not.toMatch(/PRIVATE KEY|manifestFingerprint/);
    const site = siteOf(made.public);
    expect(await importKeys(site, second, file, others)).toMatchObject({ changed: true });
    expect(await halves(second, others.vault)).toEqual(made.private);
    expect(await importKeys(site, second, file, others)).toMatchObject({ changed: false });
  });

  it('gives the public halves to a site that has only the fingerprint', async () => {
    const site = siteOf(null, 'lille', made.public.manifestFingerprint);
    await importKeys(site, second, file, others);
    expect(site.lock.keys).toEqual(made.public);
  });

  it('keeps others that were there under the same name', async () => {
    const vault = await openVault(second, others.vault);
    await vault.put(keyNames('lille').manifest, Buffer.from('older'));
    await importKeys(siteOf(made.public), second, file, others);
    const names = await (await openVault(second, others.vault)).names();
    expect(names.filter((name) => name.startsWith('lille/manifest before '))).toHaveLength(1);
    expect((await halves(second, others.vault)).manifest).toBe(made.private.manifest);
  });

  it.each([
    ['another passphrase', {}, { ...others, file: 'no' }, 'passphrase-wrong'],
    ['a site with other keys', { keys: 'stranger' }, others, 'keys-of-another-site'],
    ['a site of another name', { name: 'lyon' }, others, 'keys-of-another-site'],
    ['a plan that pins another key', { keys: null, pinned: 'f'.repeat(64) }, others, 'keys-of-another-site'],
  ])('is refused with %s, and nothing is written', async (_, of, given, code) => {
    const { keys, name, pinned } = { keys: 'made', name: 'lille', pinned: null, ...of };
    const site = siteOf(keys === null ? null : keys === 'made' ? made.public : stranger.public, name, pinned);
    await expect(importKeys(site, second, file, given)).rejects.toMatchObject({ code });
    expect(await readdir(folder)).not.toContain('second.json');
  });

  it('is refused when it is cut short or something else', async () => {
    const whole = await readFile(file);
    for (const bytes of [whole.subarray(0, whole.length - 20), Buffer.from('PEM'), Buffer.alloc(0)]) {
      await writeFile(file, bytes);
      await expect(importKeys(siteOf(made.public), second, file, others)).rejects.toMatchObject({
        code: 'keys-file-unfit',
      });
    }
  });

  it('is not written over a file, or from a vault that lacks a key or holds another', async () => {
    const site = siteOf(made.public);
    await expect(exportKeys(site, first, file, passphrases)).rejects.toMatchObject({ code: 'keys-file-unfit' });
    expect(await readFile(file)).toEqual(await readFile(join(origin, 'keys.age')));
    const free = join(folder, 'free.age');
    await expect(exportKeys(site, second, free, passphrases)).rejects.toMatchObject({ code: 'key-missing' });
    await expect(exportKeys(siteOf(stranger.public), first, free, passphrases)).rejects.toMatchObject({
      code: 'keys-file-unfit',
    });
    expect(await readdir(folder)).not.toContain('free.age');
  });

  it.each([
    ['in its own tree', 'fieldkit/site', 'medium-id'],
    ['at its root', '.', 'medium-id'],
    ['in a folder beside', 'photos/old', 'medium-id'],
    ['at the root of a copy that nobody chose yet', '.', 'manifest.json'],
  ])('is not written onto a medium, sealed or not: %s', async (_, place, mark) => {
    const stick = join(folder, 'stick');
    await ensureFolder(join(stick, 'fieldkit'));
    await writeFile(join(stick, 'fieldkit', mark), 'x');
    await ensureFolder(join(stick, place));
    await symlink(join(stick, place), join(folder, 'link'));
    for (const way of [join(stick, place), join(folder, 'link')]) {
      await expect(exportKeys(siteOf(made.public), first, join(way, 'other.age'), passphrases)).rejects.toMatchObject({
        code: 'keys-file-unfit',
        data: { params: { detail: `${stick} is a medium` } },
      });
      expect(await readdir(way)).not.toContain('other.age');
    }
    // Beside the stick is the laptop's own.
    await exportKeys(siteOf(made.public), first, join(folder, 'other.age'), passphrases);
  });
});
