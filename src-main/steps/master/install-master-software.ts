// Asks slapos for the master's software release and waits until it is unpacked from our cache.
// Cron looks every minute, so nothing is hurried; the wish is recorded once and never repeated while it is under way.
import { z } from 'zod';
import type { Json } from '../../../src-shared/json.ts';
import { releasesFor } from '../../../src-shared/site.ts';
import type { Command, Context } from '../../runbook/define.ts';
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
import { softwareProgressArgv } from '../../target/software-progress.ts';
import {
  proxyAnswers,
  proxyProbe,
  releaseFolder,
  releaseNeeds,
  releaseProbes,
  releaseStands,
  setAside,
  slapos,
  slaposPaths,
  wakeProxy,
} from '../slapos.ts';

export const installMasterSoftware = defineStep({
  id: 'install-master-software',
  chapter: 'master',
  phase: 'site',
  per: machines('master'),
  after: [{ step: 'check-cache', on: 'same' }],
  risk: 'changes',
  holds: ['content'],
  needs: (site) => releaseNeeds(site, 'slapos-master'),
  input: z.strictObject({}),
  facts: z.strictObject({
    computer: z.string().nullable(),
    /** slapproxy answers: a machine that has just booted takes its time. */
    answers: z.boolean(),
    releases: z.array(
      z.strictObject({
        name: z.string(),
        url: z.string(),
        wanted: z.boolean(),
        completed: z.boolean(),
        poisoned: z.boolean(),
      }),
    ),
  }),
  read: async (world, context) => {
    const { name: machine } = machineOfSubject(context);
    const releases = releasesOf(context);
    const answers = await world.probe(machine, [
      { id: 'config', kind: 'read', path: slaposPaths.config },
      proxyProbe,
      ...releaseProbes(releases.map(({ url }) => url)),
    ]);
    const config = answers.config?.exit === 0 ? answers.config.out : null;
    return {
      computer:
        config === null
          ? null
          : parseConfig(config, { machine, path: slaposPaths.config }).get('slapos', 'computer_id'),
      answers: proxyAnswers(answers),
      releases: releases.map(({ name, url }) => ({ name, url, ...releaseStands(answers, url) })),
    };
  },
  found: ({ releases }) =>
    releases.map(({ name, wanted, completed }) =>
      says('install-master-software', completed ? 'found.installed' : wanted ? 'found.wanted' : 'found.absent', {
        name,
      }),
    ),
  verdict: ({ computer, releases }, context) => {
    const { name: machine } = machineOfSubject(context);
    if (computer === null) return blocked(finding('slapos-not-configured', { machine }));
    const poisoned = releases.filter((item) => item.poisoned);
    if (poisoned.length > 0)
      return todo(
        ...poisoned.map(({ url }) =>
          finding('software-folder-poisoned', { machine, path: releaseFolder(urlKey(url)) }),
        ),
      );
    const open = releases.filter((item) => !item.completed || !item.wanted);
    if (open.length === 0) return done();
    return open.every((item) => item.wanted) ? waiting(awaited(open.map((item) => item.name))) : todo();
  },
  plan: ({ computer, answers, releases }, context) => {
    const { name: machine } = machineOfSubject(context);
    const open = releases.filter((item) => !item.completed || !item.wanted);
    return [
      ...(answers || open.every((item) => item.wanted) ? [] : wakeProxy(machine)),
      ...open.flatMap((item) => bringRelease(machine, computer ?? '', item)),
    ];
  },
});

/** What stands of a release on a machine. */
interface ReleaseState {
  readonly name: string;
  readonly url: string;
  readonly wanted: boolean;
  readonly completed: boolean;
  readonly poisoned: boolean;
}

/** Asks for a release that is not there and waits until it is unpacked from our cache; others stay as they are. */
export const bringRelease = (
  machine: string,
  computer: string,
  { name, url, wanted, poisoned }: ReleaseState,
): readonly Command[] => [
  ...(poisoned ? [setAside(machine, url, says('install-master-software', 'does.setAside', { name }))] : []),
  ...(wanted
    ? []
    : [
        run(machine, slapos('supply', url, computer, '--cfg', slaposPaths.config), {
          limitMs: 120_000,
          note: says('install-master-software', 'does.supply', { name }),
        }),
      ]),
  {
    kind: 'until',
    on: { machine },
    probe: {
      id: 'completed',
      kind: 'run',
      argv: softwareProgressArgv(url, releaseFolder(urlKey(url)), slaposPaths.softwareLog),
    },
    // A folder that turns out to be in the way ends the wait as well: the next round sets it aside.
    wanted: { pattern: '^(completed$|poisoned )' },
    hopeless: [
      // Without a network it would go on trying for the whole limit.
      { pattern: '^compiling .*$', finding: finding('cache-not-used', { machine, url }) },
      { pattern: '^failed .*$', finding: finding('software-install-failed', { machine, url }) },
    ],
    everyMs: 5000,
    limitMs: 3_600_000,
    awaited: awaited([name]),
    evidence: [
      { id: 'log', kind: 'run', argv: ['tail', '-n', '80', slaposPaths.softwareLog] },
      { id: 'folder', kind: 'list', path: releaseFolder(urlKey(url)) },
      { id: 'disk', kind: 'run', argv: ['df', '-h', '/opt', '/tmp'] },
      { id: 'network', kind: 'run', argv: ['ip', '-brief', 'address'] },
      { id: 'cron', kind: 'run', argv: ['systemctl', 'status', '--no-pager', '-n', '20', 'cron'] },
    ],
  },
];

const releasesOf = (context: Context<Readonly<Record<string, Json>>>) =>
  releasesFor(context.site, machineOfSubject(context));
const awaited = (names: readonly string[]) =>
  says('install-master-software', 'waits.completed', { names: names.join(', ') });
