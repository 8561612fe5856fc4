// What a medium holds: the layout under `fieldkit/`, and the signed list of every file in it.
// `manifest.json` is written last, with `manifest.json.sig` (base64 Ed25519 over the exact bytes) beside it.
import { z } from 'zod';
import { sha256 } from './lock.ts';

export const mediumRoot = 'fieldkit';

/** Paths relative to `fieldkit/`. Forward slashes, lower case, no symbolic links. */
export const mediumPaths = {
  manifest: 'manifest.json',
  manifestSignature: 'manifest.json.sig',
  readme: 'readme.html',
  /** Index documents, one per release: md5 of the URL. */
  index: (urlMd5: string) => `bdir/${urlMd5}`,
  /** Archives by sha512. */
  blob: (hash: string) => `bcache/${hash}`,
  /** The signed flat apt repository of one target system. */
  repository: (system: string) => `debian/${system}`,
  trust: (file: string) => `trust/${file}`,
  site: (file: string) => `site/${file}`,
} as const;

export const manifestFile = z.strictObject({
  path: z.string().regex(/^(?!\/)(?!.*(^|\/)\.\.(\/|$))[a-z0-9._%+~\-/]+$/),
  sizeBytes: z.int().nonnegative(),
  sha256,
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
