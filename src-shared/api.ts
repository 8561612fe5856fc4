// What the window may ask for: one pair of schemas a procedure, and one stream of events.
// Types are inferred; main validates what comes in, development and tests also what goes out.
import { z } from 'zod';
import type { ProcedureName } from './channels.ts';
import { dossier, listedRecord } from './dossier.ts';
import { interview } from './interview.ts';
import type { SiteView } from './journal.ts';
import { journalEvent, problemData } from './journal.ts';
import { json, jsonObject } from './json.ts';
import { planFaultCodes } from './plan-fault.ts';
import type { ProblemData } from './problem.ts';
import { rehearsal } from './rehearsal.ts';
import { sheet } from './sheet.ts';
import { sighting } from './sighting.ts';
import { chapters, finding, planSchema, question, stepInfo, told } from './step.ts';

const nothing = z.strictObject({});
const site = z.strictObject({ site: z.string() });
const run = z.string();

export const themes = ['system', 'light', 'dark', 'sunlight'] as const;
export const languages = ['en', 'fr'] as const;
/** Signs of a technician's name at most. */
export const technicianLength = 80;
export const settings = z.strictObject({
  theme: z.enum(themes),
  language: z.enum(languages),
  lastSite: z.string().nullable(),
  /** Who works with this laptop, as typed: goes into the record with each answer. Empty: nobody said. */
  technician: z.string().trim().max(technicianLength).default(''),
});
export type Settings = z.infer<typeof settings>;

export const siteSummary = z.strictObject({
  name: z.string(),
  /** Folder on the laptop, for display only. */
  folder: z.string(),
  practice: z.boolean(),
  done: z.int(),
  total: z.int(),
  changedAt: z.string().nullable(),
  /** Who has it open, null when free. */
  heldBy: z.string().nullable(),
});
export type SiteSummary = z.infer<typeof siteSummary>;

/** A site that a medium carries, and what it is to this laptop's own of that name: what a person looks at before taking it over. */
export const siteOnMedium = z.strictObject({
  name: z.string(),
  /** `person@laptop` that wrote its journal last, and when. */
  owner: z.string(),
  at: z.string(),
  done: z.int(),
  total: z.int(),
  /** `new`: this laptop has none. Else what the medium's history is to the laptop's. */
  relation: z.enum(['new', 'same', 'ahead', 'behind', 'diverged']),
  /** Of the key that signed the medium's manifest; `known`: equal to the one that this laptop's own plan pins. */
  fingerprint: z.string(),
  known: z.boolean(),
  generation: z.int(),
  sealedAt: z.string(),
  machines: z.array(z.strictObject({ name: z.string(), address: z.string(), hostKey: z.string().nullable() })),
  /** Files that the plan names and this laptop lacks. */
  absent: z.array(z.string()),
});
export type SiteOnMedium = z.infer<typeof siteOnMedium>;

/** A place in the site plan that is wrong. */
export const planProblem = z.strictObject({
  path: z.string(),
  line: z.int().nullable(),
  code: z.enum(planFaultCodes),
  value: z.string(),
  other: z.string(),
});

/** A plan's text, what it holds (null while it cannot be read), and what is wrong with it. */
export const planReading = z.strictObject({ text: z.string(), value: json, problems: z.array(planProblem) });
export type PlanReading = z.infer<typeof planReading>;

export const mediumLimits = [
  'unusually-large',
  'four-gigabyte-limit',
  'folds-case',
  'keeps-no-modes',
  'foreign-file-system',
] as const;

/** A drive or folder that could be the medium. `why` null: usable. */
export const mediumChoice = z.strictObject({
  /** Opaque token to hand back. */
  token: z.string(),
  label: z.string(),
  path: z.string(),
  sizeBytes: z.number().nullable(),
  freeBytes: z.number().nullable(),
  fileSystem: z.string().nullable(),
  serial: z.string().nullable(),
  /** False: choosing it mounts it first; then `path` is its device. */
  mounted: z.boolean(),
  /** What its file system or size asks to be known before it is filled. */
  limits: z.array(z.enum(mediumLimits)),
  why: z.strictObject({ code: z.string(), params: z.record(z.string(), z.union([z.string(), z.number()])) }).nullable(),
});
export type MediumChoice = z.infer<typeof mediumChoice>;

/** A medium that a site of this laptop is bound to. */
export const recentMedium = z.strictObject({
  site: z.string(),
  label: z.string(),
  /** Where it is, or was. */
  path: z.string(),
  /** Plugged in now, and it is the very one. */
  here: z.boolean(),
  /** When it was last chosen or sealed. */
  at: z.string(),
  /** Of the sealed state, null while there is none. */
  sealedAt: z.string().nullable(),
  /** Null where it cannot be read now. */
  generation: z.int().nullable(),
  /** Why one that is here does not count as sealed. */
  why: z.strictObject({ code: z.string(), params: z.record(z.string(), z.union([z.string(), z.number()])) }).nullable(),
});
export type RecentMedium = z.infer<typeof recentMedium>;

/** Lists that machines are read from. */
export const listKinds = ['csv', 'ssh-config', 'inventory'] as const;
export type ListKind = (typeof listKinds)[number];

/** What a list may hold at most: signs of its text, as many as a plan's, and machines. */
export const machineListLimits = { textLength: 256 * 1024, machines: 1000 } as const;
/** Of a name or an address as it arrives: far above what a plan takes, so that the plan's own rules say what is wrong with it. */
const typed = z.string().max(1024);

/** A machine as a list tells of it: fields of the plan, as far as they are known. */
export const listedMachine = z.strictObject({ name: z.string(), fields: jsonObject });

const passphrases = {
  /** Of this laptop's vault; a new one where there is none yet. */
  vault: z.string().min(1),
  /** Of the file of keys. */
  file: z.string().min(1),
};

export const mediumKinds = ['packages', 'software', 'index', 'trust', 'site', 'kept', 'other'] as const;
export type MediumKind = (typeof mediumKinds)[number];

/** What lies on a medium. `why`: the reason why it does not count as sealed. */
export const mediumContents = z.strictObject({
  path: z.string(),
  sealed: z
    .strictObject({
      site: z.string(),
      generation: z.int(),
      sealedAt: z.string(),
      program: z.string(),
      fingerprint: z.string(),
      files: z.int(),
      sizeBytes: z.number(),
      /** Earlier generations that can be restored, newest first. */
      kept: z.array(z.int()),
      /** An update was begun and is not sealed; the generation named here still stands. */
      updating: z.boolean(),
      /** Listed files that are missing or of another size. */
      lacking: z.int(),
      /** Stands for exactly this medium as it is sealed now: its marker, its drive, its seal. */
      mark: z.string(),
    })
    .nullable(),
  why: z.strictObject({ code: z.string(), params: z.record(z.string(), z.union([z.string(), z.number()])) }).nullable(),
  kinds: z.array(z.strictObject({ kind: z.enum(mediumKinds), count: z.int(), sizeBytes: z.number() })),
  /** The packages of each target system, as its signed list names them. */
  systems: z.array(
    z.strictObject({
      system: z.string(),
      sizeBytes: z.number(),
      packages: z.array(z.strictObject({ name: z.string(), version: z.string(), sizeBytes: z.number() })),
    }),
  ),
  /** One an index entry; `sizeBytes` null: its archive is not there. */
  releases: z.array(z.strictObject({ url: z.string(), system: z.string(), sizeBytes: z.number().nullable() })),
  /** What is not ours: beside our folder, and in it without being signed. */
  foreign: z.strictObject({
    beside: z.array(z.strictObject({ name: z.string(), folder: z.boolean() })),
    unlisted: z.array(z.string()),
  }),
  freeBytes: z.number(),
  fileSystem: z.string(),
});
export type MediumContents = z.infer<typeof mediumContents>;

/** What a drive can be formatted as here. */
export const formatKinds = ['exfat', 'ext4', 'vfat'] as const;
export type FormatKind = (typeof formatKinds)[number];

/** A drive that could be formatted; `why` null: it may be. */
export const formatChoice = z.strictObject({
  device: z.string(),
  /** What is printed on it and what its volumes are called. */
  label: z.string(),
  sizeBytes: z.number(),
  serial: z.string().nullable(),
  why: z.strictObject({ code: z.string(), params: z.record(z.string(), z.union([z.string(), z.number()])) }).nullable(),
});
export type FormatChoice = z.infer<typeof formatChoice>;

/** A volume that would be lost with its drive. */
export const volumeLoss = z.strictObject({
  device: z.string(),
  label: z.string().nullable(),
  fileSystem: z.string().nullable(),
  sizeBytes: z.number(),
  /** False: nobody can say what it holds (encrypted, unknown, or nothing at all). */
  readable: z.boolean(),
  files: z.int(),
  /** False: counting was given up after a while; there are more. */
  whole: z.boolean(),
  newest: z.strictObject({ path: z.string(), at: z.string() }).nullable(),
  /** A sealed medium of ours. */
  medium: z.strictObject({ site: z.string(), generation: z.int() }).nullable(),
});
export type VolumeLoss = z.infer<typeof volumeLoss>;

/** What formatting a drive would erase. */
export const driveLoss = z.strictObject({
  device: z.string(),
  name: z.string(),
  serial: z.string().nullable(),
  sizeBytes: z.number(),
  /** Stands for exactly this drive as it was shown; handed back with the yes. */
  mark: z.string(),
  /** What is typed to say that this drive is meant. */
  typeName: z.string(),
  volumes: z.array(volumeLoss),
});
export type DriveLoss = z.infer<typeof driveLoss>;

/** A medium read back against its signed list. */
export const mediumReport = z.strictObject({
  files: z.int(),
  sizeBytes: z.number(),
  generation: z.int(),
  fingerprint: z.string(),
  /** The fingerprint was given and matched. */
  fingerprintTrusted: z.boolean(),
  /** False: some file could only be read through the laptop's memory, which proves less. */
  cacheBypassed: z.boolean(),
  findings: z.array(finding),
});
export type MediumReport = z.infer<typeof mediumReport>;

/** What a repair of a file system is at. */
export const repairStages = ['looking', 'repairing', 'mounting'] as const;
export type RepairStage = (typeof repairStages)[number];

/** Two sealed media by their lists: paths that only one has, and those that differ. */
export const mediaComparison = z.strictObject({
  first: z.strictObject({ site: z.string(), generation: z.int() }),
  second: z.strictObject({ site: z.string(), generation: z.int() }),
  onlyFirst: z.array(z.string()),
  onlySecond: z.array(z.string()),
  differing: z.array(z.string()),
});
export type MediaComparison = z.infer<typeof mediaComparison>;

/** An earlier state of a medium, and how many files its restoring would take out, bring back and change. */
export const mediumGeneration = z.strictObject({
  generation: z.int(),
  sealedAt: z.string(),
  files: z.int(),
  sizeBytes: z.number(),
  leaving: z.int(),
  returning: z.int(),
  differing: z.int(),
});
export type MediumGeneration = z.infer<typeof mediumGeneration>;

const removed = z.strictObject({ count: z.int(), sizeBytes: z.number() });

/** Kinds of what the laptop keeps of its downloads. */
export const cacheKinds = ['debs', 'indexes', 'releases', 'blobs'] as const;

/** Reading the kept downloads back: how far it is, and what it found. */
export const cacheCheck = z.strictObject({
  state: z.enum(['never', 'going', 'stopped', 'over']),
  doneBytes: z.number(),
  totalBytes: z.number(),
  speed: z.number().nullable(),
  leftMs: z.number().nullable(),
  /** Files that were read. */
  count: z.int(),
  damaged: z.array(z.string()),
});
export type CacheCheck = z.infer<typeof cacheCheck>;

/** How long a source is waited for when it is tested. */
export const sourceLimitMs = 15_000;

/** What a source of a plan holds: a vendor's packages, a suite of an archive, index entries of releases, releases. */
export const sourceKinds = ['vendor', 'archive', 'index', 'releases'] as const;

/** What a source said when it was asked. */
export const sourceAnswer = z.strictObject({
  kind: z.enum(sourceKinds),
  /** Of a vendor the target system, of an archive its name and suite; else empty. */
  name: z.string(),
  address: z.string(),
  tookMs: z.number(),
  /** By which way, where a script says which there are: a proxy's address, or `direct`. Null: no script, or no answer. */
  way: z.string().nullable(),
  /** Why it did not answer; null when it did. */
  problem: finding.nullable(),
});
export type SourceAnswer = z.infer<typeof sourceAnswer>;

/** As what somebody may take what was done beyond one laptop. */
export const exportKinds = ['shell', 'ansible'] as const;
export type ExportKind = (typeof exportKinds)[number];

/** What is known of a machine of the plan, and what taking it out would come to. */
export const machineOutlook = z.strictObject({
  /** As the master calls it; null when nobody knows. */
  computer: z.string().nullable(),
  /** What the master had placed on it was destroyed by its last step. */
  emptied: z.boolean(),
  /** `removed`: it goes at once. `leaving`: it is marked, and a step empties it first. `waits`: it is marked and not emptied yet. */
  removal: z.enum(['removed', 'leaving', 'waits']),
  /** The plan pins its host key. */
  hostKey: z.boolean(),
  /** The plan says what had been installed on it. */
  baseline: z.boolean(),
});
export type MachineOutlook = z.infer<typeof machineOutlook>;

/** A fault of the practice site; `met`: the program was seen to notice it. */
export const fault = z.strictObject({ id: z.string(), on: z.boolean(), met: z.boolean() });

/** How far an act on every byte of a medium is. */
const wholeMedium = {
  /** Which medium; null: the site's own, not found yet. */
  path: z.string().nullable(),
  doneBytes: z.number(),
  /** Null until its list is read. */
  totalBytes: z.number().nullable(),
  /** Bytes a second, smoothed; null until known. */
  speed: z.number().nullable(),
  leftMs: z.number().nullable(),
};

/** Live things that are not worth keeping: shown, never journaled. */
export const liveEvent = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('progress'),
    instance: z.string(),
    index: z.int(),
    done: z.number(),
    /** null: unknown, and said so. */
    total: z.number().nullable(),
    unit: z.enum(['bytes', 'files', 'packages', 'parts', 'seconds']),
    /** Units a second, smoothed; null until known. */
    speed: z.number().nullable(),
    leftMs: z.number().nullable(),
    what: z.string().nullable(),
  }),
  z.strictObject({ kind: z.literal('lines'), instance: z.string(), index: z.int(), lines: z.array(z.string()) }),
  /** What is awaited, said at least every five seconds. */
  z.strictObject({
    kind: z.literal('awaiting'),
    instance: z.string(),
    index: z.int(),
    awaited: told,
    sinceMs: z.number(),
    limitMs: z.number(),
    nextLookMs: z.number(),
    /** What the last look told beyond "not yet". */
    seen: sighting.nullable(),
  }),
  /** Facts are being read. */
  z.strictObject({ kind: z.literal('reading'), instance: z.string() }),
  /** A plan waits for a yes. */
  z.strictObject({ kind: z.literal('confirm'), run, instance: z.string(), plan: planSchema }),
  /** A person is asked something outside a plan (a password, a passphrase). */
  z.strictObject({ kind: z.literal('question'), run, instance: z.string(), question }),
  /** How far a rehearsal is; it belongs to no instance's record. */
  z.strictObject({
    kind: z.literal('rehearsal'),
    /** The instance under way. */
    step: z.string(),
    done: z.int(),
    total: z.int(),
    sizeBytes: z.number(),
  }),
  /** How far reading a medium back is; it belongs to no instance either. */
  z.strictObject({ kind: z.literal('verifying'), ...wholeMedium }),
  /** How far copying a medium is; `path`: where to. */
  z.strictObject({ kind: z.literal('cloning'), ...wholeMedium }),
  /** How far going back to an earlier state is. */
  z.strictObject({ kind: z.literal('restoring'), ...wholeMedium }),
  /** What the look through a file system, or its repair, is at; how long it takes nobody can say. */
  z.strictObject({ kind: z.literal('repairing'), path: z.string(), stage: z.enum(repairStages) }),
  /** Which machine is being surveyed. */
  z.strictObject({ kind: z.literal('surveying'), machine: z.string(), done: z.int(), total: z.int() }),
  /** `problem` only when the program itself failed; a step's problem is in the journal. */
  z.strictObject({ kind: z.literal('run-over'), run, problem: problemData.nullable() }),
]);
export type LiveEvent = z.infer<typeof liveEvent>;

/** The stream: journal events and live ones, numbered together for one open site. */
export const streamEvent = z.strictObject({
  site: z.string(),
  number: z.int().positive(),
  event: z.union([z.strictObject({ journal: journalEvent }), z.strictObject({ live: liveEvent })]),
});
export type StreamEvent = z.infer<typeof streamEvent>;

const view = z.custom<SiteView>((value) => typeof value === 'object' && value !== null && 'instances' in value);
const snapshot = z.strictObject({
  view,
  steps: z.array(stepInfo),
  /** Stream number this view corresponds to; ask for events after it. */
  number: z.int().nonnegative(),
  /** Live state that a reload must not lose. */
  live: z.array(liveEvent),
  /** Runs under way. */
  runs: z.array(z.strictObject({ run, instances: z.array(z.string()) })),
  drafts: z.record(z.string(), jsonObject),
  practice: z.boolean(),
  /** The plan's machines, for the picture. */
  machines: z.array(z.strictObject({ name: z.string(), roles: z.array(z.string()), address: z.string() })),
});
export type Snapshot = z.infer<typeof snapshot>;

const machineOfSite = z.strictObject({ site: z.string(), machine: z.string() });

/** Consent given with a run: none (ask for each plan), or the whole phase up to risk `changes`. */
export const consent = z.enum(['each', 'phase']);

export const api = {
  'app.info': {
    input: nothing,
    output: z.strictObject({
      version: z.string(),
      electron: z.string().nullable(),
      node: z.string(),
      platform: z.string(),
      root: z.boolean(),
      dataFolder: z.string(),
    }),
  },
  /** The steps of the runbook in order, and the licences of the program and of what is melted into it. */
  'help.read': {
    input: nothing,
    output: z.strictObject({
      steps: z.array(z.strictObject({ id: z.string(), chapter: z.enum(chapters) })),
      licences: z.array(z.strictObject({ id: z.enum(['own', 'program', 'window']), text: z.string() })),
    }),
  },
  'settings.get': { input: nothing, output: settings },
  'settings.set': { input: settings, output: nothing },
  'sites.list': { input: nothing, output: z.array(siteSummary) },
  /** A new site from what the interview asked, or the practice site when null. */
  'sites.create': {
    input: z.strictObject({ interview: interview.nullable() }),
    output: siteSummary,
  },
  /** What a folder carries; with null, what the plugged-in media do. */
  'sites.onMedium': {
    input: z.strictObject({ path: z.string().nullable() }),
    output: z.array(z.strictObject({ path: z.string(), label: z.string(), sites: z.array(siteOnMedium) })),
  },
  'sites.takeOver': {
    input: z.strictObject({
      path: z.string(),
      site: z.string(),
      fingerprint: z.string(),
      keep: z.enum(['medium', 'laptop']).nullable(),
    }),
    output: z.strictObject({ site: z.string(), setAside: z.string().nullable() }),
  },
  'sites.open': { input: site, output: snapshot },
  'sites.close': { input: site, output: nothing },
  'site.plan': { input: site, output: planReading },
  /** The text with these values set (null: taken out) and how it reads then. Saves nothing; without edits it only reads. */
  'site.editPlan': {
    input: z.strictObject({
      text: z.string(),
      edits: z.array(z.strictObject({ path: z.array(z.union([z.string(), z.int()])).min(1), value: json })),
    }),
    output: planReading,
  },
  'site.savePlan': {
    /** `base`: the text that was edited; when the file holds another by now, nothing is saved (`site-plan-changed`). */
    input: z.strictObject({ site: z.string(), text: z.string(), base: z.string() }),
    output: z.strictObject({ saved: z.boolean(), problems: z.array(planProblem) }),
  },
  /** What is printed before leaving; read anew each time, without any secret. */
  'site.sheet': { input: site, output: sheet },
  /**
   * The plan with more machines: those of a list, or one by name and address. Saves nothing: `site.savePlan` does, over `base`.
   * `chosen`: by their places in the list, as two of it may have one name; null: all of a list, but none of a person's ssh_config, which holds much besides the site.
   */
  'machines.read': {
    input: z.strictObject({
      site: z.string(),
      list: z
        .strictObject({
          text: z.string().max(machineListLimits.textLength),
          name: typed,
          kind: z.enum(listKinds).nullable(),
        })
        .nullable(),
      one: z.strictObject({ name: typed, address: typed }).nullable(),
      chosen: z.array(z.int().nonnegative()).max(machineListLimits.machines).nullable(),
      shared: jsonObject,
    }),
    output: z.strictObject({
      kind: z.enum(listKinds).nullable(),
      found: z.array(listedMachine),
      /** How many machines the plan has already: the added ones follow. */
      before: z.int(),
      chosen: z.array(z.int()),
      /** Names, in the order in which they would stand in the plan. */
      added: z.array(z.string()),
      base: z.string(),
      plan: planReading,
    }),
  },
  /**
   * What the acts below would come to; `problems`: what else in the plan stands on the machine, so that it cannot go;
   * `leavingProblems`: why it cannot even be marked as leaving.
   */
  'machines.look': {
    input: machineOfSite,
    output: z.strictObject({
      ...machineOutlook.shape,
      problems: z.array(planProblem),
      leavingProblems: z.array(planProblem),
    }),
  },
  /**
   * Takes a machine out of the plan when its name was typed; a node that the master may know is marked as leaving first. `lost`: nothing
   * can be done there any more.
   */
  'machines.remove': {
    input: z.strictObject({ ...machineOfSite.shape, typed: z.string(), lost: z.boolean() }),
    output: z.strictObject({
      state: z.enum(['removed', 'leaving']),
      computer: z.string().nullable(),
      emptied: z.boolean(),
    }),
  },
  /** The machine was installed anew under its name: what is known of it is forgotten, so that it is met as a stranger. */
  'machines.renew': {
    input: machineOfSite,
    output: z.strictObject({ computer: z.string().nullable(), baseline: z.boolean() }),
  },
  /** Brings back what these machines (all that are on site when none is named) have already, as files in a picked folder. Only reads. */
  'machines.survey': {
    input: z.strictObject({ site: z.string(), machines: z.array(z.string()), folder: z.string() }),
    output: z.strictObject({ run }),
  },
  /**
   * What the last survey brought of how many machines, until another begins or the site is closed; null while it is nothing. `earlier`:
   * where what was in its place lies now.
   */
  'machines.surveyed': {
    input: site,
    output: z
      .strictObject({
        wanted: z.int(),
        surveys: z.array(
          z.strictObject({ machine: z.string(), path: z.string(), count: z.int(), earlier: z.string().nullable() }),
        ),
      })
      .nullable(),
  },
  /**
   * Asks every source of the plan whether it answers; fetches nothing large. `proxy`: the way there, null for none.
   * `asks`: the proxy's password, which is missing (nothing was asked then) or was refused; it comes with the next call.
   */
  'sources.test': {
    input: z.strictObject({ site: z.string(), password: z.string().nullable() }),
    output: z.strictObject({
      proxy: z.string().nullable(),
      asks: question.nullable(),
      answers: z.array(sourceAnswer),
    }),
  },
  /** Ends a test of sources that is under way: it is answered as `cancelled`. */
  'sources.stop': { input: site, output: nothing },
  /** Whether the site has keys, of which fingerprint, and whether this laptop has a vault. */
  'keys.state': {
    input: site,
    output: z.strictObject({ fingerprint: z.string().nullable(), vault: z.boolean() }),
  },
  /** Writes the private keys, encrypted, into a picked folder. */
  'keys.export': {
    input: z.strictObject({ site: z.string(), folder: z.string(), ...passphrases }),
    output: z.strictObject({ path: z.string(), fingerprint: z.string() }),
  },
  /** Reads a picked file of keys into this laptop's vault. */
  'keys.import': {
    input: z.strictObject({ site: z.string(), path: z.string(), ...passphrases }),
    output: z.strictObject({ fingerprint: z.string(), changed: z.boolean() }),
  },
  /** Reads facts of these instances (all when empty); verdicts arrive as events. */
  'steps.check': {
    input: z.strictObject({ site: z.string(), instances: z.array(z.string()) }),
    output: z.strictObject({ run }),
  },
  /** Facts, verdict and plan of one instance, shown without performing anything. */
  'steps.plan': {
    input: z.strictObject({ site: z.string(), instance: z.string(), input: jsonObject }),
    output: z.strictObject({ plan: planSchema.nullable(), shell: z.string() }),
  },
  /** Runs instances in order. With consent `each`, every plan waits for `questions.answer` with its hash. */
  'steps.run': {
    input: z.strictObject({
      site: z.string(),
      instances: z.array(z.string()).min(1),
      consent,
      /** Plans already shown and agreed to, by hash. */
      agreed: z.array(z.string()),
      skip: z.array(z.string()),
      inputs: z.record(z.string(), jsonObject),
    }),
    output: z.strictObject({ run }),
  },
  /** What undoing would do: its plan, what stays, and the steps that build on it and stay. Performs nothing. */
  'steps.undoPlan': {
    input: z.strictObject({ site: z.string(), instance: z.string() }),
    output: z.strictObject({
      plan: planSchema.nullable(),
      shell: z.string(),
      stays: z.array(told),
      standing: z.array(z.string()),
    }),
  },
  /** Takes back what an instance did; a plan that was not agreed to waits for `questions.answer` with its hash. */
  'steps.undo': {
    input: z.strictObject({ site: z.string(), instance: z.string(), agreed: z.array(z.string()) }),
    output: z.strictObject({ run }),
  },
  'run.cancel': {
    input: z.strictObject({ site: z.string(), run }),
    output: z.strictObject({ stopsAfter: told.nullable() }),
  },
  /** `id` is a question's id, or a plan's hash with value `yes` or `no`. */
  'questions.answer': {
    input: z.strictObject({ site: z.string(), run, id: z.string(), value: z.string() }),
    output: nothing,
  },
  /** A secret that a person needs at a step, shown on demand; the record says that it was. */
  'secrets.show': {
    input: z.strictObject({ site: z.string(), instance: z.string() }),
    output: z.strictObject({ value: z.string() }),
  },
  'drafts.save': {
    input: z.strictObject({ site: z.string(), instance: z.string(), input: jsonObject }),
    output: nothing,
  },
  /** The media of this laptop's sites, those plugged in first. */
  'media.recent': { input: nothing, output: z.array(recentMedium) },
  /** Whether the site's medium is plugged in, and how the laptop is powered; a battery is null where there is none. */
  'laptop.now': {
    input: site,
    output: z.strictObject({
      medium: z.enum(['none', 'here', 'away']),
      battery: z.strictObject({ percent: z.number(), draining: z.boolean() }).nullable(),
    }),
  },
  /** Waits, at most ten seconds, until drives are other than at this mark (empty: does not wait). */
  'media.next': {
    input: z.strictObject({ site: z.string(), mark: z.string() }),
    output: z.strictObject({ mark: z.string() }),
  },
  'media.list': { input: site, output: z.array(mediumChoice) },
  /** What lies on a medium that was offered or picked; null: on the site's own. */
  'media.contents': {
    input: z.strictObject({ site: z.string(), path: z.string().nullable() }),
    output: mediumContents,
  },
  /** Walks the site's steps on simulated machines, from the site's medium alone; nothing of it is recorded but what it came to. */
  'media.rehearse': { input: site, output: z.strictObject({ run }) },
  /** The last rehearsal; `current`: it was of the medium as it is sealed now, null while that is not there. */
  'media.rehearsal': {
    input: site,
    output: z.strictObject({ rehearsal, current: z.boolean().nullable() }).nullable(),
  },
  /** Reads a medium back, every byte: one that was offered or picked; null: the site's own. */
  'media.verify': {
    input: z.strictObject({ site: z.string(), path: z.string().nullable() }),
    output: z.strictObject({ run }),
  },
  /** What the last reading back came to, until another begins or the site is closed. It holds for the medium of its mark alone. */
  'media.verified': {
    input: site,
    output: z.strictObject({ mark: z.string(), at: z.string(), report: mediumReport }).nullable(),
  },
  /** The medium against another one, which was offered or picked. */
  'media.compare': {
    input: z.strictObject({ site: z.string(), path: z.string().nullable(), other: z.string() }),
    output: mediaComparison,
  },
  /** Copies its sealed state onto another drive or into a folder; nothing else there is touched. */
  'media.clone': {
    input: z.strictObject({ site: z.string(), path: z.string().nullable(), to: z.string() }),
    output: z.strictObject({ run }),
  },
  /** What the last copy came to, until another begins or the site is closed. */
  'media.cloned': {
    input: site,
    output: z
      .strictObject({
        to: z.string(),
        files: z.int(),
        sizeBytes: z.number(),
        generation: z.int(),
        fingerprint: z.string(),
      })
      .nullable(),
  },
  /** The earlier states that can be restored, newest first. */
  'media.generations': {
    input: z.strictObject({ site: z.string(), path: z.string().nullable() }),
    output: z.array(mediumGeneration),
  },
  /** Makes an earlier state the sealed one; the present one is kept beside it. */
  'media.restore': {
    input: z.strictObject({ site: z.string(), path: z.string().nullable(), generation: z.int().positive() }),
    output: z.strictObject({ run }),
  },
  /** What the last way back came to, until another begins or the site is closed. */
  'media.restored': {
    input: site,
    output: z.strictObject({ path: z.string(), generation: z.int(), sealedAt: z.string(), files: z.int() }).nullable(),
  },
  /** What only earlier states need. With the mark of what was shown it is removed; where there is something else by now, nothing is. */
  'media.tidy': {
    input: z.strictObject({ site: z.string(), path: z.string().nullable(), mark: z.string().nullable() }),
    output: z.strictObject({
      paths: z.array(z.string()),
      sizeBytes: z.number(),
      generations: z.array(z.int()),
      mark: z.string(),
      removed: z.boolean(),
    }),
  },
  /** Looks through the file system of a medium that was offered or picked, which unmounts it for that while; with `repair` it is mended. */
  'media.repair': {
    input: z.strictObject({ site: z.string(), place: z.string(), repair: z.boolean() }),
    output: z.strictObject({ run }),
  },
  /** What the last look or repair came to, until another begins or the site is closed. */
  'media.repaired': {
    input: site,
    output: z
      .strictObject({
        place: z.string(),
        device: z.string(),
        /** `unknown`: nothing on this laptop can check such a file system. */
        health: z.enum(['whole', 'damaged', 'unknown']),
        repaired: z.boolean(),
        mountPoint: z.string().nullable(),
      })
      .nullable(),
  },
  /** The downloads that every site and medium of this laptop shares. */
  'cache.read': {
    input: nothing,
    output: z.strictObject({
      folder: z.string(),
      limitBytes: z.number(),
      count: z.int(),
      sizeBytes: z.number(),
      kinds: z.array(
        z.strictObject({ kind: z.enum(cacheKinds), count: z.int(), sizeBytes: z.number(), usedAt: z.string() }),
      ),
    }),
  },
  /** What would go: what was not used for so many days, then the longest unused until so much is left. Goes when `remove` is true. */
  'cache.trim': {
    input: z.strictObject({
      unusedDays: z.int().nonnegative().nullable(),
      keepBytes: z.number().nonnegative().nullable(),
      remove: z.boolean(),
    }),
    output: removed,
  },
  /** At most so much is kept from now on; what is above it goes at once. */
  'cache.limit': { input: z.strictObject({ limitBytes: z.number().positive() }), output: removed },
  /** Reading everything back and comparing it with its name: begun, looked at, stopped. */
  'cache.check': { input: z.strictObject({ act: z.enum(['start', 'look', 'stop']) }), output: cacheCheck },
  /** Every drive, whole, with the reason for those that are never formatted. */
  'format.drives': { input: site, output: z.array(formatChoice) },
  /** What would be lost. Changes nothing. */
  'format.look': { input: z.strictObject({ site: z.string(), device: z.string() }), output: driveLoss },
  /** Erases the drive of that mark, when its name was typed. */
  'format.perform': {
    input: z.strictObject({
      site: z.string(),
      device: z.string(),
      mark: z.string(),
      typed: z.string(),
      fileSystem: z.enum(formatKinds),
      label: z.string(),
    }),
    output: z.strictObject({ device: z.string() }),
  },
  /** Opens the system's picker; null when closed without a choice. */
  'pick.path': {
    input: z.strictObject({ kind: z.enum(['folder', 'file']), title: z.string() }),
    output: z.strictObject({ token: z.string(), display: z.string() }).nullable(),
  },
  /** Large output kept beside the journal. */
  'blobs.read': {
    input: z.strictObject({ site: z.string(), hash: z.string() }),
    output: z.strictObject({ text: z.string(), cut: z.boolean() }),
  },
  'practice.faults': { input: z.strictObject({ site: z.string(), set: fault.nullable() }), output: z.array(fault) },
  /** The records of a site, the oldest first; one that cannot be believed says why. */
  'records.list': { input: site, output: z.array(listedRecord) },
  /** One record, checked. */
  'records.read': {
    input: z.strictObject({ site: z.string(), number: z.int().positive() }),
    output: z.strictObject({ record: dossier, fingerprint: z.string(), folder: z.string() }),
  },
  /** Copies a record's folder into a picked one. */
  'records.save': {
    input: z.strictObject({ site: z.string(), number: z.int().positive(), folder: z.string() }),
    output: z.strictObject({ path: z.string() }),
  },
  /** What was done on the machines, as files in a new folder of a picked one. */
  'records.export': {
    input: z.strictObject({ site: z.string(), kind: z.enum(exportKinds), folder: z.string() }),
    output: z.strictObject({ path: z.string(), steps: z.int() }),
  },
  /** What to hand to somebody who helps, as one text; nothing leaves the laptop by it. */
  'support.read': {
    input: z.strictObject({ site: z.string(), hideAddresses: z.boolean() }),
    output: z.strictObject({ text: z.string() }),
  },
  /** Writes that text into a picked folder. */
  'support.save': {
    input: z.strictObject({ site: z.string(), hideAddresses: z.boolean(), folder: z.string() }),
    output: z.strictObject({ path: z.string() }),
  },
  'events.since': {
    input: z.strictObject({ site: z.string(), number: z.int() }),
    output: z.union([z.array(streamEvent), z.literal('gap')]),
  },
} as const satisfies Record<ProcedureName, { input: z.ZodType; output: z.ZodType }>;

export type Api = typeof api;
export type InputOf<N extends ProcedureName> = z.infer<Api[N]['input']>;
export type OutputOf<N extends ProcedureName> = z.infer<Api[N]['output']>;

/** How an answer crosses: errors are data, since a thrown error loses its code on the way. */
export type Envelope<T> = { readonly value: T } | { readonly problem: ProblemData };

/** One handler a procedure; a missing one is a compile error. */
export type Handlers = { readonly [N in ProcedureName]: (input: InputOf<N>) => Promise<OutputOf<N>> };

/** What the preload puts on `window.fieldkit`. */
export interface Bridge {
  invoke<N extends ProcedureName>(name: N, input: InputOf<N>): Promise<Envelope<OutputOf<N>>>;
  /** Returns the unsubscriber. */
  onEvent(listener: (event: StreamEvent) => void): () => void;
}
