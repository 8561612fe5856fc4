// What the medium holds that a machine has not: packages of a later version, releases that are not there or not in use. Used by the
// comparison and by the steps that bring it. Pure.
import { z } from 'zod';
import type { LockedSystem } from '../../../src-shared/lock.ts';
import { compareVersions } from '../../packages/version.ts';
import type { Answer, Probe } from '../../runbook/define.ts';

export const behindPackage = z.strictObject({ name: z.string(), installed: z.string(), offered: z.string() });
export type BehindPackage = z.infer<typeof behindPackage>;

export const packagesProbe: Probe = {
  id: 'packages',
  kind: 'run',
  argv: ['dpkg-query', '-W', '-f', '${db:Status-Abbrev} ${binary:Package} ${Version}\\n'],
  limitMs: 60_000,
};

/**
 * Installed packages of which the medium holds a later version, by name: of those that SlapOS is made of or was given. What else
 * the machine's system came with is its owner's. Null when dpkg said nothing.
 */
export function packagesBehind(answer: Answer | undefined, system: LockedSystem | undefined): BehindPackage[] | null {
  if (answer?.exit !== 0) return null;
  const installed = new Map<string, string>();
  for (const [, name = '', version = ''] of answer.out.matchAll(/^ii +([a-z0-9][a-z0-9.+-]*)(?::\S+)? (\S+)$/gm))
    installed.set(name, version);
  const ours = new Set([...(system?.roots ?? []), ...(system?.vendor ?? []).map(({ name }) => name)]);
  return (system?.packages ?? [])
    .filter(({ name }) => ours.has(name))
    .flatMap(({ name, version }) => {
      const has = installed.get(name);
      return has === undefined || compareVersions(has, version) >= 0
        ? []
        : [{ name, installed: has, offered: version }];
    })
    .sort((one, other) => (one.name < other.name ? -1 : 1));
}
