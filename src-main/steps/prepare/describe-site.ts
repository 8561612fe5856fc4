// The site plan is written and can stand: no example value left, and the frontend's certificate and key lie here and can be used.
// The plan's own rules were checked when it was read; this step says what they cannot, while there is still time to mend it.
import { z } from 'zod';
import { inRange, parseAddress, parseRange } from '../../../src-shared/address.ts';
import type { LaptopClockSight } from '../../../src-shared/laptop-clock.ts';
import { problems } from '../../../src-shared/problem.ts';
import { planWarnings, systemsOf } from '../../../src-shared/site.ts';
import { bySeverity, finding as findingSchema } from '../../../src-shared/step.ts';
import { blocked, defineStep, done, finding, perSite, says } from '../../runbook/define.ts';
import { certificateFacts, officeFindings, readCertificate } from '../frontend/frontend-plan.ts';

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
  facts: z.strictObject({
    exampleAddresses: z.array(z.string()),
    /** The frontend's certificate and key as they lie here; null while the plan has no frontend. */
    certificate: certificateFacts.pick({ fingerprint: true, until: true }).nullable(),
    /** What is to be known of them before anybody leaves. */
    certificateFindings: z.array(findingSchema),
  }),
  read: async (world, { site }) => {
    const { frontend } = site;
    const certificate = frontend === undefined ? null : await readCertificate(world);
    const { seconds } = await world.sight<LaptopClockSight>('laptop-clock');
    const now = new Date(seconds * 1000);
    return {
      certificate: certificate === null ? null : { fingerprint: certificate.fingerprint, until: certificate.until },
      certificateFindings:
        certificate === null || frontend === undefined ? [] : [...officeFindings(certificate, frontend, now)],
      exampleAddresses: site.machines
        .filter(({ address }) => {
          const parsed = parseAddress(address);
          return parsed !== null && examples !== null && inRange(parsed, examples);
        })
        .map(({ name }) => name),
    };
  },
  found: ({ certificate }, { site }) => [
    says('describe-site', 'found.machines', {
      count: site.machines.length,
      names: site.machines.map((item) => item.name).join(', '),
    }),
    says('describe-site', 'found.systems', { systems: systemsOf(site).join(', ') }),
    says('describe-site', 'found.releases', {
      count: site.releases.length,
      names: site.releases.map((item) => item.name).join(', ') || '-',
    }),
    ...(certificate === null || certificate.fingerprint === ''
      ? []
      : [
          says('describe-site', 'found.certificate', {
            domain: site.frontend?.domain ?? '',
            until: certificate.until.slice(0, 10),
            fingerprint: certificate.fingerprint,
          }),
        ]),
    says('describe-site', 'found.sheet'),
  ],
  verdict: ({ exampleAddresses, certificateFindings }, { site, earlier }) => {
    const [first] = exampleAddresses;
    if (first === undefined) {
      const [worst, ...rest] = bySeverity([...certificateFindings, ...planWarnings(site)]);
      const stops =
        worst !== undefined && problems[worst.code].severity !== 'warning' && !earlier.skipped.includes(worst.code);
      if (worst === undefined) return done();
      return stops ? blocked(worst, ...rest) : done(worst, ...rest);
    }
    const place = `machines.${site.machines.findIndex((item) => item.name === first)}.address`;
    return blocked(
      finding('site-plan-invalid', { path: 'site.yaml', place, fault: 'example-address', value: first, other: '' }),
    );
  },
  plan: () => [],
});
