// What compose hands the desk: the acts on media, records and keys that the engine knows only by these shapes.
import type {
  InputOf,
  MediaComparison,
  MediumChoice,
  MediumGeneration,
  OutputOf,
  RepairStage,
} from '../../src-shared/api.ts';
import type { Dossier, ListedRecord } from '../../src-shared/dossier.ts';
import type { Rehearsal, RehearsalProgress } from '../../src-shared/rehearsal.ts';
import type { Sheet } from '../../src-shared/sheet.ts';
import type { Question } from '../../src-shared/step.ts';
import type { Progress } from '../platform/download.ts';
import type { DownloadCache } from '../platform/download-cache.ts';
import type { BenchParts } from './bench.ts';
import type { OpenSite } from './open-site.ts';

/** Of this laptop's vault, and of a file of keys. */
interface Passphrases {
  readonly vault: string;
  readonly file: string;
}

/** The practice site: simulated machines, its own plan, faults to switch on. */
export interface Practice {
  /** Makes what the site is simulated from, once, and gives its plan. */
  readonly prepare: () => Promise<string>;
  readonly faults: (set: InputOf<'practice.faults'>['set']) => Promise<OutputOf<'practice.faults'>>;
  /** What its simulated machines take as secrets, by the question's id: shown with the question. */
  readonly answers: Readonly<Record<string, string>>;
}

export interface DeskParts extends BenchParts {
  readonly listMedia: (site: OpenSite) => Promise<MediumChoice[]>;
  /** Waits a while for drives to change; returns the mark of what is there now. */
  readonly nextMedia: (site: OpenSite, mark: string) => Promise<string>;
  /** What lies on a medium: the one at this path, or the site's own. */
  readonly mediumContents: (site: OpenSite, path: string | null) => Promise<OutputOf<'media.contents'>>;
  readonly format: {
    readonly drives: (site: OpenSite) => Promise<OutputOf<'format.drives'>>;
    readonly look: (site: OpenSite, device: string) => Promise<OutputOf<'format.look'>>;
    readonly perform: (site: OpenSite, request: Omit<InputOf<'format.perform'>, 'site'>) => Promise<string>;
  };
  readonly practice: Practice;
  /** What is printed of a site before leaving. */
  readonly sheet: (site: string) => Promise<Sheet>;
  /** Records of a site, by their folder and the fingerprint that the plan holds. */
  readonly records: {
    readonly list: (folder: string, pinned: string | null) => Promise<ListedRecord[]>;
    readonly open: (
      folder: string,
      number: number,
      pinned: string | null,
    ) => Promise<{ readonly record: Dossier; readonly fingerprint: string; readonly folder: string }>;
    readonly save: (folder: string, number: number, to: string, pinned: string | null) => Promise<string>;
  };
  /** Media that carry sites: of one folder, or of all that are plugged in. */
  readonly sitesOnMedium: (folder: string | null) => Promise<OutputOf<'sites.onMedium'>>;
  readonly recentMedia: () => Promise<OutputOf<'media.recent'>>;
  readonly laptopNow: (site: OpenSite) => Promise<OutputOf<'laptop.now'>>;
  /** A site's private keys as an encrypted file, for another laptop. */
  readonly keys: {
    /** This laptop's vault is there; else importing makes one. */
    readonly vaultExists: (site: OpenSite) => Promise<boolean>;
    readonly exportTo: (site: OpenSite, path: string, passphrases: Passphrases) => Promise<OutputOf<'keys.export'>>;
    readonly importFrom: (
      site: OpenSite,
      path: string,
      passphrases: Passphrases,
    ) => Promise<OutputOf<'keys.import'> & { readonly path: string }>;
  };
  /** Walking the site's steps on simulated machines, from its medium alone. */
  readonly rehearsal: {
    readonly run: (
      site: OpenSite,
      medium: string | null,
      onProgress: (progress: RehearsalProgress) => void,
      signal: AbortSignal,
    ) => Promise<Rehearsal>;
    readonly last: (site: OpenSite) => Promise<OutputOf<'media.rehearsal'>>;
  };
  /** Reads a medium back: the one at this path, or the site's own. Throws as `openManifest`, `medium-not-chosen`, `cancelled`. */
  readonly verify: (
    site: OpenSite,
    path: string | null,
    onProgress: (path: string, doneBytes: number, totalBytes: number | null) => void,
    signal: AbortSignal,
  ) => Promise<Omit<NonNullable<OutputOf<'media.verified'>>, 'at'>>;
  /** Acts on a medium beside filling it: the one at `path`, or the site's own. */
  readonly media: {
    readonly compare: (site: OpenSite, path: string | null, other: string) => Promise<MediaComparison>;
    readonly clone: (
      site: OpenSite,
      path: string | null,
      to: string,
      onProgress: (progress: Progress) => void,
      signal: AbortSignal,
    ) => Promise<NonNullable<OutputOf<'media.cloned'>>>;
    readonly generations: (site: OpenSite, path: string | null) => Promise<MediumGeneration[]>;
    /** `opened`: sites that are open here; throws for one that is busy. */
    readonly restore: (
      site: OpenSite,
      path: string | null,
      generation: number,
      opened: (site: string) => OpenSite | undefined,
      onProgress: (progress: Progress) => void,
      signal: AbortSignal,
    ) => Promise<NonNullable<OutputOf<'media.restored'>>>;
    readonly tidy: (site: OpenSite, path: string | null, mark: string | null) => Promise<OutputOf<'media.tidy'>>;
    /** Without `repair` its file system is only looked through. */
    readonly repair: (
      site: OpenSite,
      place: string,
      repair: boolean,
      onStage: (stage: RepairStage) => void,
      signal: AbortSignal,
    ) => Promise<Omit<NonNullable<OutputOf<'media.repaired'>>, 'place'>>;
  };
  /** Downloads kept across sites. */
  readonly cache: DownloadCache;
  /** Asks every source of a site at once, each for `sourceLimitMs` at most. */
  readonly testSources: (
    site: string,
    signal: AbortSignal,
    /** The proxy's password, which is asked for when the plan names a login there; null: nobody knows it. */
    passwordOf: (question: Question) => Promise<string | null>,
  ) => Promise<OutputOf<'sources.test'>>;
  readonly licences: () => Promise<OutputOf<'help.read'>['licences']>;
  readonly takeOver: (input: InputOf<'sites.takeOver'>) => Promise<OutputOf<'sites.takeOver'>>;
}
