// What the frontend's steps share: the plan's block, the certificate as the laptop read it, and who else may look. Pure, but
// for the sight.
import { z } from 'zod';
import type { ProblemCode } from '../../../src-shared/problem.ts';
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
  /** ISO 8601. */
  until: z.string(),
  /** PEM: the certificate and its chain. */
  chain: z.string(),
  /** Of what the frontend is to be told, key included. */
  parametersSha256: z.string(),
});
type CertificateFacts = z.infer<typeof certificateFacts>;

export const readCertificate = async (world: World): Promise<CertificateFacts> =>
  certificateFacts.parse(await world.sight('frontend-certificate'));

/** Why the certificate cannot be used; null when it can. */
export const certificateFault = ({ fault }: Pick<CertificateFacts, 'fault'>): Finding | null =>
  fault === null ? null : finding(fault.code as ProblemCode, fault.params);

/** Another machine of the site that can look at the frontend from outside, the master first. */
export const otherMachine = (context: AnyContext): Machine | undefined =>
  machinesOnSite(context.site)
    .filter(({ name }) => name !== machineOfSubject(context).name)
    .sort((one, two) => Number(two.roles.includes('master')) - Number(one.roles.includes('master')))[0];
