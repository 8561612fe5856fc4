// The site plan is written and can stand: no example value left, every release has its archive named.
// The plan's own rules were checked when it was read; this step says what they cannot.
import { z } from 'zod';
import { inRange, parseAddress, parseRange } from '../../../src-shared/address.ts';
import { planWarnings, systemsOf } from '../../../src-shared/site.ts';
import { blocked, defineStep, done, finding, perSite, says } from '../../runbook/define.ts';

/** The range reserved for examples (RFC 5737): a new plan holds one. */
const examples = parseRange('192.0.2.0/24');

export const describeSite = defineStep({
  id: 'describe-site',
  chapter: 'prepare',
  phase: 'prepare',
  per: perSite,
  after: [],
  risk: 'reads',
  holds: [],
  input: z.strictObject({}),
  facts: z.strictObject({ exampleAddresses: z.array(z.string()) }),
  read: async (_world, { site }) => ({
    exampleAddresses: site.machines
      .filter(({ address }) => {
        const parsed = parseAddress(address);
        return parsed !== null && examples !== null && inRange(parsed, examples);
      })
      .map(({ name }) => name),
  }),
  found: (_facts, { site }) => [
    says('describe-site', 'found.machines', {
      count: site.machines.length,
      names: site.machines.map((item) => item.name).join(', '),
    }),
    says('describe-site', 'found.systems', { systems: systemsOf(site).join(', ') }),
    says('describe-site', 'found.releases', {
      count: site.releases.length,
      names: site.releases.map((item) => item.name).join(', ') || '-',
    }),
  ],
  verdict: ({ exampleAddresses }, { site }) => {
    const [first] = exampleAddresses;
    if (first === undefined) return done(...planWarnings(site));
    const place = `machines.${site.machines.findIndex((item) => item.name === first)}.address`;
    return blocked(
      finding('site-plan-invalid', { path: 'site.yaml', place, fault: 'example-address', value: first, other: '' }),
    );
  },
  plan: () => [],
});
