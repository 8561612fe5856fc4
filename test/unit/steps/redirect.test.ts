/** Where packets for a frontend arrive: at the machine's own addresses, also when the plan names those of a router. */
import { expect, it } from 'vitest';
import { redirectToFrontend } from '../../../src-main/steps/frontend/redirect-to-frontend.ts';
import { frontendRedirection, redirectUnit } from '../../../src-main/steps/redirect.ts';
import { sitePlan } from '../../../src-shared/site.ts';

const own = { ip: '192.168.1.20', ip6: 'fd00::20' } as const;
const machine = { name: 'n', roles: ['node', 'frontend'], address: own.ip, release: '12', interface: 'eth0' };
const planWith = (publicAddresses: readonly string[]) =>
  sitePlan.parse({
    format: 1,
    name: 'somewhere',
    machines: [{ name: 'm', roles: ['master'], address: '192.168.1.10', release: '12', interface: 'eth0' }, machine],
    frontend: { domain: 'shop.example', certificate: '/c.pem', key: '/k.pem', publicAddresses },
  });
const programFor = (publicAddresses: readonly string[]): string =>
  redirectUnit(frontendRedirection({ interface: 'eth0' } as never, publicAddresses)).program;

it('rules are for the machine’s own addresses in both families, and for the named ones besides', () => {
  const alone = programFor([]);
  expect(alone.match(/ip -[46] -o addr show dev 'eth0'/g)).toHaveLength(2);
  const named = programFor(['203.0.113.5']);
  expect(named.match(/ip -[46] -o addr show dev 'eth0'/g)).toHaveLength(2);
  expect(named).toContain("{ printf '%s\\n' 203.0.113.5; ip -4 -o addr");
});

it('is proved at addresses that the machine has, never at one that its own rules would answer for', async () => {
  const asked: string[] = [];
  const world = {
    sight: async () => ({ fingerprint: '', until: '', chain: '', parametersSha256: '', fault: null }),
    probe: async (on: string, probes: readonly { id: string }[]) => {
      asked.push(...probes.filter(({ id }) => /^(encrypted|plain) /.test(id)).map(({ id }) => `${on} ${id}`));
      const out: Readonly<Record<string, string>> = {
        'own ip': `${own.ip}\n`,
        'own ip6': `${own.ip6}\n`,
        listening: '10.0.3.2\nfd00:1::2\n',
        local: JSON.stringify([
          { addr_info: [{ local: own.ip, prefixlen: 24 }] },
          { addr_info: [{ local: '198.51.100.7', prefixlen: 24 }] },
        ]),
      };
      return Object.fromEntries(probes.map(({ id }) => [id, { exit: 0, out: out[id] ?? '1700000000\n', err: '' }]));
    },
  };
  const context = {
    site: planWith(['203.0.113.5', '198.51.100.7']),
    lock: {},
    subject: { kind: 'machine', name: 'n' },
  };
  const facts = await redirectToFrontend.read(world as never, context as never);
  expect(facts).toMatchObject({ at: [own.ip, own.ip6, '198.51.100.7'], forwarded: ['203.0.113.5'] });
  expect(asked.length).toBeGreaterThan(5);
  expect(asked.filter((one) => one.includes('203.0.113.5'))).toEqual([]);
  // The other machine may be in another network: it comes in by what the plan names, where the machine has that.
  const fromOther = () => asked.filter((one) => one.startsWith('m '));
  expect(fromOther()).toEqual(['m encrypted 198.51.100.7']);
  const awaited = redirectToFrontend
    .plan(facts, context as never)
    .flatMap((command) => ('awaited' in command ? [command] : []));
  const looks = awaited.map(({ on, awaited: { params } }) => [on, params.address]);
  expect(looks.filter(([on]) => JSON.stringify(on) === '{"machine":"m"}')).toEqual([
    [{ machine: 'm' }, '198.51.100.7'],
  ]);
  asked.length = 0;
  await redirectToFrontend.read(world as never, { ...context, site: planWith(['203.0.113.5']) } as never);
  expect(fromOther()).toEqual([`m encrypted ${own.ip}`, `m encrypted ${own.ip6}`]);
});
