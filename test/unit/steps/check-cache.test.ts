/** What is said of a release that the machine cannot take from the cache. */
import { expect, it } from 'vitest';
import { checkCache } from '../../../src-main/steps/master/check-cache.ts';
import { emptyLock } from '../../../src-shared/lock.ts';
import { sitePlan } from '../../../src-shared/site.ts';

const held = 'https://lab.example/raw/1.0.499/software/slapos-master/software.cfg';

function told(url: string, lock: object | undefined) {
  const machines = [{ name: 'm', roles: ['master'], address: '10.0.0.1', release: '12', interface: 'eth0' }];
  const context = {
    site: sitePlan.parse({ format: 1, name: 'lab', machines, releases: [{ name: 'slapos-master', url }] }),
    lock: { ...emptyLock, releases: lock === undefined ? {} : { 'slapos-master': lock } },
    subject: { kind: 'machine', name: 'm' },
  } as never;
  const release = {
    ...{ name: 'slapos-master', url, installed: false, poisoned: false, usable: false },
    ...{ archiveStatus: 200, detail: 'not found in binary cache' },
  };
  const verdict = checkCache.verdict({ releases: [release] }, context);
  expect(verdict.state).toBe('blocked');
  return verdict.findings;
}

it.each([
  ['a part more', held.replace('software.cfg', './software.cfg'), './software.cfg', 'software.cfg'],
  ['another tag', held.replace('499', '498'), '8/software/slapo', '9/software/slapo'],
  ['longer', `${held}.cfg`, '.cfg', ''],
])('names both addresses and where they part: %s', (_, url, asked, carried) => {
  expect(told(url, { url: held, md5: '', entries: [] })).toMatchObject([
    { code: 'release-other-address', params: { machine: 'm', url, held, asked, carried } },
  ]);
});

it('says what slapos makes of an entry at the right address', () => {
  for (const lock of [undefined, { url: held, md5: '', entries: [] }])
    expect(told(held, lock)).toMatchObject([
      { code: 'cache-entry-unusable', params: { detail: 'not found in binary cache' } },
    ]);
});
