// Proves, as the target sees it, that each release will come from our cache: an entry that fits and verifies,
// an archive that answers, no folder left over from a failed try: such a one is set aside, and nothing else is changed.
import { z } from 'zod';
import { mediumPaths } from '../../../src-shared/manifest.ts';
import { contentPlaceOf, releasesFor, systemOf } from '../../../src-shared/site.ts';
import type { Finding, Probe } from '../../runbook/define.ts';
import { blocked, defineStep, done, finding, machineOfSubject, machines, says, todo } from '../../runbook/define.ts';
import { urlKey } from '../../software/entry.ts';
import { parseCacheLookup } from '../../target/slapos-output.ts';
import { httpStatus, httpStatusArgv } from '../../target/system.ts';
import { releaseFolder, releaseNeeds, releaseProbes, releaseStands, setAside, slapos, slaposPaths } from '../slapos.ts';

const releaseFacts = z.strictObject({
  name: z.string(),
  url: z.string(),
  installed: z.boolean(),
  poisoned: z.boolean(),
  usable: z.boolean(),
  archiveStatus: z.int(),
  detail: z.string(),
});

export const checkCache = defineStep({
  id: 'check-cache',
  chapter: 'master',
  phase: 'site',
  per: machines('master'),
  after: [{ step: 'use-cache', on: 'same' }],
  risk: 'changes',
  holds: ['content'],
  needs: (site) => releaseNeeds(site),
  input: z.strictObject({}),
  facts: z.strictObject({ releases: z.array(releaseFacts) }),
  read: async (world, context) => {
    const machine = machineOfSubject(context);
    const releases = releasesFor(context.site, machine);
    const { host, port } = contentPlaceOf(context.site, machine);
    const answers = await world.probe(machine.name, [
      ...releaseProbes(releases.map(({ url }) => url)),
      ...releases.flatMap(({ name, url }): Probe[] => {
        const blob =
          context.lock.releases[name]?.entries.find((item) => item.system === systemOf(machine))?.sha512 ?? '';
        return [
          {
            id: `${name} lookup`,
            kind: 'run',
            argv: slapos('cachelookup', 'binary-sr', url, '--cfg', slaposPaths.config),
            as: 'root',
            limitMs: 120_000,
          },
          {
            id: `${name} archive`,
            kind: 'run',
            argv: httpStatusArgv(port, 'HEAD', `/${mediumPaths.blob(blob)}`, host),
            limitMs: 30_000,
          },
        ];
      }),
    ]);
    return {
      releases: releases.map(({ name, url }) => {
        const lookup = answers[`${name} lookup`];
        const { completed, poisoned } = releaseStands(answers, url);
        const seen = parseCacheLookup(`${lookup?.out ?? ''}\n${lookup?.err ?? ''}`, lookup?.exit ?? 1);
        return {
          name,
          url,
          installed: completed,
          poisoned,
          usable: seen.usable,
          archiveStatus: httpStatus(answers[`${name} archive`]?.out ?? ''),
          detail: seen.detail,
        };
      }),
    };
  },
  found: ({ releases }) =>
    releases.flatMap(({ name, installed, usable, archiveStatus }) => [
      says('check-cache', usable ? 'found.usable' : 'found.unusable', { name }),
      says('check-cache', 'found.archive', { name, status: archiveStatus }),
      ...(installed ? [says('check-cache', 'found.installed', { name })] : []),
    ]),
  verdict: ({ releases }, context) => {
    const { name: machine } = machineOfSubject(context);
    const findings: Finding[] = releases.flatMap(({ name, url, poisoned, usable, archiveStatus, detail }) => [
      ...(poisoned ? [finding('software-folder-poisoned', { machine, path: releaseFolder(urlKey(url)) })] : []),
      ...(usable
        ? []
        : [
            otherAddress(machine, url, context.lock.releases[name]?.url) ??
              finding('cache-entry-unusable', { machine, url, detail }),
          ]),
      ...(archiveStatus === 200 ? [] : [finding('content-unreachable', { machine, url })]),
    ]);
    const [first, ...rest] = findings;
    if (first === undefined) return done();
    return releases.every(({ usable, archiveStatus }) => usable && archiveStatus === 200)
      ? todo(...findings)
      : blocked(first, ...rest);
  },
  plan: ({ releases }, context) =>
    releases
      .filter(({ poisoned }) => poisoned)
      .map(({ name, url }) =>
        setAside(machineOfSubject(context).name, url, says('check-cache', 'does.setAside', { name })),
      ),
});

/** The address in the plan is not the one that was prepared, told with where the two part; null where it is. */
function otherAddress(machine: string, url: string, held: string | undefined): Finding | null {
  if (held === undefined || held === url) return null;
  const at = [...url].findIndex((letter, index) => letter !== held[index]);
  const from = at < 0 ? url.length : at;
  const [asked = '', carried = ''] = [url, held].map((text) => text.slice(from, from + 16));
  return finding('release-other-address', { machine, url, held, asked, carried });
}
