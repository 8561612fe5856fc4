// Brings the new master into a compiled slapos-master that is older than it, where the plan asks for that: between compiling and
// archiving, as the user the release belongs to. From release 1.0.359 on it is inside already, and nothing is done.
// The result is nobody's but ours: it never goes under upstream's signature.
import { z } from 'zod';
import { compiledOn, holdsNewMaster, type Release, type SitePlan, systemsFrom } from '../../../src-shared/site.ts';
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
} from '../../runbook/define.ts';
import { urlKey } from '../../software/entry.ts';
import { markScript, newMasterRepositories, newMasterScript, revisionsScript } from '../../target/builder-scripts.ts';
import { aptFacts, aptFactsOf, aptProbes, installUnlessThere, packageStatusArgv } from '../apt.ts';
import { releaseFolder } from '../slapos.ts';
import { newMasterMark } from './new-master-mark.ts';

/** Asked for, and not inside already. */
const isOpen = ({ newMaster, url }: Release): boolean => newMaster && holdsNewMaster(url) !== true;

/** Systems on whose builder a release gets the new master. */
const systemsWithOpen = (site: SitePlan): readonly string[] => [
  ...new Set(site.releases.filter(isOpen).flatMap((item) => systemsFrom(site, item, 'builder'))),
];

export const useNewMaster = defineStep({
  id: 'use-new-master',
  chapter: 'prepare',
  phase: 'prepare',
  per: machines('builder'),
  after: [{ step: 'compile-software', on: 'same' }],
  risk: 'changes',
  holds: ['content'],
  needs: (site) => systemsWithOpen(site).map((system) => ({ kind: 'package' as const, name: 'git', system })),
  input: z.strictObject({}),
  facts: z.strictObject({
    git: z.string(),
    /** Our configuration of apt as it is. */
    apt: aptFacts,
    releases: z.array(
      z.strictObject({
        name: z.string(),
        url: z.string(),
        asked: z.boolean(),
        /** Null: its address names no release tag. */
        inside: z.boolean().nullable(),
        completed: z.boolean(),
        /** HEAD of parts/erp5 and of parts/vifib, empty where there is none. */
        revisions: z.string(),
        /** The revisions that this step has left there; empty before it did. */
        left: z.string(),
      }),
    ),
  }),
  read: async (world, context) => {
    const machine = machineOfSubject(context);
    const masters = compiledOn(context.site, machine).filter(({ name }) => name === 'slapos-master');
    const open = masters.filter(isOpen);
    const answers =
      open.length === 0
        ? {}
        : await world.probe(machine.name, [
            ...aptProbes,
            { id: 'git', kind: 'run', argv: packageStatusArgv('git') },
            ...open.flatMap(({ url }) => {
              const folder = releaseFolder(urlKey(url));
              return [
                { id: `${url} completed`, kind: 'stat' as const, path: `${folder}/.completed` },
                { id: `${url} left`, kind: 'read' as const, path: newMasterMark(urlKey(url)) },
                {
                  id: `${url} revisions`,
                  kind: 'run' as const,
                  argv: ['sh', '-c', revisionsScript, 'sh', folder],
                  as: 'slapsoft',
                },
              ];
            }),
          ]);
    const text = (id: string): string => (answers[id]?.exit === 0 ? (answers[id]?.out ?? '').trim() : '');
    return {
      git: text('git'),
      apt: aptFactsOf(answers),
      releases: masters.map(({ name, url, newMaster }) => ({
        name,
        url,
        asked: newMaster,
        inside: holdsNewMaster(url),
        completed: answers[`${url} completed`]?.exit === 0,
        revisions: text(`${url} revisions`).split('\n').join(' '),
        left: text(`${url} left`),
      })),
    };
  },
  found: ({ releases }) =>
    releases.length === 0
      ? [says('use-new-master', 'found.none')]
      : releases.map(({ url, asked, inside, revisions, left }) => {
          if (inside === true) return says('use-new-master', 'found.inside', { url });
          if (!asked) return says('use-new-master', 'found.notAsked', { url });
          const [erp5 = '', vifib = ''] = revisions.split(' ');
          return says('use-new-master', stands({ revisions, left }) ? 'found.brought' : 'found.old', { erp5, vifib });
        }),
  verdict: ({ releases }, context) => {
    const open = releases.filter((item) => item.asked && item.inside !== true);
    const early = open.find((item) => !item.completed);
    if (early !== undefined)
      return blocked(
        finding('step-before-missing', {
          step: 'use-new-master',
          before: `compile-software@machine:${machineOfSubject(context).name}`,
        }),
      );
    return open.every(stands) ? done() : todo();
  },
  plan: ({ git, apt, releases }, context) => {
    const { name: machine } = machineOfSubject(context);
    return [
      ...installUnlessThere(context, 'git', git, apt, says('use-new-master', 'does.git')),
      ...releases
        .filter((item) => item.asked && item.inside !== true && !stands(item))
        .flatMap(({ url }) => {
          const folder = releaseFolder(urlKey(url));
          return [
            run(machine, ['sh', '-c', newMasterScript, 'sh', folder], {
              as: 'slapsoft',
              limitMs: 3_600_000,
              long: true,
              note: says('use-new-master', 'does.bring', {
                erp5: newMasterRepositories[0].branch,
                vifib: newMasterRepositories[1].branch,
              }),
            }),
            run(machine, ['sh', '-c', markScript, 'sh', folder, newMasterMark(urlKey(url))], {
              note: says('use-new-master', 'does.record'),
            }),
          ];
        }),
    ];
  },
});

const stands = ({ revisions, left }: { revisions: string; left: string }): boolean =>
  revisions !== '' && revisions === left;
