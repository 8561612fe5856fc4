/** Whether the new master was configured: what it says itself, what a person said, and what holds when the two differ. */
import { describe, expect, it } from 'vitest';
import { configureNewMaster } from '../../../src-main/steps/master/configure-new-master.ts';
import { emptyLock } from '../../../src-shared/lock.ts';
import { sitePlan } from '../../../src-shared/site.ts';

const tagged = (tag: string) => `https://lab.example/raw/${tag}/software/slapos-master/software.cfg`;
const contextOf = (release: object, answered: boolean) =>
  ({
    site: sitePlan.parse({
      format: 1,
      name: 'lab',
      machines: [{ name: 'm', roles: ['master'], address: '10.0.0.1', release: '12', interface: 'eth0' }],
      releases: [{ name: 'slapos-master', url: tagged('1.0.349'), ...release }],
    }),
    lock: emptyLock,
    subject: { kind: 'machine', name: 'm' },
    input: {},
    needs: [],
    earlier: { answers: answered ? { 'configure-new-master:m': 'yes' } : {} },
  }) as never;
const made = { newMaster: true };
const empty = { address: '10.0.0.1', login: 'zope', persons: 0, projects: 0 };

describe('configure-new-master', () => {
  it.each([
    ['an older master needs nothing', {}, empty, false, 'done'],
    ['brought in by the plan', made, empty, false, 'todo'],
    ['inside its release', { url: tagged('1.0.359') }, empty, false, 'todo'],
    ['the master counts a user and a project', made, { ...empty, persons: 2, projects: 1 }, false, 'done'],
    ['it has users alone', made, { ...empty, persons: 2 }, false, 'todo'],
    ['said to be done, and the master says no', made, { ...empty, persons: 2 }, true, 'blocked'],
    ['said to be done, and the master does not say', made, { ...empty, persons: null }, true, 'done'],
    ['the master does not say, nor does anybody', made, { ...empty, persons: null }, false, 'todo'],
    ['no address', made, { ...empty, address: '' }, false, 'blocked'],
  ])('%s', (_, release, facts, answered, state) => {
    const context = contextOf(release, answered);
    expect(configureNewMaster.verdict(facts, context).state).toBe(state);
  });

  it('asks once, with the pages and the login, and never with the password', () => {
    const [ask] = configureNewMaster.plan(empty, contextOf(made, false));
    expect(ask).toMatchObject({
      kind: 'ask',
      question: {
        id: 'configure-new-master:m',
        show: [
          { value: 'http://10.0.0.1/erp5/web_site_module/slapos_master_panel/' },
          { value: 'http://10.0.0.1/erp5/' },
          { value: 'zope' },
          { label: 'console' },
        ],
      },
    });
    expect(configureNewMaster.plan(empty, contextOf(made, true))).toEqual([]);
  });
});
