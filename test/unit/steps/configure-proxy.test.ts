/** What stands after `configure local`, whole or cut off, and what is planned for it. */
import { describe, expect, it } from 'vitest';
import { configureProxy } from '../../../src-main/steps/master/configure-proxy.ts';
import { emptyLock } from '../../../src-shared/lock.ts';
import { sitePlan } from '../../../src-shared/site.ts';

const site = sitePlan.parse({
  format: 1,
  name: 'lab',
  machines: [{ name: 'm', roles: ['master'], address: '10.0.0.1', release: '12', interface: 'eth0', partitions: 5 }],
});
const context = { site, lock: emptyLock, subject: { kind: 'machine', name: 'm' }, input: {}, needs: [] } as never;
const whole = {
  config: '[slapos]\ncomputer_id = local_computer\n',
  answers: true,
  partitions: 5,
  registered: 5,
  globalIpv6: true,
  clientConfig: true,
};
const words = (facts: object) =>
  configureProxy
    .plan({ ...whole, ...facts } as never, context)
    .map((command) => ('argv' in command ? command.argv.join(' ').replace(/^env .* slapos/, 'slapos') : command.kind));

describe('configure-proxy', () => {
  it.each([
    ['all stands', {}, 'done'],
    ['not configured', { config: null }, 'todo'],
    ['slapproxy is silent', { answers: false }, 'todo'],
    ['a partition lacks its addresses', { partitions: 4 }, 'todo'],
    ['slapproxy does not know a partition', { registered: 4 }, 'todo'],
    ['cut off before the client’s link', { clientConfig: false }, 'todo'],
    ['no IPv6', { globalIpv6: false }, 'blocked'],
    ['a node of another master', { config: '[slapos]\ncomputer_id = COMP-1\n' }, 'blocked'],
  ])('%s', (_, facts, state) => {
    expect(configureProxy.verdict({ ...whole, ...facts } as never, context).state).toBe(state);
  });

  it('makes the link that a cut off `configure local` never got to, and calls that program no second time', () => {
    expect(words({ clientConfig: false })).toEqual([
      'slapos node format --now',
      'install -d -m 0700 /root/.slapos',
      'ln -s /etc/opt/slapos/slapos.cfg /root/.slapos/slapos-client.cfg',
    ]);
    expect(words({ config: null, clientConfig: false }).some((line) => line.startsWith('ln'))).toBe(false);
  });
});
