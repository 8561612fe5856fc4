// re6st-node with all it depends on, from our repository alone, on every machine that joins the re6st network. Nothing is started:
// without a configuration its service does nothing. Joining is a step of its own. On a machine that joined it is left as it is.
import { z } from 'zod';
import { re6stMachines, systemOf, systemsOf, wantsRe6st } from '../../../src-shared/site.ts';
import type { AnyContext } from '../../runbook/define.ts';
import {
  blocked,
  defineStep,
  done,
  finding,
  machineOfSubject,
  machinesAmong,
  says,
  todo,
} from '../../runbook/define.ts';
import { re6stPaths, re6stProgramArgv } from '../../target/re6st.ts';
import {
  bringPackages,
  cutOff,
  installingFacts,
  installingFactsOf,
  installingProbes,
  isInstalled,
  isUnpacked,
  packageStatusArgv,
  unfinishedTold,
} from '../apt.ts';
import { behindMedium } from '../update/behind.ts';

const packageName = 're6st-node';

export const installRe6stNode = defineStep({
  id: 'install-re6st-node',
  chapter: 're6st',
  phase: 'site',
  per: machinesAmong(re6stMachines, 'registry', 'master', 'node'),
  after: [{ step: 'install-slapos-node', on: 'same' }],
  risk: 'changes',
  holds: ['content'],
  needs: (site) =>
    wantsRe6st(site) ? systemsOf(site).map((system) => ({ kind: 'package', name: packageName, system })) : [],
  input: z.strictObject({}),
  facts: z.strictObject({
    /** `install ok installed 1.2-3`, empty when dpkg does not know it. */
    status: z.string(),
    programs: z.boolean(),
    /** The device that tunnels are made through. */
    tunnels: z.boolean(),
    /** The machine joined the network: from then on the package is upgraded with a backup, by update-packages. */
    joined: z.boolean(),
    ...installingFacts,
  }),
  read: async (world, context) => {
    const answers = await world.probe(machineOfSubject(context).name, [
      { id: 'status', kind: 'run', argv: packageStatusArgv(packageName) },
      { id: 'programs', kind: 'run', argv: [...re6stProgramArgv] },
      { id: 'tunnels', kind: 'stat', path: '/dev/net/tun' },
      { id: 'joined', kind: 'stat', path: re6stPaths.config },
      ...installingProbes,
    ]);
    return {
      status: answers.status?.exit === 0 ? answers.status.out : '',
      programs: answers.programs?.exit === 0,
      tunnels: answers.tunnels?.exit === 0,
      joined: answers.joined?.exit === 0,
      ...installingFactsOf(answers),
    };
  },
  found: ({ status, unfinished }) => [
    ...unfinishedTold(unfinished),
    isInstalled(status)
      ? says('install-re6st-node', 'found.installed', { version: status.split(' ')[3] ?? '' })
      : says('install-re6st-node', 'found.absent'),
  ],
  verdict: (facts, context) => {
    const version = lockedVersion(context);
    const { name } = machineOfSubject(context);
    if (version === null)
      return blocked(finding('step-before-missing', { step: 'install-re6st-node', before: 'fetch-vendor-packages' }));
    if (!facts.tunnels) return blocked(finding('re6st-tunnels-impossible', { machine: name }));
    const stands = !cutOff(facts.unfinished) && isInstalled(facts.status) && facts.programs;
    if (!stands || (!facts.joined && !facts.status.endsWith(` ${version}`))) return todo();
    return done(...behindMedium(name, packageName, facts.status, version));
  },
  plan: (facts, context) =>
    facts.joined && isUnpacked(facts.status) && cutOff(facts.unfinished)
      ? bringPackages(context, [], facts, says('install-slapos-node', 'does.finish'))
      : bringPackages(
          context,
          [`${packageName}=${lockedVersion(context) ?? ''}`],
          facts,
          says('install-re6st-node', 'does.install'),
        ),
});

const lockedVersion = (context: AnyContext): string | null =>
  context.lock.systems[systemOf(machineOfSubject(context))]?.vendor.find(({ name }) => name === packageName)?.version ??
  null;
