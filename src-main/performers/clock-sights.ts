// The laptop's clock, and a moment that it must be after: machines are compared with it, and set by it. Registered in compose.
import { X509Certificate } from 'node:crypto';
import { z } from 'zod';
import type { LaptopClockSight } from '../../src-shared/laptop-clock.ts';
import type { OpenSite } from '../runbook/open-site.ts';
import { sealedMedium } from './bound-medium.ts';
import { type Sight, sight } from './jobs.ts';

export const clockSights: Readonly<Record<string, Sight>> = {
  'laptop-clock': sight(
    z.strictObject({}),
    async (_args, { site }): Promise<LaptopClockSight> => ({
      seconds: Math.round(site.clock.now().getTime() / 1000),
      least: await surelyPast(site),
    }),
  ),
};

/** The latest of when our certificate began, when the medium was sealed, and what the site's journal tells of; ISO. */
async function surelyPast(site: OpenSite): Promise<string> {
  const certificate = site.lock.keys?.cacheCertificate;
  const began = certificate === undefined ? [] : [new Date(new X509Certificate(certificate).validFrom).toISOString()];
  const sealed = await sealedMedium(site).then(
    ({ manifest }) => [manifest.sealedAt],
    // A medium that is not there, or not ours, tells nothing; that it should be there is for the steps that use it.
    () => [],
  );
  return [...began, ...sealed, site.latestAt].sort().at(-1) ?? '';
}
