/** The chosen medium pulled in the middle of something: whatever the system says then, it is told as that and nothing else is. */
import { cp, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { bindMedium, readIdentity } from '../../../src-main/medium/identity.ts';
import { asGone, mediumForRecord, writeBinding } from '../../../src-main/performers/bound-medium.ts';
import { systemClock } from '../../../src-main/platform/clock.ts';
import { OpenSite } from '../../../src-main/runbook/open-site.ts';
import { Problem, problem } from '../../../src-shared/problem.ts';
import { problemOf, put, scratch } from '../medium/scratch.ts';
import { sealedMedium } from '../medium/sealed-medium.ts';

let site: OpenSite;
let stick: string;
beforeEach(async () => {
  const folder = await scratch();
  stick = join(folder, 'stick');
  await mkdir(stick);
  await put(
    join(folder, 'site/site.yaml'),
    'format: 1\nname: s\nmachines:\n  - { name: m1, roles: [master], address: 10.0.0.1, release: "12", interface: eth0 }\n',
  );
  site = await OpenSite.open(join(folder, 'site'), { program: 'test', practice: false, clock: systemClock });
  await writeBinding(site, await bindMedium(stick));
});
afterEach(() => site.close());

const failed = (code: string, path?: string): Error =>
  Object.assign(new Error(`${code}: i/o error`), { code, ...(path === undefined ? {} : { path }) });

it('is told to be absent once it is gone, by any error there, and not before', async () => {
  const file = join(stick, 'fieldkit/bcache/x');
  const there = failed('ENODEV', file);
  expect(await asGone(site, there)).toBe(there);
  await rm(stick, { recursive: true });
  for (const thrown of [failed('ENODEV', file), failed('ENOENT', file), failed('ENXIO')]) {
    const said = await asGone(site, thrown);
    expect(said instanceof Problem ? said.code : said).toBe('medium-absent');
  }
});

it('is not blamed for what happens elsewhere, nor for what has a name already', async () => {
  await rm(stick, { recursive: true });
  const elsewhere = failed('ENOENT', '/usr/share/nothing/here');
  expect(await asGone(site, elsewhere)).toBe(elsewhere);
  const named = problem('cancelled', { what: 'x' });
  expect(await asGone(site, named)).toBe(named);
  const plain = new Error('no number');
  expect(await asGone(site, plain)).toBe(plain);
});

it('whose marker cannot be read although it is there is damaged, not absent', async () => {
  await rm(join(stick, 'fieldkit/medium-id'));
  await mkdir(join(stick, 'fieldkit/medium-id'));
  expect((await problemOf(readIdentity(stick))).code).toBe('medium-file-damaged');
});

it('stands in a record with its list, with why there is none to believe, or as not there', async () => {
  const told = async () => {
    const { manifest, mediumTrouble } = await mediumForRecord(site);
    return [manifest?.generation ?? null, mediumTrouble?.code ?? null];
  };
  expect(await told()).toEqual([null, 'medium-unsealed']);
  const sealed = await sealedMedium();
  await rm(join(sealed.root, 'medium-id'));
  await cp(sealed.root, join(stick, 'fieldkit'), { recursive: true });
  expect(await told()).toEqual([1, null]);
  await put(join(stick, 'fieldkit/manifest.json'), '{}');
  expect(await told()).toEqual([null, 'medium-manifest-invalid']);
  await rm(stick, { recursive: true });
  expect(await told()).toEqual([null, null]);
});
