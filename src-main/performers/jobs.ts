// What a job and a sight are: named work of the rooms on the laptop, and their read-only counterparts.
// Registered in compose; steps know only the names.
import type { z } from 'zod';
import type { Json } from '../../src-shared/json.ts';
import { problem } from '../../src-shared/problem.ts';
import type { Fetch } from '../platform/fetch.ts';
import type { Vault } from '../platform/vault.ts';
import type { World } from '../runbook/define.ts';
import type { OpenSite } from '../runbook/open-site.ts';
import type { JobProgress } from '../runbook/performer.ts';

export interface JobContext {
  readonly site: OpenSite;
  /** The network, or a refusal when the step belongs to the offline phase. */
  readonly fetch: Fetch;
  /** Downloads kept across sites. */
  readonly cacheFolder: string;
  /** The laptop's private keys; asks for the passphrase when it is not known yet. */
  readonly vault: () => Promise<Vault>;
  /** Machines and rooms, read-only. */
  readonly world: World;
  readonly onProgress: (progress: JobProgress) => void;
  readonly onLine: (line: string) => void;
  readonly signal: AbortSignal;
}

export type Job = (args: Readonly<Record<string, Json>>, context: JobContext) => Promise<void>;
export type Sight = (
  args: Readonly<Record<string, Json>>,
  context: Pick<JobContext, 'site' | 'cacheFolder' | 'signal'>,
) => Promise<Json>;

/** A job with its arguments checked: a plan of another version of the program must not slip through. */
export const job =
  <Args>(schema: z.ZodType<Args>, act: (args: Args, context: JobContext) => Promise<void>): Job =>
  async (args, context) => {
    const parsed = schema.safeParse(args);
    if (!parsed.success) throw problem('internal', { detail: `arguments of a job: ${parsed.error.message}` });
    await act(parsed.data, context);
  };

export const sight =
  <Args>(
    schema: z.ZodType<Args>,
    look: (args: Args, context: Pick<JobContext, 'site' | 'cacheFolder' | 'signal'>) => Promise<Json>,
  ): Sight =>
  async (args, context) =>
    look(schema.parse(args), context);
