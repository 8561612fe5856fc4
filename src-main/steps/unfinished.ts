// Whether what a step asked of slapos was waited for to its end. Used by steps that request instances: right after a request all that
// can be seen is still what the one before left. Pure.
import type { AnyContext } from '../runbook/define.ts';

/** A wait of the step's last plan did not come to its end. */
export const isUnfinished = ({ earlier }: Pick<AnyContext, 'earlier'>): boolean =>
  earlier.commands.some(({ command, state }) => command.kind === 'until' && state !== 'performed');

/** It was waited for to the limit, and it did not come. A wait that a person cancelled, or a full disk ended, was not in vain. */
export const waitedInVain = ({ earlier }: Pick<AnyContext, 'earlier'>): boolean =>
  earlier.commands.some(({ command, problem }) => command.kind === 'until' && problem === 'wait-too-long');
