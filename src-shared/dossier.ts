// A site's record: what was built, by whom, when and how, as one signed document. The JSON is its truth; pages are made of it.
// How it lies on a disk: a folder a record (`record/0001/`), see `recordFiles`. Nothing secret is in it.
import { z } from 'zod';
import { asBuilt } from './as-built.ts';
import { problemData } from './journal.ts';
import { jsonObject } from './json.ts';
import { md5, sha256, sha512 } from './lock.ts';
import { roles } from './site.ts';
import { subject, told } from './step.ts';

/** Counted up when a reader of the former form would misread the new one. */
export const dossierFormat = 1;

/** Files of one record's folder. `checksums` lists all others, and is what is signed. */
export const recordFiles = {
  json: 'record.json',
  pages: { en: 'page.en.html', fr: 'page.fr.html' },
  howTo: 'how-to-check.txt',
  /** Public half of the key, as on the medium. It proves nothing by itself: its fingerprint is compared. */
  key: 'key.pem',
  /** As sha256sum writes and checks it. */
  checksums: 'checksums.sha256',
  /** The 64 bytes of an Ed25519 signature over the bytes of `checksums`, as openssl reads it. */
  signature: 'checksums.sha256.sig',
} as const;

/** Records of a site, below its folder and below its folder on the medium. */
export const recordsFolder = 'record';
/** `0001` */
export const recordName = (number: number): string => String(number).padStart(4, '0');
export const recordNumber = (name: string): number | null => (/^\d{4,6}$/.test(name) ? Number(name) || null : null);

/** A code of the catalogue as it was then: a later program may have lost it. */
const problemCode = z.string();
const params = z.record(z.string(), z.union([z.string(), z.number()]));
const moment = z.string();

const commandRecord = z.strictObject({
  kind: z.string(),
  /** Machine, null for the laptop. */
  machine: z.string().nullable(),
  /** The exact command on one line; a file's path for one that was written. */
  line: z.string(),
  note: told.nullable(),
  /** Unified difference of a file that was written, empty when there is none to show. */
  change: z.string(),
  outcome: z.enum(['performed', 'failed', 'cancelled', 'unknown']),
  exit: z.int().nullable(),
  startedAt: moment,
  durationMs: z.number(),
  problem: problemCode.nullable(),
});
export type CommandRecord = z.infer<typeof commandRecord>;

/** One run of a step, from its start to its end. */
const runRecord = z.strictObject({
  startedAt: moment,
  /** Null for one that was cut off. */
  endedAt: moment.nullable(),
  durationMs: z.number().nullable(),
  who: z.string(),
  laptop: z.string(),
  program: z.string(),
  /** Who agreed to its plans: `window`, a user of the terminal. */
  agreedBy: z.array(z.string()),
  outcome: z.enum(['done', 'waiting', 'stopped', 'cancelled', 'failed', 'undone', 'cut-off']),
  problem: z.strictObject({ code: problemCode, params }).nullable(),
  commands: z.array(commandRecord),
});
export type RunRecord = z.infer<typeof runRecord>;

const stepRecord = z.strictObject({
  instance: z.string(),
  step: z.string(),
  subject,
  state: z.string(),
  doneAt: moment.nullable(),
  /** What was found when it was last read. */
  found: z.array(told),
  findings: z.array(z.strictObject({ code: problemCode, params })),
  runs: z.array(runRecord),
});
export type StepRecord = z.infer<typeof stepRecord>;

/** A question that a person answered. */
const gateRecord = z.strictObject({
  instance: z.string(),
  id: z.string(),
  kind: z.enum(['confirm', 'text', 'secret', 'choice']),
  /** Texts: `<key>.title`. */
  key: z.string(),
  params,
  /** Null for a secret: that it was given is recorded, never what. */
  answer: z.string().nullable(),
  /** The user of the laptop, by its system. */
  who: z.string(),
  /** The name that was typed, else where it was answered: `window`, a user of the terminal. */
  by: z.string(),
  at: moment,
});

/** Who answered: the name typed, with the laptop's user behind it when that is another. */
export const personOf = ({ who, by }: { readonly who: string; readonly by: string }): string =>
  by === who || by === 'window' ? who : `${by} (${who})`;

/** Findings that a person chose to go on past. */
const overrideRecord = z.strictObject({
  instance: z.string(),
  findings: z.array(z.strictObject({ code: problemCode, params })),
  who: z.string(),
  by: z.string(),
  at: moment,
});

const machineRecord = z.strictObject({
  name: z.string(),
  roles: z.array(z.enum(roles)),
  address: z.string(),
  port: z.int(),
  user: z.string(),
  system: z.string(),
  /** The host key that a person compared, null when none was pinned. */
  hostKey: z.string().nullable(),
  facts: asBuilt,
});

export const dossier = z.strictObject({
  format: z.literal(dossierFormat),
  number: z.int().positive(),
  madeAt: moment,
  who: z.string(),
  laptop: z.string(),
  program: z.string(),
  site: z.string(),
  /** Simulated machines: a record to learn from. */
  practice: z.boolean(),
  remark: z.string(),
  /** What the record was made of: the journal's events so far. */
  journal: z.strictObject({ events: z.int(), sha256 }),
  plan: jsonObject,
  planSha256: sha256,
  keys: z
    .strictObject({
      /** sha256 of the Ed25519 public key (DER), the one to compare. */
      manifest: z.string(),
      repository: z.string(),
      cache: z.string(),
    })
    .nullable(),
  /** The medium's list as it was signed; null when no medium was there, or none to believe. */
  medium: z
    .strictObject({
      /** What tells it from other media; absent in records of older programs. */
      which: z
        .strictObject({ label: z.string(), serial: z.string().nullable(), mediumId: z.string().nullable() })
        .optional(),
      generation: z.int(),
      sealedAt: moment,
      files: z.int(),
      sizeBytes: z.number(),
      sha256,
      /** The bill of materials on it, below `fieldkit/`; absent in records of older programs. */
      materials: z.strictObject({ path: z.string(), sha256 }).optional(),
    })
    .nullable(),
  /** Why a medium that was there is not told; absent when it is, when none was there, and in records of older programs. */
  mediumTrouble: z.strictObject({ code: problemCode, params }).optional(),
  packages: z.array(
    z.strictObject({ system: z.string(), name: z.string(), version: z.string(), architecture: z.string(), sha256 }),
  ),
  releases: z.array(
    z.strictObject({
      name: z.string(),
      url: z.string(),
      md5,
      archives: z.array(z.strictObject({ system: z.string(), sha512, sizeBytes: z.int() })),
    }),
  ),
  machines: z.array(machineRecord),
  steps: z.array(stepRecord),
  gates: z.array(gateRecord),
  overrides: z.array(overrideRecord),
});
export type Dossier = z.infer<typeof dossier>;

/** What is known of a record without reading it whole. */
const recordSummary = z.strictObject({
  number: z.int().positive(),
  madeAt: moment,
  who: z.string(),
  laptop: z.string(),
  remark: z.string(),
});

/** A record of a site as it is listed: `summary` is null for one that cannot be believed, and `trouble` says why. */
export const listedRecord = z.strictObject({
  number: z.int().positive(),
  summary: recordSummary.nullable(),
  trouble: problemData.nullable(),
});
export type ListedRecord = z.infer<typeof listedRecord>;
