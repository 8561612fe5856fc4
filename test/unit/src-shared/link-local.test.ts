/** Link-local addresses with their scope: taken where a machine is reached, and nowhere else. */
import { describe, expect, it } from 'vitest';
import { isLinkLocal, parseScoped } from '../../../src-shared/address.ts';
import { addressesOf, contentUrlOf, planFaults, sitePlan } from '../../../src-shared/site.ts';

const planAt = (address: string, addresses: readonly string[] = [], more: object = {}) =>
  sitePlan.safeParse({
    format: 1,
    name: 's',
    machines: [{ name: 'm1', roles: ['master'], address, addresses, release: '12', interface: 'eth0', ...more }],
  });

describe('an address with a scope', () => {
  it.each(['fe80::1%eth0', 'fe80::ad12:3%enx00e04c680001', 'febf::1%br-lan.2'])('%s reaches a machine', (text) => {
    expect(parseScoped(text)?.scope).toBe(text.split('%')[1]);
    expect(isLinkLocal(text)).toBe(true);
    expect(planAt(text).success).toBe(true);
  });

  it.each([
    'fe80::1',
    'fd00::1%eth0',
    '10.0.0.1%eth0',
    'host%eth0',
    'fe80::1%',
    'fe80::1%eth0/64',
    'fe80::1%$(reboot)',
    'fe80::1%a-name-that-is-too-long',
    'fec0::1%eth0',
  ])('%s reaches none', (text) => {
    const { error } = planAt(text);
    expect(error?.issues.map(({ message }) => message)).toContain('scope');
  });

  it('is in no page’s address and in no rule of another machine', () => {
    const plan = planAt('fe80::1%eth0', ['fd5a:1::11/64']).data;
    const [machine] = plan?.machines ?? [];
    if (plan === undefined || machine === undefined) throw new Error('no plan');
    expect(planFaults(plan)).toEqual([]);
    expect(addressesOf(machine)).toEqual(['fd5a:1::11']);
    expect(contentUrlOf({ ...plan, content: { ...plan.content, via: 'resident' } }, machine)).not.toContain('fe80');
  });

  it('does not stand for a resident copy that others must reach', () => {
    const plan = planAt('fe80::1%eth0', [], { content: 'resident' }).data;
    const node = { name: 'n1', roles: ['node' as const], address: 'fe80::2%eth0', release: '12', interface: 'eth0' };
    const both = sitePlan.parse({ ...plan, machines: [...(plan?.machines ?? []), { ...node, content: 'resident' }] });
    expect(planFaults(both).map(({ code }) => code)).toContain('resident-no-address');
  });
});
