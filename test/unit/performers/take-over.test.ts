import { appendFile, cp, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { bindMedium } from '../../../src-main/medium/identity.ts';
import { sealedMedium as boundAndSealed, writeBinding } from '../../../src-main/performers/bound-medium.ts';
import { siteCopies } from '../../../src-main/performers/site-copies.ts';
import { sitesOnMedium, takeOverSite } from '../../../src-main/performers/take-over.ts';
import { systemClock } from '../../../src-main/platform/clock.ts';
import { sha256Of } from '../../../src-main/platform/files.ts';
import { readJournal } from '../../../src-main/runbook/journal-store.ts';
import { OpenSite } from '../../../src-main/runbook/open-site.ts';
import { scratch } from '../medium/scratch.ts';
import { type SealedMedium, sealedMedium } from '../medium/sealed-medium.ts';

let medium: SealedMedium;
let stick: string;
let first: string;
let second: string;

const parts = (dataFolder: string) => ({ dataFolder, program: 'test 1.0', clock: systemClock });
const siteOf = (dataFolder: string) => join(dataFolder, 'sites', 'lille');
const planOf = (fingerprint: string) => `format: 1
name: lille
machines:
  - { name: m1, roles: [master], address: 10.0.0.1, release: "12", interface: eth0, keyFile: /nowhere/id, baseline: /nowhere/m1.status }
  - { name: m2, roles: [node], address: 10.0.0.2, release: "12", interface: eth0, baseline: m2.status }
  - { name: m3, roles: [node], address: 10.0.0.3, release: "12", interface: eth0, baseline: release }
trust: { manifest: "${fingerprint}" }
`;

/** Opens the site of a laptop, lets it work, and brings the medium's copy up to date as the end of a run does. */
async function workOn(dataFolder: string, what: string): Promise<void> {
  const site = await OpenSite.open(siteOf(dataFolder), { program: 'test 1.0', practice: false, clock: systemClock });
  try {
    const copies = siteCopies(site);
    await copies.requireOurs();
    await site.append({ kind: 'consent', instance: 'a@site', hash: what, scope: 'plan', by: 'test' });
    await site.keep(`output of ${what}`);
    await copies.copy();
  } finally {
    await site.close();
  }
}
const take = (dataFolder: string, keep: 'medium' | 'laptop' | null = null, fingerprint = medium.key.fingerprint) =>
  takeOverSite({ folder: stick, site: 'lille', fingerprint, keep }, parts(dataFolder));
const worksOf = async (dataFolder: string) =>
  (await readJournal(join(siteOf(dataFolder), 'journal.jsonl'))).events.flatMap((event) =>
    event.kind === 'consent' ? [event.hash] : [],
  );
const relation = async (dataFolder: string) => (await sitesOnMedium(stick, parts(dataFolder)))[0]?.relation;

beforeEach(async () => {
  medium = await sealedMedium();
  stick = dirname(medium.root);
  [first, second] = [await scratch(), await scratch()];
  await mkdir(siteOf(first), { recursive: true });
  await writeFile(join(siteOf(first), 'site.yaml'), planOf(medium.key.fingerprint));
  const site = await OpenSite.open(siteOf(first), { program: 'test 1.0', practice: false, clock: systemClock });
  await writeBinding(site, await bindMedium(stick));
  await site.close();
  await workOn(first, 'one');
});

it('goes on from the medium alone, with journal and outputs', async () => {
  const [found] = await sitesOnMedium(stick, parts(second));
  expect(found).toMatchObject({
    name: 'lille',
    relation: 'new',
    known: false,
    fingerprint: medium.key.fingerprint,
    absent: ['/nowhere/id', '/nowhere/m1.status', join(siteOf(second), 'm2.status')].sort(),
    machines: [{ name: 'm1', address: '10.0.0.1', hostKey: null }, { name: 'm2' }, { name: 'm3' }],
  });
  await take(second);
  expect(await worksOf(second)).toEqual(['one']);
  expect(await readFile(join(siteOf(second), 'blobs', sha256Of('output of one')), 'utf8')).toBe('output of one');
  const { events } = await readJournal(join(siteOf(second), 'journal.jsonl'));
  expect(events.at(-1)).toMatchObject({ kind: 'taken-over', generation: 1, fingerprint: medium.key.fingerprint });
  // It works on the same medium at once, and the medium follows.
  await workOn(second, 'two');
  expect(await relation(second)).not.toBe('diverged');
});

it('takes the fingerprint as it is printed, and no other', async () => {
  const printed = medium.key.fingerprint.toUpperCase().replace(/(.{4})/g, '$1 ');
  await expect(take(second, null, `0${medium.key.fingerprint.slice(1)}1`)).rejects.toMatchObject({
    code: 'fingerprint-differs',
  });
  expect(await readdir(second)).toEqual([]);
  await take(second, null, printed);
  expect(await worksOf(second)).toEqual(['one']);
});

it('refuses to work, and to write over the medium, after another laptop went on', async () => {
  await take(second);
  await workOn(second, 'two');
  await expect(workOn(first, 'three')).rejects.toMatchObject({ code: 'site-went-on-elsewhere' });
  expect(await worksOf(first)).toEqual(['one']);
  expect(await relation(first)).toBe('ahead');
});

it('never writes over a site of this laptop: the choice is asked, what gives way is set aside whole', async () => {
  await take(second);
  await workOn(second, 'two');
  await expect(take(first)).rejects.toMatchObject({ code: 'site-histories-differ' });
  const before = await readFile(join(siteOf(first), 'journal.jsonl'), 'utf8');
  const { setAside } = await take(first, 'medium');
  expect(await worksOf(first)).toEqual(['one', 'two']);
  expect(await readFile(join(setAside ?? '', 'journal.jsonl'), 'utf8')).toBe(before);
  expect(await readdir(join(first, 'sites'))).toEqual(['lille']);
});

it('lets the laptop’s history stand when that is chosen, and sets the medium’s aside on the medium', async () => {
  await cp(siteOf(first), siteOf(second), { recursive: true });
  await workOn(second, 'two');
  const there = join(medium.root, 'site', 'lille', 'journal.jsonl');
  const theirs = await readFile(there, 'utf8');
  // The first worked without the medium.
  await rename(stick, `${stick}.away`);
  await workOn(first, 'three');
  await rename(`${stick}.away`, stick);
  expect(await relation(first)).toBe('diverged');
  const { setAside } = await take(first, 'laptop');
  expect(await readFile(there, 'utf8')).toBe(await readFile(join(siteOf(first), 'journal.jsonl'), 'utf8'));
  expect(await readFile(join(setAside ?? '', 'journal.jsonl'), 'utf8')).toBe(theirs);
  await workOn(first, 'four');
});

it('goes on from the generation that was shown, also when the former laptop knew a later one', async () => {
  const open = (dataFolder: string) =>
    OpenSite.open(siteOf(dataFolder), { program: 'test 1.0', practice: false, clock: systemClock });
  const former = await open(first);
  await former.updateLock((lock) => ({ ...lock, sealed: { ['c'.repeat(32)]: 3, other: 7 } }));
  await former.close();
  await workOn(first, 'two');
  expect((await sitesOnMedium(stick, parts(second)))[0]?.generation).toBe(1);
  await take(second);
  const site = await open(second);
  expect(site.lock.sealed).toEqual({ ['c'.repeat(32)]: 1, other: 7 });
  await expect(boundAndSealed(site)).resolves.toMatchObject({ manifest: { generation: 1 } });
  await site.close();
});

it('leaves out outputs that are not what their name says', async () => {
  const name = sha256Of('output of one');
  await writeFile(join(medium.root, 'site', 'lille', 'blobs', name), 'something else');
  await take(second);
  expect(await readdir(join(siteOf(second), 'blobs'))).toEqual([]);
});

it.each([
  ['medium-manifest-invalid', () => appendFile(join(medium.root, 'manifest.json'), ' ')],
  ['journal-damaged', () => writeFile(join(medium.root, 'site', 'lille', 'journal.jsonl'), 'no\nno\n')],
  ['site-plan-invalid', () => writeFile(join(medium.root, 'site', 'lille', 'site.yaml'), 'name: another')],
  ['fingerprint-differs', () => writeFile(join(medium.root, 'site', 'lille', 'site.yaml'), planOf('0'.repeat(64)))],
  [
    'site-not-on-medium',
    async () => {
      const folder = join(medium.root, 'site', 'lille');
      await rm(folder, { recursive: true });
      await symlink(siteOf(first), folder);
    },
  ],
] as const)('says %s of a spoilt medium, and makes no site of it', async (code, spoil) => {
  await spoil();
  await expect(take(second)).rejects.toMatchObject({ code });
  expect(await readdir(second)).toEqual([]);
});
