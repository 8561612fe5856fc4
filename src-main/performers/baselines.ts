// What is known of the machines of a system before anybody goes there: surveys brought back, or that they are fresh.
// Called by the job that solves their packages, and by the sight that tells when one has changed since. It only reads.
import { readFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { problem } from '../../src-shared/problem.ts';
import { systemFacts, systemOf } from '../../src-shared/site.ts';
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

/** One for each machine of the system, a builder too: it installs from the medium's packages alone. Throws `survey-unusable`. */
export async function baselinesOf(
  { plan, folder }: Pick<OpenSite, 'plan' | 'folder'>,
  system: string,
): Promise<readonly MachineBaseline[]> {
  const { architecture } = systemFacts(system);
  const machines = plan.machines.filter((item) => systemOf(item) === system);
  return Promise.all(
    machines.map(async ({ name: machine, baseline }): Promise<MachineBaseline> => {
      if (baseline === undefined || baseline === 'release') return { machine, baseline: baseline ?? 'empty', count: 0 };
      const path = resolve(folder, baseline);
      const unusable = (detail: string, cause: unknown) =>
        problem('survey-unusable', { machine, path, detail }, { cause });
      const status = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
        throw unusable(cause.code ?? '', cause);
      });
      const count = countOf(status, architecture);
      if (count === null) throw unusable(`${basename(path)}:${faultyLine(status, architecture)}`, null);
      if (count === 0) throw unusable('-', null);
      return { machine, baseline: { status }, count };
    }),
  );
}

/** Packages that a status names; null when it cannot be read as one. */
function countOf(status: string, architecture: string): number | null {
  try {
    return readStatus(status, architecture).length;
  } catch {
    return null;
  }
}

/** The line where what cannot be read begins. Nothing of the text is told: a plan may name any file of the laptop. */
function faultyLine(status: string, architecture: string): number {
  let line = 1;
  // Stanzas, and the blank lines between them.
  for (const part of status.split(/(\n(?:[ \t]*\n)+)/)) {
    if (countOf(part, architecture) === null) break;
    line += part.split('\n').length - 1;
  }
  return line;
}

/** Another one whenever what is known of the machines is another; empty while nothing is. */
export const markOf = (baselines: readonly MachineBaseline[]): string =>
  baselines.every(({ baseline }) => baseline === 'empty') ? '' : sha256Of(JSON.stringify(baselines));
