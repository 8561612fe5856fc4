/** The way back, and a copy: what media hold afterwards, and what the sites of this laptop know of them. */
import { cpSync } from 'node:fs';
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { keepGeneration, sealedPath } from '../../../src-main/medium/generations.ts';
import { bindMedium } from '../../../src-main/medium/identity.ts';
import { openManifest } from '../../../src-main/medium/manifest-store.ts';
import { sealMedium } from '../../../src-main/medium/seal.ts';
import { sealedMedium as boundAndSealed, writeBinding } from '../../../src-main/performers/bound-medium.ts';
import { cloneMedium, generationsOn, restoreMedium, tidyMedium } from '../../../src-main/performers/media.ts';
import { systemClock } from '../../../src-main/platform/clock.ts';
import { sha256Of } from '../../../src-main/platform/files.ts';
import { OpenSite } from '../../../src-main/runbook/open-site.ts';
import { put, scratch } from '../medium/scratch.ts';
import { type SealedMedium, sealedMedium, sealRequest } from '../medium/sealed-medium.ts';

const mediumId = 'c'.repeat(32);
let medium: SealedMedium;
let stick: string;
let dataFolder: string;

const laptop = () => ({ dataFolder, program: 'test 1.0', clock: systemClock });
const openSite = (name: string) =>
  OpenSite.open(join(dataFolder, 'sites', name), { program: 'test 1.0', practice: false, clock: systemClock });

/** A site of this laptop that knows these generations. */
async function siteKnowing(name: string, sealed: Readonly<Record<string, number>>): Promise<void> {
  await mkdir(join(dataFolder, 'sites', name), { recursive: true });
  await writeFile(
    join(dataFolder, 'sites', name, 'site.yaml'),
    `format: 1
name: ${name}
machines:
  - { name: m1, roles: [master], address: 10.0.0.1, release: "12", interface: eth0 }
trust: { manifest: "${medium.key.fingerprint}" }
`,
  );
  const site = await openSite(name);
  await site.updateLock((lock) => ({ ...lock, sealed }));
  await site.close();
}
const knownTo = async (name: string): Promise<unknown> =>
  JSON.parse(await readFile(join(dataFolder, 'sites', name, 'site.lock'), 'utf8')).sealed;

/** Seals once more, with another page; what was sealed before is kept. */
async function sealAgain(generation: number): Promise<void> {
  await keepGeneration(medium.root, medium.key.fingerprint);
  await put(join(medium.root, 'readme.html'), `page of ${generation}`);
  await sealMedium(sealRequest(medium.root, medium.key, generation));
}
const sealedNow = async (root = medium.root) => (await openManifest(root, medium.key.fingerprint)).manifest.generation;

beforeEach(async () => {
  medium = await sealedMedium();
  stick = dirname(medium.root);
  dataFolder = await scratch();
});

describe('an earlier generation put back', () => {
  beforeEach(async () => {
    await sealAgain(2);
    await sealAgain(3);
  });

  it('is told before with what it would change, newest first', async () => {
    const { files } = (await openManifest(medium.root, medium.key.fingerprint)).manifest;
    const change = { files: files.length, leaving: 0, returning: 0, differing: 1 };
    expect(await generationsOn(stick)).toMatchObject([
      { generation: 2, ...change },
      { generation: 1, ...change },
    ]);
  });

  it('needs no second hold on a site that is open already, and leaves it open', async () => {
    await siteKnowing('lille', { [mediumId]: 3 });
    const site = await openSite('lille');
    try {
      const opened = (name: string) => (name === 'lille' ? site : undefined);
      expect(await restoreMedium(stick, 2, null, { ...laptop(), opened })).toMatchObject({ generation: 2 });
      expect(site.lock.sealed).toEqual({ [mediumId]: 2 });
      await site.updateLock((lock) => ({ ...lock, sealed: { ...lock.sealed, other: 1 } }));
    } finally {
      await site.close();
    }
    expect(await knownTo('lille')).toEqual({ [mediumId]: 2, other: 1 });
  });

  it('goes with what only it needs, once exactly that was agreed to', async () => {
    const would = await tidyMedium(stick, () => false);
    expect(would).toMatchObject({ removed: false, generations: [2, 1] });
    await put(join(medium.root, 'generations/1/readme.html'), 'changed since');
    expect(await tidyMedium(stick, (mark) => mark === would.mark)).toMatchObject({ removed: false });
    const now = await tidyMedium(stick, () => false);
    expect(await tidyMedium(stick, (mark) => mark === now.mark)).toEqual({ ...now, removed: true });
    expect(await generationsOn(stick)).toEqual([]);
    expect(await sealedNow()).toBe(3);
  });

  it('is meant for every site that knows a later one, and says nothing of other media', async () => {
    await siteKnowing('lille', { [mediumId]: 3, other: 7 });
    await siteKnowing('lyon', { [mediumId]: 1 });
    expect(await restoreMedium(stick, null, medium.key.fingerprint, laptop())).toMatchObject({ generation: 2 });
    expect(await sealedNow()).toBe(2);
    expect(await knownTo('lille')).toEqual({ [mediumId]: 2, other: 7 });
    expect(await knownTo('lyon')).toEqual({ [mediumId]: 1 });
    expect(await restoreMedium(stick, null, null, laptop())).toMatchObject({ generation: 1 });
    expect(await knownTo('lille')).toEqual({ [mediumId]: 1, other: 7 });
  });

  it.each([null, 2])('is refused while such a site is in use, and the medium stays as it was: %s', async (wanted) => {
    await siteKnowing('lille', { [mediumId]: 3 });
    await siteKnowing('lyon', { [mediumId]: 3 });
    const held = await openSite('lyon');
    await expect(restoreMedium(stick, wanted, null, laptop())).rejects.toMatchObject({ code: 'site-in-use' });
    expect(await sealedNow()).toBe(3);
    expect(await readFile(join(medium.root, 'readme.html'), 'utf8')).toBe('page of 3');
    await held.close();
    // The other site was let go as well, and once more means once.
    expect(await restoreMedium(stick, wanted, null, laptop())).toMatchObject({ generation: 2 });
    expect(await knownTo('lille')).toEqual({ [mediumId]: 2 });
  });

  it('does not mind a site in use that knows nothing later', async () => {
    await siteKnowing('lille', { [mediumId]: 2 });
    const held = await openSite('lille');
    expect(await restoreMedium(stick, null, null, laptop())).toMatchObject({ generation: 2 });
    await held.close();
  });

  it('that is sealed already is taken as it is', async () => {
    await siteKnowing('lille', { [mediumId]: 5 });
    expect(await restoreMedium(stick, 3, null, laptop())).toMatchObject({ generation: 3 });
    expect(await knownTo('lille')).toEqual({ [mediumId]: 3 });
  });
});

describe('a copy', () => {
  it('is known by the name of the one it was made from, and used where another lay that was sealed later', async () => {
    const other = await scratch();
    await put(join(other, 'fieldkit/medium-id'), `${'d'.repeat(32)}\n`);
    await siteKnowing('lille', { [mediumId]: 1, ['d'.repeat(32)]: 4 });
    await cloneMedium(stick, other, () => undefined, new AbortController().signal);
    const site = await openSite('lille');
    await writeBinding(site, await bindMedium(other));
    await expect(boundAndSealed(site)).resolves.toMatchObject({
      identity: { mediumId },
      manifest: { generation: 1 },
    });
    await site.close();
  });

  it('of a medium that went back in time is refused as that one is', async () => {
    const other = await scratch();
    await siteKnowing('lille', { [mediumId]: 2 });
    await cloneMedium(stick, other, () => undefined, new AbortController().signal);
    const site = await openSite('lille');
    await writeBinding(site, await bindMedium(other));
    await expect(boundAndSealed(site)).rejects.toMatchObject({ code: 'medium-rolled-back' });
    await site.close();
  });

  const clone = (to: string, signal = new AbortController().signal, onProgress = (): void => undefined) =>
    cloneMedium(stick, to, onProgress, signal);

  it.each([
    [
      'unsealed, of another site',
      { 'debian/debian-12-amd64/Packages': 'theirs', 'medium-id': 'e' },
      'debian/debian-12-amd64/Packages',
    ],
    ['only the files of another site', { 'site/lyon/journal.jsonl': '{}' }, 'site/lyon/journal.jsonl'],
    ['a manifest that does not open', { 'manifest.json': '{"format": 2}' }, 'manifest.json'],
    ['nothing but earlier states', { 'generations/3/manifest.json': '{}' }, 'generations'],
  ])('writes over nothing of what may be somebody’s: %s', async (_, files, file) => {
    const other = await scratch();
    for (const [path, text] of Object.entries(files)) await put(join(other, 'fieldkit', path), text);
    await expect(clone(other)).rejects.toMatchObject({
      data: { code: 'medium-holds-other', params: { path: other, file } },
    });
    for (const [path, text] of Object.entries(files))
      expect(await readFile(join(other, 'fieldkit', path), 'utf8')).toBe(text);
    await expect(readFile(join(other, 'fieldkit/trust/manifest-key.pem'))).rejects.toThrow('ENOENT');
  });

  it('writes over nothing of an unsealed medium with another key', async () => {
    const other = await scratch();
    const theirs = await sealedMedium();
    await cp(theirs.root, join(other, 'fieldkit'), { recursive: true });
    await rm(join(other, 'fieldkit/manifest.json'));
    await expect(clone(other)).rejects.toMatchObject({ code: 'fingerprint-differs' });
  });

  it('goes on where one was cut off, and onto a place that has a marker and the site’s own files alone', async () => {
    const other = await scratch();
    await put(join(other, 'fieldkit/medium-id'), `${'d'.repeat(32)}\n`);
    await put(join(other, 'fieldkit/site/lille/journal.jsonl'), '{}');
    const cut = new AbortController();
    let told = 0;
    const stop = () => {
      told += 1;
      if (told === 2) cut.abort();
    };
    await expect(clone(other, cut.signal, stop)).rejects.toMatchObject({ code: 'cancelled' });
    await expect(openManifest(join(other, 'fieldkit'), null)).rejects.toMatchObject({ code: 'medium-unsealed' });
    await clone(other);
    expect(await sealedNow(join(other, 'fieldkit'))).toBe(1);
  });

  it('over a later state of the same medium keeps that one beside it, and the later one whole until the copy is', async () => {
    const other = await scratch();
    const root = join(other, 'fieldkit');
    await cp(medium.root, root, { recursive: true });
    const page = (text: string) => put(join(root, 'readme.html'), text);
    await page('page of 2');
    await put(join(root, 'debian/debian-12-amd64/a_1%3a2_all.deb'), 'deb of a, built anew');
    await sealMedium(sealRequest(root, medium.key, 2));
    const cut = new AbortController();
    const stop = () => cut.abort();
    await expect(cloneMedium(stick, other, stop, cut.signal)).rejects.toMatchObject({ code: 'cancelled' });
    const { manifest } = await openManifest(root, medium.key.fingerprint);
    expect(manifest.generation).toBe(2);
    for (const { path, sha256 } of manifest.files)
      expect(sha256Of(await readFile(await sealedPath(root, manifest, path))), path).toBe(sha256);

    await cloneMedium(stick, other, () => undefined, new AbortController().signal);
    expect(await sealedNow(root)).toBe(1);
    expect(await generationsOn(other)).toMatchObject([{ generation: 2 }]);
    await restoreMedium(other, 2, null, laptop());
    expect(await sealedNow(root)).toBe(2);
    expect(await readFile(join(root, 'readme.html'), 'utf8')).toBe('page of 2');
  });

  it('of a medium that is sealed anew meanwhile says what was copied, not what lies there since', async () => {
    const other = await scratch();
    const { files } = (await openManifest(medium.root, null)).manifest;
    const later = await scratch();
    await cp(medium.root, later, { recursive: true });
    await put(join(later, 'readme.html'), 'page of 2');
    await sealMedium(sealRequest(later, medium.key, 2));
    const onProgress = ({ what }: { readonly what: string }): void => {
      if (what === files.at(-1)?.path) cpSync(later, medium.root, { recursive: true });
    };
    expect(files.at(-1)?.path).not.toBe('readme.html');
    await cloneMedium(stick, other, onProgress, new AbortController().signal);
    expect(await sealedNow()).toBe(2);
    expect(await sealedNow(join(other, 'fieldkit'))).toBe(1);
    for (const { path, sha256 } of files)
      expect(sha256Of(await readFile(join(other, 'fieldkit', path))), path).toBe(sha256);
  });
});
