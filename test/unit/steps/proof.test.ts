import { beforeAll, describe, expect, it } from 'vitest';
import { makeCacheKey } from '../../../src-main/software/certificate.ts';
import { targetOf } from '../../../src-main/software/compatibility.ts';
import { makeEntry, signEntry, urlKey } from '../../../src-main/software/entry.ts';
import { prove } from '../../../src-main/steps/proof.ts';
import { emptyLock, type LockedEntry, type SiteLock } from '../../../src-shared/lock.ts';
import { mediumPaths } from '../../../src-shared/manifest.ts';
import { sitePlan } from '../../../src-shared/site.ts';

const urlOf = (version: string) => `https://example.org/raw/${version}/software/slapos-master/software.cfg`;
const system = 'debian-12-amd64';
const hash = 'a'.repeat(128);

const planFor = (url: string) =>
  sitePlan.parse({
    format: 1,
    name: 'somewhere',
    machines: [{ name: 'm', roles: ['master'], address: 'fd00::1', release: '12', interface: 'eth0' }],
    releases: [{ name: 'slapos-master', url }],
  });

let signedEntry: (url: string, built?: string, sha512?: string) => LockedEntry;
beforeAll(async () => {
  const key = await makeCacheKey('upstream', new Date());
  signedEntry = (url, built = system, sha512 = hash) => {
    const entry = makeEntry({ sha512, ...targetOf(built), softwareUrl: url });
    const signature = signEntry(entry, key.privateKeyPem);
    return { system, sha512: hash, sizeBytes: 10, entry, signature, certificate: key.certificatePem };
  };
});

const lockWith = (url: string, ...entries: LockedEntry[]): SiteLock => ({
  ...emptyLock,
  releases: { 'slapos-master': { url, md5: urlKey(url), entries } },
});
const filesFor = (url: string) => ({ [mediumPaths.blob(hash)]: 10, [mediumPaths.index(urlKey(url))]: 1 });
const proved = (asked: string, lock: SiteLock, files: Record<string, number>) =>
  prove({ site: planFor(asked), lock, needs: [], files });

describe('the proof of a release', () => {
  const url = urlOf('1.0.358');

  it('finds nothing missing on a whole medium', () => {
    expect(proved(url, lockWith(url, signedEntry(url)), filesFor(url))).toEqual([]);
  });

  it('catches the slip of the official procedure: 1.0.349 was brought, 1.0.358 is asked for', () => {
    const brought = urlOf('1.0.349');
    expect(proved(url, lockWith(brought, signedEntry(brought)), filesFor(brought))).toEqual([
      `slapos-master: resolved for ${brought}, the site asks for ${url}`,
    ]);
  });

  it.each<[string, () => SiteLock, Record<string, number> | null, string]>([
    ['not resolved', () => emptyLock, null, 'slapos-master: not resolved'],
    ['no entry for the system', () => lockWith(url), null, `slapos-master for ${system}: no entry`],
    [
      'an altered entry',
      () => {
        const signed = signedEntry(url);
        return lockWith(url, { ...signed, entry: signed.entry.replace('"file":"file"', '"file":"fil3"') });
      },
      null,
      `slapos-master for ${system}: no trusted certificate verifies its entry`,
    ],
    [
      'an entry for another system',
      () => lockWith(url, signedEntry(url, 'debian-11-amd64')),
      null,
      `slapos-master for ${system}: its entry is for debian 11 bullseye, x86_64-linux-gnu`,
    ],
    [
      'an entry of another archive',
      () => lockWith(url, signedEntry(url, system, 'b'.repeat(128))),
      null,
      `slapos-master for ${system}: its entry names another archive`,
    ],
    [
      'an archive of another size',
      () => lockWith(url, signedEntry(url)),
      { [mediumPaths.blob(hash)]: 9, [mediumPaths.index(urlKey(url))]: 1 },
      `${mediumPaths.blob(hash)}: 9 bytes instead of 10`,
    ],
  ])('names %s', (_what, lock, files, wanted) => {
    expect(proved(url, lock(), files ?? filesFor(url))).toEqual([wanted]);
  });

  it('names each thing once, whoever asks for it', () => {
    const needs = [{ kind: 'release', name: 'slapos-master', url, system }] as const;
    expect(prove({ site: planFor(url), lock: emptyLock, needs, files: {} })).toEqual(['slapos-master: not resolved']);
  });
});
