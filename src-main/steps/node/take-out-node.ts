// Takes a node out of the site that the plan says is leaving: what the master placed on it is destroyed as slapos does it, its services
// are stopped, its configuration is set aside. A computer cannot be deleted at the master by a command: its certificate is revoked by a
// person. Must never touch a node that the plan keeps; packages and what else is on the machine stay.
import { z } from 'zod';
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
import { computerState, computerStateArgv, emptiedArgv, parseComputerState } from '../../target/computer.ts';
import { re6stService } from '../../target/re6st.ts';
import { withoutConnection } from '../../target/slapproxy.ts';
import { clientFilesArgv, clientOf, serviceFailures } from '../client.ts';
import { computerIn, readMaster } from '../computer.ts';
import { slapos, slaposPaths } from '../slapos.ts';

const instance = computerState.shape.partitions.element.pick({
  partition: true,
  title: true,
  root: true,
  type: true,
  release: true,
  requestedState: true,
});

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
    if (computer === null) return { ...rest, error: '', instances: [], software: [], client: true };
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
    return {
      ...rest,
      error: known === null ? 'no answer' : known.error,
      instances: (known?.partitions ?? []).filter(({ title }) => title !== null).map((one) => instance.parse(one)),
      software: (known?.software ?? []).map(({ url }) => url),
      client: files?.exit === 0,
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
    const { computer, formerly, error, instances, software } = facts;
    if (computer === null)
      return formerly === null || context.earlier.answers[questionId(machine)] === 'yes' ? done() : todo();
    if (error !== '') return blocked(finding('node-cannot-ask', { machine, detail: error }));
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
    return todo();
  },
  plan: (facts, context): readonly Command[] => {
    const { name } = machineOfSubject(context);
    const { computer, formerly, panel } = facts;
    const left = computer ?? formerly;
    if (left === null) return [];
    const gate = askRevoked(name, left, panel);
    if (computer === null) return [gate];
    return [
      ...emptying(facts, computer, name, context),
      ...(facts.re6st
        ? [
            run(name, ['systemctl', 'disable', '--now', re6stService], {
              note: says('take-out-node', 'does.re6st'),
            }),
          ]
        : []),
      run(name, ['sh', '-c', setAsideScript], {
        limitMs: 300_000,
        long: true,
        note: says('take-out-node', 'does.setAside', { path: asideFolder }),
      }),
      gate,
    ];
  },
});

interface Placed {
  readonly instances: readonly z.infer<typeof instance>[];
  readonly software: readonly string[];
}

/** What was placed is asked to end by who may ask, and ended on the node itself, as slapos does it hourly. */
function emptying({ instances, software }: Placed, computer: string, node: string, context: AnyContext) {
  const client = clientOf(context.site);
  if (client === undefined) return [];
  const { name: asker } = client.machine;
  const ask = (argv: readonly string[], name: string, note: Told) =>
    run(asker, [...argv], {
      as: client.user,
      limitMs: 300_000,
      expect: [0, 2],
      failures: serviceFailures(asker, name),
      note,
    });
  const roots = instances.filter(({ title, root, requestedState }) => title === root && requestedState !== 'destroyed');
  return [
    ...roots.map(({ title, release, type }) =>
      ask(
        [
          'sh',
          '-c',
          withoutConnection,
          'sh',
          'slapos',
          'request',
          title ?? '',
          release ?? '',
          '--state',
          'destroyed',
          ...(type === null ? [] : ['--type', type]),
          '--node',
          `computer_guid=${computer}`,
        ],
        title ?? '',
        says('take-out-node', 'does.destroy', { name: title ?? '' }),
      ),
    ),
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
sync ${asideFolder}`;

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
