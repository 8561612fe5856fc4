// What the medium holds that a machine has not: packages of a later version, releases that are not there or not in use. Used by the
// comparison and by the steps that bring it. Pure.
import { z } from 'zod';
import type { LockedSystem } from '../../../src-shared/lock.ts';
import type { Release } from '../../../src-shared/site.ts';
import { compareVersions } from '../../packages/version.ts';
import type { Answer, Finding, Probe } from '../../runbook/define.ts';
import { finding } from '../../runbook/define.ts';

/** Which step brings a release to a machine that lives with another one. */
export const releaseSteps: Readonly<Record<Release['name'], string>> = {
  'slapos-master': 'update-software',
  re6stnet: 'install-re6st-registry',
  'rapid-cdn': 'install-frontend',
};

/** A person's wish to have what lives changed; it holds for one run. */
export const nowField = z.boolean().default(false).meta({ once: true });

export const behindPackage = z.strictObject({ name: z.string(), installed: z.string(), offered: z.string() });
export type BehindPackage = z.infer<typeof behindPackage>;

export const packagesProbe: Probe = {
  id: 'packages',
  kind: 'run',
  argv: ['dpkg-query', '-W', '-f', '${db:Status-Abbrev} ${binary:Package} ${Version}\\n'],
  limitMs: 60_000,
};

/** What tells that a machine runs an earlier version of a package than the medium holds; none for the same, or a later one. */
export function behindMedium(machine: string, name: string, status: string, offered: string): readonly Finding[] {
  const [, version] = /^install ok installed (\S+)$/.exec(status) ?? [];
  if (version === undefined || compareVersions(version, offered) >= 0) return [];
  return [
    finding('machine-behind-medium', { machine, count: 1, first: `${name} ${offered}`, step: 'update-packages' }),
  ];
}

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
