// What the frontend's steps share: the plan's block, the certificate as the laptop read it, and who else may look. Pure, but
// for the sight.
import { z } from 'zod';
import type { Json } from '../../../src-shared/json.ts';
import { type ProblemCode, problem } from '../../../src-shared/problem.ts';
import { type Frontend, type Machine, machinesOnSite } from '../../../src-shared/site.ts';
import type { AnyContext, Finding, World } from '../../runbook/define.ts';
import { finding, machineOfSubject } from '../../runbook/define.ts';

/** The block of the plan. Throws when there is none: the role and the block belong together. */
export function frontendOf({ site }: Pick<AnyContext, 'site'>): Frontend {
  if (site.frontend === undefined) throw new RangeError('the plan has no frontend');
  return site.frontend;
}

/** The certificate without its chain: what it is, and why it cannot be used. */
export const certificateFacts = z.strictObject({
  fault: z
    .strictObject({ code: z.string(), params: z.record(z.string(), z.union([z.string(), z.number()])) })
    .nullable(),
  /** sha256, lower-case hex; empty when it cannot be read. */
  fingerprint: z.string(),
  /** ISO 8601: when the first of the chain ends. */
  until: z.string(),
  /** PEM: the certificate and its chain. */
  chain: z.string(),
  /** Of what the frontend is to be told, key included. */
  parametersSha256: z.string(),
});
type CertificateFacts = z.infer<typeof certificateFacts>;

/** The pair, with its dates against this laptop's clock, and against the machine's own where one is named. */
export async function readCertificate(world: World, machine?: string): Promise<CertificateFacts> {
  const args: Record<string, Json> = {};
  if (machine !== undefined) {
    const answer = (await world.probe(machine, [{ id: 'clock', kind: 'run', argv: ['date', '+%s'] }])).clock;
    const seconds = answer?.exit === 0 ? /^\d{1,12}$/.exec(answer.out.trim())?.[0] : undefined;
    if (seconds === undefined) throw problem('facts-unreadable', { machine, detail: 'date +%s' });
    args.at = { machine, seconds: Number(seconds) };
  }
  return certificateFacts.parse(await world.sight('frontend-certificate', args));
}

/** Why the certificate cannot be used; null when it can. */
export const certificateFault = ({ fault }: Pick<CertificateFacts, 'fault'>): Finding | null =>
  fault === null ? null : finding(fault.code as ProblemCode, fault.params);

/** A visit lasts days and a site is left alone for longer: a certificate that ends sooner is told while it can still be renewed. */
const soonDays = 30;

/**
 * What the office must know of the pair while it can still be had: why it cannot be used, else that it ends soon. Nothing else that
 * is prepared needs it, so a person may go on without it.
 */
export function officeFindings(
  { fault, until }: Pick<CertificateFacts, 'fault' | 'until'>,
  { domain, certificate, key }: Frontend,
  now: Date,
): readonly Finding[] {
  if (fault !== null)
    return [
      finding('frontend-certificate-not-ready', { fault: fault.code, domain, certificate, key, ...fault.params }),
    ];
  const days = Math.floor((new Date(until).getTime() - now.getTime()) / 86_400_000);
  return days < soonDays ? [finding('frontend-certificate-ends', { until: until.slice(0, 10), days })] : [];
}

/** Another machine of the site that can look at the frontend from outside, the master first. */
export const otherMachine = (context: AnyContext): Machine | undefined =>
  machinesOnSite(context.site)
    .filter(({ name }) => name !== machineOfSubject(context).name)
    .sort((one, two) => Number(two.roles.includes('master')) - Number(one.roles.includes('master')))[0];
