/** What set-dns says of a domain whose names lead nowhere, where the plan names no server to ask. */
import { describe, expect, it } from 'vitest';
import { setDns } from '../../../src-main/steps/frontend/set-dns.ts';
import { sitePlan } from '../../../src-shared/site.ts';

const contextWith = (dns: string | undefined) =>
  ({
    site: sitePlan.parse({
      format: 1,
      name: 's',
      machines: [{ name: 'n1', roles: ['node', 'frontend'], address: '10.0.0.2', release: '12', interface: 'eth0' }],
      frontend: { domain: 'shop.example.org', certificate: 'c', key: 'k', ...(dns === undefined ? {} : { dns }) },
    }),
    subject: { kind: 'machine', name: 'n1' },
  }) as never;
const facts = (resolves: readonly string[]) => ({
  manager: 'file',
  detail: '',
  path: '/etc/resolv.conf',
  text: null,
  resolves: [...resolves],
  wanted: ['10.0.0.2'],
});

it('takes the machine’s own address for right as well: inside, a DNS may answer otherwise than outside', async () => {
  const site = sitePlan.parse({
    format: 1,
    name: 's',
    machines: [{ name: 'n1', roles: ['node', 'frontend'], address: '10.0.0.2', release: '12', interface: 'eth0' }],
    frontend: {
      ...{ domain: 'shop.example.org', certificate: 'c', key: 'k', dns: '10.0.0.1' },
      publicAddresses: ['203.0.113.5'],
    },
  });
  const context = { site, subject: { kind: 'machine', name: 'n1' } };
  const world = {
    probe: async (_machine: string, probes: readonly { id: string }[]) =>
      Object.fromEntries(probes.map(({ id }) => [id, { exit: 0, out: id === 'own' ? '10.0.0.2\n' : '', err: '' }])),
  };
  const read = await setDns.read(world as never, context as never);
  expect(read).toMatchObject({ wanted: ['203.0.113.5', '10.0.0.2'] });
});

describe('set-dns without a server of its own', () => {
  it.each([
    ['nowhere', [], '-'],
    ['elsewhere', ['10.9.9.9'], '10.9.9.9'],
  ])('warns of a name that leads %s, and changes nothing', (_where, resolves, found) => {
    expect(setDns.verdict(facts(resolves), contextWith(undefined))).toEqual({
      state: 'done',
      findings: [
        {
          code: 'frontend-name-elsewhere',
          params: { machine: 'n1', name: 'fieldkit-check.shop.example.org', found, wanted: '10.0.0.2' },
        },
      ],
    });
  });

  it('has nothing to say where it leads to the frontend', () => {
    expect(setDns.verdict(facts(['10.0.0.2']), contextWith(undefined))).toEqual({ state: 'done', findings: [] });
  });
});
