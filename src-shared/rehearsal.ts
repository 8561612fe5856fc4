// What a rehearsal came to: every step of the site, run against simulated machines from a medium alone. Made by compose, kept in
// the site's folder, shown by window and command line. It says nothing of the real machines, which nobody has seen yet.
import { z } from 'zod';
import { problemData } from './journal.ts';

/** A file that a step would ask for and not get: not there, or not as it was sealed. */
const lackingFile = z.strictObject({
  path: z.string(),
  code: z.enum(['medium-file-missing', 'medium-file-damaged']),
});
export type LackingFile = z.infer<typeof lackingFile>;

const rehearsedStep = z.strictObject({
  instance: z.string(),
  /**
   * `done`: it ran to its end. `asked`: it did not run, and what it would ask the medium for was asked for by itself. `failed`: it
   * would fail on site.
   */
  outcome: z.enum(['done', 'asked', 'failed']),
  /** Why it did not run; null for one that did. `comes-after`: one before it did not run, or failed. */
  notRun: z.enum(['not-simulated', 'comes-after', 'signs-or-writes']).nullable(),
  problem: problemData.nullable(),
  /** What it took from the medium. */
  files: z.int().nonnegative(),
  sizeBytes: z.int().nonnegative(),
  /** Packages by name, in the order in which they were taken. */
  packages: z.array(z.string()),
  /** Releases by the plan's names for them. */
  releases: z.array(z.string()),
  lacking: z.array(lackingFile),
});
export type RehearsedStep = z.infer<typeof rehearsedStep>;

export const rehearsal = z.strictObject({
  format: z.literal(1),
  /** ISO 8601. */
  at: z.string(),
  tookMs: z.number(),
  /** Of the medium's signed list: another one is another medium. */
  manifestSha256: z.string(),
  generation: z.int().positive(),
  fingerprint: z.string(),
  steps: z.array(rehearsedStep),
  /** Listed, asked for by no step, and not there: what serves the medium by hand would miss it. */
  unasked: z.array(lackingFile),
});
export type Rehearsal = z.infer<typeof rehearsal>;

/** Nothing was missing, and no step would fail for what is on the medium. */
export const passed = ({ steps, unasked }: Rehearsal): boolean =>
  unasked.length === 0 && steps.every(({ outcome, lacking }) => outcome !== 'failed' && lacking.length === 0);

/** The sentences that sum one up. */
export const rehearsalSummaries = ['passed', 'incomplete', 'failed'] as const;

/** The one that sums this up. */
export const summaryOf = (came: Rehearsal): (typeof rehearsalSummaries)[number] =>
  passed(came) ? 'passed' : came.steps.some(({ outcome }) => outcome === 'failed') ? 'failed' : 'incomplete';

/** How far a rehearsal is. */
export interface RehearsalProgress {
  readonly done: number;
  readonly total: number;
  /** The instance under way. */
  readonly step: string;
  readonly sizeBytes: number;
}
