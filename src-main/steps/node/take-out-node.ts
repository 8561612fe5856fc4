// Takes a node out of the site that the plan says is leaving: what the master placed on it is destroyed as slapos does it, its services
// are stopped, its configuration is set aside. A computer cannot be deleted at the master by a command: its certificate is revoked by a
// person. Must never touch a node that the plan keeps; packages and what else is on the machine stay. What a leaving node says of itself
// is never enough to destroy a service: the master finds one by its name and by who asks, so the client must have been told by the master
// that the service is its own and stands there, and the name must mean no other.
import { z } from 'zod';
import { computerIn } from '../../../src-shared/computer.ts';
import type { AnyContext, Command, Told } from '../../runbook/define.ts';
import {
  blocked,
  defineStep,
  done,
  finding,
  leavingMachines,
  machineOfSubject,
  run,
  says,
  todo,
} from '../../runbook/define.ts';
import { computerStateArgv, emptiedArgv, parseComputerState } from '../../target/computer.ts';
import { destroyArgv, notOwnSays } from '../../target/own-services.ts';
import { endAsleep, passPattern } from '../../target/passes.ts';
import { re6stService } from '../../target/re6st.ts';
import { clientFilesArgv, clientOf, serviceFailures } from '../client.ts';
import { readMaster } from '../computer.ts';
import { slapos, slaposPaths } from '../slapos.ts';
import {
  type Instance,
  instance,
  nothingAsked,
  type Owned,
  othersCalled,
  owned,
  readOwned,
  rootsToDestroy,
  toDestroy,
} from './leaving-services.ts';

export const takeOutNode = defineStep({
  id: 'take-out-node',
  chapter: 'node',
  phase: 'site',
  per: leavingMachines('node'),
  after: [{ step: 'connect', on: 'same' }],
  risk: 'destroys',
  holds: [],
  input: z.strictObject({}),
  facts: z.strictObject({
    /** `COMP-7` while it is registered here. */
    computer: z.string().nullable(),
    /** The same in the configuration that was set aside. */
    formerly: z.string().nullable(),
    /** Why the node's master could not be asked; empty when it answered, or is not asked any more. */
    error: z.string(),
    /** What the master placed on it. */
    instances: z.array(instance),
    software: z.array(z.string()),
    /** The site's client can ask for their end. */
    client: z.boolean(),
    /** What the master tells the client of the services that are to be destroyed. */
    owned,
    /** The re6st network is set up here. */
    re6st: z.boolean(),
    /** The master's pages for people; empty while it does not say. */
    panel: z.string(),
  }),
  read: async (world, context) => {
    const { name } = machineOfSubject(context);
    const { config, aside, re6st } = await world.probe(name, [
      { id: 'config', kind: 'read', path: slaposPaths.config },
      { id: 'aside', kind: 'read', path: `${asideFolder}/slapos.cfg` },
      { id: 're6st', kind: 'run', argv: ['systemctl', 'is-enabled', re6stService] },
    ]);
    const computer = computerIn(config?.exit === 0 ? config.out : null);
    const rest = {
      computer,
      formerly: computerIn(aside?.exit === 0 ? aside.out : null),
      re6st: re6st?.exit === 0,
      panel: (await readMaster(world, context)).panel,
    };
    if (computer === null)
      return { ...rest, error: '', instances: [], software: [], client: true, owned: nothingAsked };
    const client = clientOf(context.site);
    const [{ state }, { files }] = await Promise.all([
      world.probe(name, [{ id: 'state', kind: 'run', argv: [...computerStateArgv], as: 'root', limitMs: 60_000 }]),
      client === undefined
        ? { files: undefined }
        : world.probe(client.machine.name, [
            { id: 'files', kind: 'run', argv: clientFilesArgv(client.user), as: 'root' },
          ]),
    ]);
    const known = parseComputerState(state?.out ?? '');
    const instances = (known?.partitions ?? []).flatMap((one) => (one.title === null ? [] : [instance.parse(one)]));
    const roots = rootsToDestroy(instances);
    return {
      ...rest,
      error: known === null ? 'no answer' : known.error,
      instances,
      software: (known?.software ?? []).map(({ url }) => url),
      client: files?.exit === 0,
      owned:
        client === undefined || files?.exit !== 0 || roots.length === 0
          ? nothingAsked
          : await readOwned(world, context, client, name, computer, roots),
    };
  },
  found: ({ computer, formerly, instances, software }) =>
    computer === null
      ? [
          formerly === null
            ? says('take-out-node', 'found.unregistered')
            : says('take-out-node', 'found.aside', { computer: formerly, path: asideFolder }),
        ]
      : [
          says('take-out-node', 'found.registered', { computer }),
          instances.length === 0
            ? says('take-out-node', 'found.noInstances')
            : says('take-out-node', 'found.instances', {
                count: instances.length,
                names: [...new Set(instances.map(({ title }) => title ?? ''))].join(', '),
              }),
          ...software.map((url) => says('take-out-node', 'found.software', { url })),
        ],
  verdict: (facts, context) => {
    const { name: machine } = machineOfSubject(context);
    const { computer, formerly, error, instances, software, owned } = facts;
    if (computer === null) return facts.re6st || (formerly !== null && !isRevoked(machine, context)) ? todo() : done();
    if (error !== '') return blocked(finding('leaving-cannot-ask', { machine, detail: error }));
    const foreign = instances.filter(({ root }) => !instances.some(({ title }) => title === root));
    if (foreign.length > 0)
      return blocked(
        finding('node-holds-parts', {
          machine,
          names: [...new Set(foreign.map(({ title, root }) => `${title} (${root})`))].join(', '),
        }),
      );
    const client = clientOf(context.site);
    if (!facts.client && instances.length + software.length > 0)
      return blocked(
        finding('client-not-configured', { machine: client?.machine.name ?? machine, user: client?.user ?? '' }),
      );
    if (owned.trouble !== null) return blocked(finding('node-cannot-ask', owned.trouble));
    const doubtful = [
      ...othersCalled(computer, context).map((name) => `${computer} (${name})`),
      ...software.filter((url) => url.startsWith('-')),
      ...rootsToDestroy(instances)
        .filter((root) => toDestroy(root, facts, context.site) === null)
        .map(({ title, partition }) => `${title} (${partition})`),
    ];
    return doubtful.length === 0
      ? todo()
      : blocked(finding('node-holds-foreign', { machine, computer, names: [...new Set(doubtful)].join(', ') }));
  },
  plan: (facts, context): readonly Command[] => {
    const { name } = machineOfSubject(context);
    const { computer, formerly, panel } = facts;
    const left = computer ?? formerly;
    return [
      ...(computer === null
        ? []
        : [
            ...emptying(facts, computer, name, context),
            run(name, ['sh', '-c', setAsideScript], {
              limitMs: 300_000,
              long: true,
              note: says('take-out-node', 'does.setAside', { path: asideFolder }),
            }),
          ]),
      // Last of what is done: until then the master may be reached through it alone.
      ...(facts.re6st
        ? [run(name, ['systemctl', 'disable', '--now', re6stService], { note: says('take-out-node', 'does.re6st') })]
        : []),
      ...(left === null || (computer === null && isRevoked(name, context)) ? [] : [askRevoked(name, left, panel)]),
    ];
  },
});

const isRevoked = (machine: string, { earlier }: Pick<AnyContext, 'earlier'>): boolean =>
  earlier.answers[questionId(machine)] === 'yes';

interface Placed {
  readonly instances: readonly Instance[];
  readonly software: readonly string[];
  readonly owned: Owned;
}

/** What was placed is asked to end by who may ask, and ended on the node itself, as slapos does it hourly. */
function emptying(facts: Placed, computer: string, node: string, context: AnyContext): readonly Command[] {
  const client = clientOf(context.site);
  if (client === undefined) return [];
  const { instances, software } = facts;
  const { name: asker } = client.machine;
  const ask = (argv: readonly string[], name: string, note: Told, failures = serviceFailures(asker, name)) =>
    run(asker, [...argv], { as: client.user, limitMs: 300_000, failures, note });
  return [
    ...rootsToDestroy(instances).flatMap((root) => {
      const found = toDestroy(root, facts, context.site);
      if (found === null) return [];
      const { own, title, release, type } = found;
      const names = `${title} (${own.partition})`;
      return [
        ask(
          destroyArgv(computer, own, { title, release, type }),
          title,
          says('take-out-node', 'does.destroy', { name: title }),
          [
            { pattern: notOwnSays, finding: finding('node-holds-foreign', { machine: node, computer, names }) },
            ...serviceFailures(asker, title),
          ],
        ),
      ];
    }),
    ...(instances.length === 0
      ? []
      : [pass(node, 'report', 'instances', says('take-out-node', 'does.report', { count: instances.length }))]),
    ...software.map((url) =>
      ask(['slapos', 'remove', url, computer], url, says('take-out-node', 'does.remove', { url })),
    ),
    ...(software.length === 0 ? [] : [pass(node, 'software', 'software', says('take-out-node', 'does.software'))]),
  ];
}

/** One pass after another until the master has nothing left: children end before their parents, and a service may take its time. */
const passScript = `pass=$1; shift
end=$(( $(date +%s) + 1800 ))
while :; do
  env HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin slapos node "$pass" --now
  "$@" && exit 0
  [ "$(date +%s)" -lt "$end" ] || exit 1
  sleep 5
done`;

const pass = (machine: string, which: 'report' | 'software', what: 'instances' | 'software', note: Told): Command =>
  run(machine, ['sh', '-c', passScript, 'sh', which, ...emptiedArgv(what)], {
    limitMs: 2_400_000,
    long: true,
    failures: [{ pattern: '[\\s\\S]', finding: finding('node-not-emptied', { machine }) }],
    note,
  });

const asideFolder = '/etc/opt/slapos.taken-out';

/** Stops everything that slapos runs here; without its configuration its cron jobs do nothing. An earlier one that left is kept too. */
const setAsideScript = `${slapos('node', 'stop', 'all').join(' ')}
${slapos('node', 'supervisorctl', 'shutdown').join(' ')}
set -e
if [ -e ${asideFolder} ]; then mv ${asideFolder} "${asideFolder}.$(date +%Y%m%d%H%M%S)"; fi
mv /etc/opt/slapos ${asideFolder}
sync ${asideFolder}
# What was told to stop takes its time, and a pass of cron that had begun before starts it again; now no other one begins.
${endAsleep}
for second in $(seq 90); do
  end_asleep
  if ! pgrep -f '${passPattern}' >/dev/null; then
    left=$(pgrep -f '/srv/slapgrid/etc/[s]upervisord.conf') || break
    [ $((second % 15)) != 10 ] || kill $left || :
  fi
  sleep 1
done`;

const questionId = (machine: string): string => `taken-out:${machine}`;

const askRevoked = (machine: string, computer: string, panel: string): Command => ({
  kind: 'ask',
  question: {
    id: questionId(machine),
    kind: 'confirm',
    key: 'steps.take-out-node.asks.revoked',
    params: { machine, computer },
    show: [{ label: 'address', value: panel }],
    choices: [],
  },
});
