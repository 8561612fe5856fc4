/** Which instances a person means by a word: a key, a step, a chapter. */
import { describe, expect, it } from 'vitest';
import { instancesOf, select } from '../../../src-main/runbook/instances.ts';
import { runbook } from '../../../src-main/steps/index.ts';
import { sitePlan } from '../../../src-shared/site.ts';

const machine = (name: string, role: string) => ({
  name,
  roles: [role],
  address: '10.0.0.1',
  release: '12',
  interface: 'eth0',
});
const instancesWith = (...machines: readonly object[]) =>
  instancesOf(runbook, sitePlan.parse({ format: 1, name: 'somewhere', machines }));
const all = instancesWith(
  machine('builder-1', 'builder'),
  machine('master-1', 'master'),
  machine('node-1', 'node'),
  machine('node-2', 'node'),
);
const keys = (...words: readonly string[]) => select(all, words)?.map(({ key }) => key);

describe('a word means', () => {
  it('by a step’s name every machine of the site, and not the build machine at the office', () => {
    expect(keys('configure-proxy')).toEqual(['configure-proxy@machine:master-1']);
    expect(keys('use-cache')).toEqual(['master-1', 'node-1', 'node-2'].map((name) => `use-cache@machine:${name}`));
  });

  it('the build machine by its key, by the office’s chapter, or where there is no other machine', () => {
    expect(keys('configure-proxy@machine:builder-1')).toEqual(['configure-proxy@machine:builder-1']);
    expect(keys('prepare')).toContain('configure-proxy@machine:builder-1');
    const alone = instancesWith(machine('builder-1', 'builder'));
    expect(select(alone, ['configure-proxy'])?.map(({ key }) => key)).toEqual(['configure-proxy@machine:builder-1']);
  });

  it('nothing when one of several is unknown', () => {
    expect(keys('describe-site', 'describe-sight')).toBeUndefined();
    expect(select(all, ['describe-sight'])).toBeNull();
  });
});
