// What is known of the machines of a system before anybody goes there: surveys brought back, or that they are fresh.
// Called by the job that solves their packages, and by the sight that tells when one has changed since. It only reads.
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Problem, problem } from '../../src-shared/problem.ts';
import { machinesOnSite, systemFacts, systemOf } from '../../src-shared/site.ts';
import type { Baseline } from '../packages/fetch-packages.ts';
import { readStatus } from '../packages/installed.ts';
import { sha256Of } from '../platform/files.ts';
import type { OpenSite } from '../runbook/open-site.ts';

export interface MachineBaseline {
  readonly machine: string;
  readonly baseline: Baseline;
  /** Packages that a survey names. */
  readonly count: number;
}

/** One for each machine of the system. Throws `survey-unusable`. */
export async function baselinesOf({ plan, folder }: OpenSite, system: string): Promise<readonly MachineBaseline[]> {
  const { architecture } = systemFacts(system);
  const machines = machinesOnSite(plan).filter((item) => systemOf(item) === system);
  return Promise.all(
    machines.map(async ({ name: machine, baseline }): Promise<MachineBaseline> => {
      if (baseline === undefined || baseline === 'release') return { machine, baseline: baseline ?? 'empty', count: 0 };
      const path = resolve(folder, baseline);
      const unusable = (detail: string, cause: unknown) =>
        problem('survey-unusable', { machine, path, detail }, { cause });
      const status = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
        throw unusable(cause.code ?? '', cause);
      });
      try {
        const count = readStatus(status, architecture).length;
        if (count > 0) return { machine, baseline: { status }, count };
      } catch (cause) {
        throw unusable(cause instanceof Problem ? String(cause.data.params.detail) : '', cause);
      }
      throw unusable('-', null);
    }),
  );
}

/** Another one whenever what is known of the machines is another; empty while nothing is. */
export const markOf = (baselines: readonly MachineBaseline[]): string =>
  baselines.every(({ baseline }) => baseline === 'empty') ? '' : sha256Of(JSON.stringify(baselines));
