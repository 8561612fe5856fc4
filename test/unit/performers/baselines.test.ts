/** What is known of machines before anybody goes there: whose it is, and what is told of a file that is no survey. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { baselinesOf } from '../../../src-main/performers/baselines.ts';
import type { OpenSite } from '../../../src-main/runbook/open-site.ts';
import { sitePlan } from '../../../src-shared/site.ts';
import { problemOf, put, scratch } from '../medium/scratch.ts';

const system = 'debian-12-amd64';
const machine = (name: string, role: string, baseline?: string, release = '12') => ({
  ...{ name, roles: [role], address: `${name}.example`, release, interface: 'eth0' },
  ...(baseline === undefined ? {} : { baseline }),
});
const siteOf = (folder: string, machines: readonly object[]) =>
  ({ folder, plan: sitePlan.parse({ format: 1, name: 'lille', machines }) }) as unknown as OpenSite;
const stanza = (name: string) =>
  `Package: ${name}\nStatus: install ok installed\nVersion: 1\nArchitecture: amd64\nDescription: short\n longer\n`;

it('are those of every machine of the system: a builder installs from the medium as well', async () => {
  const folder = await scratch();
  await put(join(folder, 'm1.status'), `${stanza('one')}\n${stanza('two')}`);
  const site = siteOf(folder, [
    machine('m1', 'master', 'm1.status'),
    machine('n1', 'node', 'release'),
    machine('b1', 'builder'),
    machine('n2', 'node', undefined, '13'),
  ]);
  const found = await baselinesOf(site, system);
  expect(found.map(({ machine: name, count }) => [name, count])).toEqual([
    ['m1', 2],
    ['n1', 0],
    ['b1', 0],
  ]);
  expect(found.map(({ baseline }) => baseline).slice(1)).toEqual(['release', 'empty']);
});

const secret = 'hunter2-correct-horse';
it.each([
  ['a file of something else', `${secret}\n`, 'm1.status:1'],
  ['a status with a line that is no field', `${stanza('one')}\n\n \n${stanza('two')}${secret}\n`, 'm1.status:10'],
  [
    'a package whose version is none',
    `${stanza('one')}\n${stanza('two').replace(': 1', `: ${secret} 1`)}`,
    'm1.status:8',
  ],
  ['a relation that is none', `${stanza('one')}Depends: ${secret} (\n`, 'm1.status:1'],
  ['fields that are no packages', `user: me\npassword: ${secret}\n`, '-'],
])('tell the place and no text of %s', async (_, text, detail) => {
  const folder = await scratch();
  const path = await put(join(folder, 'm1.status'), text);
  const told = await problemOf(baselinesOf(siteOf(folder, [machine('m1', 'master', 'm1.status')]), system));
  expect(told).toMatchObject({ code: 'survey-unusable', params: { machine: 'm1', path, detail } });
  expect(JSON.stringify(told)).not.toContain(secret);
});

it('name the system’s word for a survey that is not there', async () => {
  const site = siteOf(await scratch(), [machine('m1', 'master', '/nowhere/m1.status')]);
  expect(await problemOf(baselinesOf(site, system))).toMatchObject({
    code: 'survey-unusable',
    params: { path: '/nowhere/m1.status', detail: 'ENOENT' },
  });
});
