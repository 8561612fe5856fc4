// What steps may know of the content to be served: the medium's signed list, and how the medium is recognised elsewhere.
// Registered in compose. Read-only; a medium that does not verify is no content.
import { z } from 'zod';
import type { Json } from '../../src-shared/json.ts';
import { Problem } from '../../src-shared/problem.ts';
import { readBinding, sealedGeneration, sealedMedium } from './bound-medium.ts';
import { type Sight, sight } from './jobs.ts';

const nothing = z.strictObject({});

export const contentSights: Readonly<Record<string, Sight>> = {
  /** Files of the manifest with their hashes; null while the medium is not in this laptop. */
  'content-files': sight(nothing, async (_args, { site }): Promise<Json> => {
    try {
      const { manifest } = await sealedMedium(site);
      return manifest.files.map(({ path, sha256, sizeBytes }) => ({ path, sha256, sizeBytes }));
    } catch (error) {
      if (error instanceof Problem && ['medium-absent', 'medium-not-chosen'].includes(error.code)) return null;
      throw error;
    }
  }),

  /** Known since the medium was chosen on this laptop, and needed when it is plugged in elsewhere. */
  'medium-marks': sight(nothing, async (_args, { site }): Promise<Json> => {
    const binding = await readBinding(site);
    const { volumeUuid = null, mediumId = null } = binding ?? {};
    return { volumeUuid, mediumId, generation: sealedGeneration(site, mediumId) };
  }),
};
