// What steps may know of the frontend's certificate: the files that the plan names, read on this laptop and judged.
// Registered in compose. The key is put among the session's secrets, where commands refer to it and everything that leaves is
// cleared of it; nothing of it is in the answer.
import { isAbsolute, join } from 'node:path';
import { z } from 'zod';
import { canonicalJson, type Json } from '../../src-shared/json.ts';
import { readTextOrNull, sha256Of } from '../platform/files.ts';
import type { OpenSite } from '../runbook/open-site.ts';
import { frontendParameters, judgeFrontendPair } from '../software/frontend-certificate.ts';
import { type Sight, sight } from './jobs.ts';

/** The shortest line of a key that is hidden by itself: what a program prints is seen line by line. */
const tellingLine = 16;

/** Seconds since 1970; no clock is believed that a Date cannot hold. */
const siteClock = z.strictObject({ machine: z.string(), seconds: z.number().min(0).max(8.64e12) });

export const frontendSights: Readonly<Record<string, Sight>> = {
  /** Null while the plan has no frontend. `at`: what a machine's own clock says, for the dates on the site. */
  'frontend-certificate': sight(
    z.strictObject({ at: siteClock.optional() }),
    async ({ at }, { site }): Promise<Json> => {
      const { frontend } = site.plan;
      if (frontend === undefined) return null;
      const [certificatePath, keyPath] = [frontend.certificate, frontend.key].map((name) =>
        isAbsolute(name) ? name : join(site.folder, name),
      ) as [string, string];
      const [certificate, key] = [await readTextOrNull(certificatePath), await readTextOrNull(keyPath)];
      hideKey(site, key ?? '');
      const pair = { certificate, key, certificatePath, keyPath };
      const there = at === undefined ? null : { machine: at.machine, now: new Date(at.seconds * 1000) };
      const { fault, chain, fingerprint, until } = judgeFrontendPair(pair, frontend.domain, site.clock.now(), there);
      return {
        fault: fault === null ? null : { code: fault.code, params: { ...fault.params } },
        chain,
        fingerprint,
        until,
        // Tells whether the master has been told all this, key included; the key cannot be found from it.
        parametersSha256: sha256Of(canonicalJson(frontendParameters(frontend.domain, chain, key ?? ''))),
      };
    },
  ),
};

/** `frontend-key` is the key as it goes between the quotes of a JSON text. */
function hideKey(site: Pick<OpenSite, 'secrets'>, key: string): void {
  if (key === '') return;
  site.secrets.set('frontend-key', JSON.stringify(key).slice(1, -1));
  site.secrets.set('frontend-key:text', key);
  const lines = key.split(/\r?\n/).filter((line) => line.length >= tellingLine && !line.startsWith('-----'));
  for (const [index, line] of lines.entries()) site.secrets.set(`frontend-key:${index}`, line);
}
