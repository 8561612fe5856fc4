// The site as a plain shell runbook: what was done on each machine, to read, to print, to paste. Pure.
import { shellOf } from '../explain.ts';
import type { PerformedStep } from './performed.ts';

/** One text for all machines, in the order of the work; each part says where it belongs. Secrets are names in brackets. */
export const shellRunbook = (site: string, steps: readonly PerformedStep[]): string =>
  [
    `# What SlapOS Field Kit did on the machines of ${site}, in order. A word in brackets is a secret or an earlier output.`,
    '# It is a runbook to read and to paste part by part: what a step found beforehand is not looked at again.',
    ...steps.map(({ instance, commands }) => `\n# ---- ${instance}\n\n${shellOf(commands)}`),
  ].join('\n');
