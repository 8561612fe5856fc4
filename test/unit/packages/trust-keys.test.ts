import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readKeys } from 'openpgp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verifyClearsigned, verifyDetached } from '../../../src-main/packages/signed-text.ts';
import {
  fingerprintOf,
  makeRepositoryKey,
  publicHalf,
  type RepositoryKey,
  signRelease,
} from '../../../src-main/packages/signer.ts';
import { readTrustedKey } from '../../../src-main/packages/trust-keys.ts';
import { defaultSources } from '../../../src-shared/site.ts';
import { unless } from '../../unless.ts';

const trustFolder = fileURLToPath(new URL('../../../resources/trust', import.meta.url));
const created = new Date('2024-01-01T00:00:00Z');
let planFolder = '';
let key: RepositoryKey;
beforeAll(async () => {
  planFolder = await mkdtemp(join(tmpdir(), 'fieldkit-trust-'));
  key = await makeRepositoryKey('Site', created);
  await writeFile(join(planFolder, 'vendor.asc'), key.publicKey);
  await writeFile(join(planFolder, 'private.asc'), key.privateKey);
  await writeFile(join(planFolder, 'text.asc'), 'no key\n');
});
afterAll(() => rm(planFolder, { recursive: true, force: true }));

const read = (name: string) => readTrustedKey(name, { trustFolder, planFolder });

describe('trusted keys', () => {
  // The archive's own keys, as Debian publishes them (ftp-master.debian.org/keys.html).
  it.each([
    ['debian-archive-12', 'B8B80B5B623EAB6AD8775C45B7C5D7D6350947F8'],
    ['debian-archive-12', '05AB90340C0C5E797F44A8C8254CF3B5AEC0A8F0'],
    ['debian-archive-13', '04B54C3CDCA79751B16BC6B5225629DF75B188BD'],
    ['debian-archive-11', '1F89983E0081FDE018F3CC9673A4F27B8DD47936'],
  ])('%s holds %s', async (name, fingerprint) => {
    const { fingerprints } = await read(name);
    expect(fingerprints).toHaveLength(3);
    expect(fingerprints).toContain(fingerprint);
  });

  // As Debian's package ubuntu-keyring carries them.
  it('holds the keys of Ubuntu’s archive', async () => {
    expect((await read('ubuntu-archive')).fingerprints).toEqual([
      '790BC7277767219C42C86F933B4FE6ACC0B21F32',
      'F6ECB3762474EDA9D21B7022871920D1991BC93C',
    ]);
  });

  it.each(['debian-12-amd64', 'debian-13-arm64', 'ubuntu-22.04-amd64', 'ubuntu-24.04-arm64'])(
    'has every archive key that the public sources of %s name',
    async (system) => {
      for (const { key: name } of defaultSources(system)?.archives ?? [])
        expect((await read(name)).fingerprints.length).toBeGreaterThan(0);
    },
  );

  const installed = '/usr/share/keyrings/debian-archive-keyring.gpg';
  it(
    'holds for Debian only keys that Debian’s own keyring has',
    unless(
      existsSync(installed) ? null : 'Debian’s keyring is not installed: sudo apt-get install debian-archive-keyring',
    ),
    async () => {
      const keyring = await readKeys({ binaryKeys: await readFile(installed) });
      const own = keyring.map((one) => one.getFingerprint().toUpperCase());
      for (const release of [11, 12, 13]) {
        const { fingerprints } = await read(`debian-archive-${release}`);
        expect(fingerprints.filter((one) => !own.includes(one))).toEqual([]);
      }
    },
  );

  it('may be a file beside the plan or at an absolute path', async () => {
    expect((await read('vendor.asc')).fingerprints).toEqual([key.fingerprint]);
    expect((await read(join(planFolder, 'vendor.asc'))).armored).toBe(key.publicKey);
  });

  it.each(['nowhere', 'missing.asc', 'text.asc', 'private.asc', '../vendor'])('%s is refused', async (name) => {
    await expect(read(name)).rejects.toMatchObject({ code: 'archive-key-missing', data: { params: { name } } });
  });
});

describe('the repository’s key', () => {
  it('has one fingerprint, and a public half without the private one', async () => {
    expect(await fingerprintOf(key.publicKey)).toBe(key.fingerprint);
    expect(key.fingerprint).toMatch(/^[0-9A-F]{40}$/);
    const half = await publicHalf(key.privateKey);
    expect(half).not.toContain('PRIVATE');
    expect(await fingerprintOf(half)).toBe(key.fingerprint);
  });

  it('signs the same text the same way, and nothing else verifies', async () => {
    const text = 'Date: x\n- dash\nSHA256:\n abc\n';
    const date = new Date('2024-02-01T00:00:00Z');
    const signed = await signRelease(text, key.privateKey, date);
    expect(await signRelease(text, key.privateKey, date)).toEqual(signed);
    const rules = { url: 'test', keys: [key.publicKey], now: date };
    const opened = await verifyClearsigned(Buffer.from(signed.inRelease), rules);
    expect(opened).toEqual({ text: text.trimEnd(), signedBy: key.fingerprint });
    const detached = Buffer.from(signed.releaseGpg);
    expect((await verifyDetached(Buffer.from(text), detached, rules)).text).toBe(text);
    await expect(verifyDetached(Buffer.from(`${text}\n`), detached, rules)).rejects.toMatchObject({
      code: 'release-signature-bad',
    });
  });

  it('cannot be replaced by something that is no key', async () => {
    await expect(signRelease('x\n', 'nonsense', created)).rejects.toMatchObject({ code: 'key-missing' });
    expect(JSON.stringify(await readFile(join(planFolder, 'vendor.asc'), 'utf8'))).not.toContain('PRIVATE');
  });
});
