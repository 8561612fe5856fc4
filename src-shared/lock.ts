// What was resolved for a site, by hash: the archives' snapshots, the packages, the releases' entries, the keys.
// Written by the prepare steps' jobs, read by the proof and by the site steps. Nothing here is secret.
import { z } from 'zod';

const hex = (digits: number) => z.string().regex(new RegExp(`^[0-9a-f]{${digits}}$`));
export const sha256 = hex(64);
export const sha512 = hex(128);
export const md5 = hex(32);

/** One .deb that the site will install. `path` is relative to the target system's repository on the medium. */
export const lockedPackage = z.strictObject({
  name: z.string(),
  version: z.string(),
  architecture: z.string(),
  sha256,
  sizeBytes: z.int().nonnegative(),
  /** Where it comes from, absolute URL. */
  url: z.string(),
  /** File name on the medium: lower case, `:` written as %3a. */
  path: z.string(),
  /** `vendor` or the archive's name. */
  source: z.string(),
});

/** A signed index as it was when the packages were resolved; a later one must not be older. */
export const lockedSnapshot = z.strictObject({
  source: z.string(),
  url: z.string(),
  /** sha256 of the InRelease (or Release) text. */
  sha256,
  /** Date field of the Release, ISO 8601. */
  date: z.string(),
  /** Fingerprint of the key that signed it, upper-case hex. */
  signedBy: z.string(),
});

/** Packages of one target system, e.g. `debian-12-amd64`. */
export const lockedSystem = z.strictObject({
  snapshots: z.array(lockedSnapshot),
  /** Vendor packages asked for by name, fixed to a version. */
  vendor: z.array(lockedPackage),
  /** The whole closure, vendor packages included. Empty until solved. */
  packages: z.array(lockedPackage),
  /** The names the closure was solved for, sorted. */
  roots: z.array(z.string()),
  /** Which state of the machines it was solved for, when anything is known of them. */
  baseline: z.string().optional(),
});

/** One index entry: the exact signed text, and whose certificate verifies it. */
export const lockedEntry = z.strictObject({
  system: z.string(),
  sha512,
  sizeBytes: z.int().nonnegative(),
  /** The entry, byte for byte as signed. */
  entry: z.string(),
  /** base64, kept verbatim. */
  signature: z.string(),
  /** PEM of the certificate that verifies the signature. */
  certificate: z.string(),
  /** Of an archive from a build machine: which state of the compiled release it holds. */
  stamp: z.string().optional(),
});

export const lockedRelease = z.strictObject({ url: z.string(), md5, entries: z.array(lockedEntry) });

/** Public halves and their fingerprints; the private ones stay on the laptop. */
export const lockedKeys = z.strictObject({
  cacheCertificate: z.string(),
  cacheFingerprint: z.string(),
  repositoryKey: z.string(),
  repositoryFingerprint: z.string(),
  manifestKey: z.string(),
  /** sha256 of the Ed25519 public key (DER), the one to compare on site. */
  manifestFingerprint: z.string(),
});

/** Who signs something, and who did before: of a list of packages the key's fingerprint, of a release's entries the certificate's. */
export const signerChange = z.strictObject({
  /** Address of the list, or `release (system)`. */
  what: z.string(),
  was: z.string(),
  now: z.string(),
});
export type SignerChange = z.infer<typeof signerChange>;

/** The name under which a change of who signs a release's entry is told. */
export const entryName = (release: string, system: string): string => `${release} (${system})`;

/** The question's id names the new signer: an answer that was kept is none to the next one. */
export const signerQuestion = ({ what, now }: Pick<SignerChange, 'what' | 'now'>): string => `signer:${what}:${now}`;

/** `look-again`: not this one; the source is asked anew, and the signer of before still counts. */
export const signerAnswers = ['accept', 'look-again'] as const;

export const siteLock = z.strictObject({
  format: z.literal(1),
  keys: lockedKeys.nullable(),
  systems: z.record(z.string(), lockedSystem),
  releases: z.record(z.string(), lockedRelease),
  /** The newest generation sealed on each medium, by its id: an older state put back in its place is not used. */
  sealed: z.record(z.string(), z.int().positive()).optional(),
  /** Signers that are others than before and that nobody has accepted: nothing of theirs is used. */
  offered: z.array(signerChange).optional(),
  /** Changes of signers that a person has compared. */
  accepted: z.array(signerChange).optional(),
});

export type LockedPackage = z.infer<typeof lockedPackage>;
export type LockedSnapshot = z.infer<typeof lockedSnapshot>;
export type LockedSystem = z.infer<typeof lockedSystem>;
export type LockedEntry = z.infer<typeof lockedEntry>;
export type LockedKeys = z.infer<typeof lockedKeys>;
export type SiteLock = z.infer<typeof siteLock>;

export const emptyLock: SiteLock = { format: 1, keys: null, systems: {}, releases: {} };
