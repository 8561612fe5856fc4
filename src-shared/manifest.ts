// What a medium holds: the layout under `fieldkit/`, and the signed list of every file in it.
// `manifest.json` is written last; `manifest.json.sig` beside it holds base64 Ed25519 signatures over exact bytes, one a
// line. While a medium is sealed anew it holds the old manifest's and the new one's, so that whichever of the two a cut
// leaves in place is verified by a line of it; afterwards it holds one.
import { z } from 'zod';
import { sha256 } from './lock.ts';

export const mediumRoot = 'fieldkit';

/**
 * Paths relative to `fieldkit/`. Forward slashes, no symbolic links, no two that differ in case alone (FAT folds it).
 * Our own names are lower case; apt's fixed ones (InRelease, Packages) are not.
 */
export const mediumPaths = {
  manifest: 'manifest.json',
  manifestSignature: 'manifest.json.sig',
  /** Random, written once: gives a plain folder an identity of its own. */
  mediumId: 'medium-id',
  readme: 'readme.html',
  /** Bill of materials, CycloneDX. */
  materials: 'sbom.cdx.json',
  /** The same for people. */
  materialsPage: 'materials.html',
  /** Public half of the manifest's key. It proves nothing by itself: its fingerprint is pinned elsewhere. */
  manifestKey: 'trust/manifest-key.pem',
  /** Index documents, one per release: md5 of the URL. */
  index: (urlMd5: string) => `bdir/${urlMd5}`,
  /** Archives by sha512. */
  blob: (hash: string) => `bcache/${hash}`,
  /** The signed flat apt repository of one target system. */
  repository: (system: string) => `debian/${system}`,
  trust: (file: string) => `trust/${file}`,
  site: (file: string) => `site/${file}`,
  /** Earlier generations, and what the sealed one lists while an update is under way: see src-main/medium/generations.ts. */
  generations: 'generations',
  kept: (generation: number, path: string) => `generations/${generation}/${path}`,
} as const;

export const manifestBlockBytes = 8 * 1024 * 1024;

export const manifestFile = z.strictObject({
  path: z.string().regex(/^(?!.*(?:^|\/)\.{0,2}(?:\/|$))[A-Za-z0-9._%+~\-/]+$/),
  sizeBytes: z.int().nonnegative(),
  sha256,
  /** sha256 of each `manifestBlockBytes` of it, in order; only for files larger than one block. They place a damage. */
  blocks: z.array(sha256).optional(),
});

export const manifest = z.strictObject({
  format: z.literal(1),
  site: z.string(),
  /** Counts up with every sealing of this medium. */
  generation: z.int().positive(),
  /** ISO 8601. */
  sealedAt: z.string(),
  program: z.string(),
  files: z.array(manifestFile),
});

export type ManifestFile = z.infer<typeof manifestFile>;
export type Manifest = z.infer<typeof manifest>;
