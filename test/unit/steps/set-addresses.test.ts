/** Addresses that are there, and whether they are there again after a start. */
import { describe, expect, it } from 'vitest';
import { setAddresses } from '../../../src-main/steps/machine/set-addresses.ts';
import { emptyLock } from '../../../src-shared/lock.ts';
import { sitePlan } from '../../../src-shared/site.ts';

interface Shown {
  readonly local: string;
  readonly prefixlen?: number;
  readonly dynamic?: boolean;
}
const byHand: Shown = { local: 'fd00:1::11', prefixlen: 64 };
const lent: Shown = { local: 'fd00:5::aa', prefixlen: 64, dynamic: true };
const partition: Shown = { local: 'fd00:1::2', prefixlen: 64 };
const networkd = '  Network File: /etc/systemd/network/10-eth0.network\n';

async function judged(
  shown: readonly Shown[],
  settings: string,
  { wanted = [], skipped = [], status = networkd }: { wanted?: string[]; skipped?: string[]; status?: string } = {},
) {
  const machines = [
    { name: 'm', roles: ['master'], address: '10.0.0.1', release: '12', interface: 'eth0', addresses: wanted },
  ];
  const context = {
    ...{ site: sitePlan.parse({ format: 1, name: 'lab', machines }), lock: emptyLock, input: {}, needs: [] },
    ...{ subject: { kind: 'machine', name: 'm' }, earlier: { skipped, commands: [] } },
  } as never;
  const said: Readonly<Record<string, string>> = {
    addresses: JSON.stringify([{ ifname: 'eth0', addr_info: shown }]),
    status,
    settings: `${settings}@partitions\n{"address_list": [{"addr": "fd00:1::2", "netmask": "ffff::"}]}`,
  };
  const world = {
    probe: async (_: string, probes: readonly { id: string }[]) =>
      Object.fromEntries(
        probes.map(({ id }) => [id, { exit: said[id] === undefined ? 1 : 0, out: said[id] ?? '', err: '' }]),
      ),
  } as never;
  const facts = await setAddresses.read(world, context);
  const { state, findings } = setAddresses.verdict(facts, context);
  return { state, codes: findings.map(({ code }) => code), plan: setAddresses.plan(facts, context), facts };
}

describe('set-addresses', () => {
  const settled = '@networkd\nAddress=fd00:1::11/64\n';
  const unsettled = '@networkd\n[Network]\nDHCP=yes\n';

  it('is content with an address that is in the settings, or that the network gives', async () => {
    expect(await judged([byHand], settled)).toMatchObject({ state: 'done', codes: [] });
    expect(await judged([lent], unsettled)).toMatchObject({ state: 'done', codes: [] });
    expect(await judged([byHand, lent, partition], unsettled)).toMatchObject({ state: 'done', codes: [] });
    // Written otherwise, and the same.
    expect(await judged([byHand], '@networkd\nAddress=FD00:1:0:0::11/64\n')).toMatchObject({ state: 'done' });
  });

  it('tells of the only address when it was set by hand, and lets a person pass', async () => {
    const told = await judged([byHand, partition], unsettled);
    expect(told).toMatchObject({ state: 'blocked', codes: ['target-addresses-fleeting'] });
    expect(await judged([byHand], unsettled, { skipped: ['target-addresses-fleeting'] })).toMatchObject({
      state: 'done',
    });
  });

  it('knows that none is left when all there are is what slapos set for its partitions', async () => {
    expect(await judged([partition], unsettled)).toMatchObject({
      state: 'blocked',
      codes: ['target-addresses-unmanaged'],
    });
  });

  it('believes what is there where it does not know who manages the interface', async () => {
    expect(await judged([byHand], '', { status: '' })).toMatchObject({ state: 'done' });
  });

  it('writes an address of the plan that is there by hand into the settings, and applies nothing', async () => {
    const { state, plan } = await judged([byHand], unsettled, { wanted: ['fd00:1::11/64'] });
    expect(state).toBe('todo');
    expect(plan.map(({ kind }) => kind)).toEqual(['run', 'write']);
    expect(JSON.stringify(plan)).not.toContain('networkctl');
    expect(await judged([byHand], settled, { wanted: ['fd00:1::11/64'] })).toMatchObject({ state: 'done', plan: [] });
  });

  it('takes nothing back that was there before, when a guard is undone', async () => {
    const { plan } = await judged([byHand], unsettled, { wanted: ['fd00:1::11/64', 'fd00:2::11/64'] });
    expect(plan.map(({ kind }) => kind)).toEqual(['guard', 'until']);
    const [guard] = plan;
    expect(guard).toMatchObject({ undo: expect.not.stringContaining('fd00:1::11') });
    expect(JSON.stringify(guard)).toContain('fd00:1::11/64');
  });
});
