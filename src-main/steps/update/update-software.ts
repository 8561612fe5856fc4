// Moves the living master to the release of the plan: the new one is installed beside the old, then the instance is asked for again
// with all its parameters, for slapproxy forgets what a request leaves out. The old release goes only when somebody asks for that.
import { z } from 'zod';
import { releaseNamed } from '../../../src-shared/site.ts';
import type { Command } from '../../runbook/define.ts';
import {
  blocked,
  defineStep,
  done,
  finding,
  machineOfSubject,
  machines,
  run,
  says,
  todo,
  waiting,
} from '../../runbook/define.ts';
import { urlKey } from '../../software/entry.ts';
import { parseConfig } from '../../target/slapos-config.ts';
import { bringRelease } from '../master/install-master-software.ts';
import { askedFacts, askForMaster, readAsked } from '../master/request-master.ts';
import { releaseFolder, releaseProbes, releaseStands, slapos, slaposPaths } from '../slapos.ts';
import { nowField } from './behind.ts';

export const updateSoftware = defineStep({
  id: 'update-software',
  chapter: 'close',
  phase: 'site',
  per: machines('master'),
  after: [{ step: 'check-cache', on: 'same' }],
  risk: 'changes',
  holds: ['content'],
  input: z.strictObject({ now: nowField, removeOld: nowField }),
  facts: z.strictObject({
    computer: z.string().nullable(),
    release: z.strictObject({ wanted: z.boolean(), completed: z.boolean(), poisoned: z.boolean() }),
    asked: askedFacts,
    /** Other releases of the master that are installed. */
    others: z.array(z.string()),
  }),
  read: async (world, context) => {
    const { name: machine } = machineOfSubject(context);
    const url = releaseNamed(context.site, 'slapos-master')?.url ?? '';
    const answers = await world.probe(machine, [
      { id: 'config', kind: 'read', path: slaposPaths.config },
      ...releaseProbes([url]),
    ]);
    const config = answers.config?.exit === 0 ? answers.config.out : null;
    const others = [...new Set((answers.wishes?.out ?? '').match(masterReleases) ?? [])].filter((one) => one !== url);
    const standing = await world.probe(
      machine,
      others.slice(0, 20).map((one) => ({ id: one, kind: 'stat' as const, path: releaseFolder(urlKey(one)) })),
    );
    return {
      computer:
        config === null
          ? null
          : parseConfig(config, { machine, path: slaposPaths.config }).get('slapos', 'computer_id'),
      release: releaseStands(answers, url),
      asked: await readAsked(world, context),
      others: others.filter((one) => standing[one]?.exit === 0).sort(),
    };
  },
  found: ({ asked, others }, context) => [
    ...(asked.instance === null
      ? [says('update-software', 'found.absent')]
      : [
          says('update-software', asked.instance.moved ? 'found.release' : 'found.moving', {
            url: asked.instance.release,
          }),
        ]),
    ...(asked.instance === null || asked.instance.release === releaseNamed(context.site, 'slapos-master')?.url
      ? []
      : [says('update-software', 'found.offered', { url: releaseNamed(context.site, 'slapos-master')?.url ?? '' })]),
    ...others.map((url) => says('update-software', 'found.other', { url })),
  ],
  verdict: ({ computer, asked, others }, context) => {
    const { name: machine } = machineOfSubject(context);
    const release = releaseNamed(context.site, 'slapos-master');
    if (release === undefined)
      return blocked(finding('step-before-missing', { step: 'update-software', before: 'describe-site' }));
    if (computer === null) return blocked(finding('slapos-not-configured', { machine }));
    // Nothing lives yet: request-master asks for the first one.
    if (asked.instance === null) return done();
    if (asked.instance.release !== release.url)
      return context.input.now
        ? todo()
        : done(
            finding('machine-behind-medium', { machine, count: 1, first: 'slapos-master', step: 'update-software' }),
          );
    if (!asked.instance.moved) return waiting(says('update-software', 'waits.moved', { url: release.url }));
    return context.input.removeOld && removable(others, asked.used).length > 0 ? todo() : done();
  },
  plan: ({ computer, release: state, asked, others }, context): readonly Command[] => {
    const { name: machine } = machineOfSubject(context);
    const release = releaseNamed(context.site, 'slapos-master');
    if (release === undefined || asked.instance === null) return [];
    if (asked.instance.release !== release.url && !context.input.now) return [];
    if (asked.instance.release !== release.url || !asked.instance.moved)
      return [
        ...(state.completed ? [] : bringRelease(machine, computer ?? '', { ...state, ...release })),
        ...askForMaster(asked, context),
      ];
    return context.input.removeOld
      ? removable(others, asked.used).flatMap((url) => removeRelease(machine, computer ?? '', url))
      : [];
  },
});

/** Releases of the master in slapproxy's listing. */
const masterReleases = /https?:\/\/\S+\/slapos-master\/software\.cfg/g;

const removable = (others: readonly string[], used: readonly string[]): readonly string[] =>
  others.filter((url) => !used.includes(url));

const removeRelease = (machine: string, computer: string, url: string): readonly Command[] => [
  run(machine, slapos('remove', url, computer, '--cfg', slaposPaths.config), {
    limitMs: 120_000,
    note: says('update-software', 'does.remove', { url }),
  }),
  {
    kind: 'until',
    on: { machine },
    probe: { id: 'folder', kind: 'stat', path: releaseFolder(urlKey(url)) },
    wanted: { exit: 1 },
    makesRoom: true,
    everyMs: 5000,
    limitMs: 3_600_000,
    awaited: says('update-software', 'waits.removed', { url }),
    evidence: [{ id: 'log', kind: 'run', argv: ['tail', '-n', '40', slaposPaths.softwareLog] }],
  },
];
