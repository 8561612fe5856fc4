// re6st-node with all it depends on, from our repository alone, on every machine that joins the re6st network. Nothing is started:
// without a configuration its service does nothing. Joining is a step of its own.
import { z } from 'zod';
import { re6stMachines, systemOf, systemsOf, wantsRe6st } from '../../../src-shared/site.ts';
import type { AnyContext, Command } from '../../runbook/define.ts';
import {
  blocked,
  defineStep,
  done,
  finding,
  machineOfSubject,
  machinesAmong,
  run,
  says,
  todo,
} from '../../runbook/define.ts';
import { re6stProgramArgv } from '../../target/re6st.ts';
import { aptArgv, aptInstallArgv, isInstalled, packageStatusArgv } from '../apt.ts';

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
  }),
  read: async (world, context) => {
    const answers = await world.probe(machineOfSubject(context).name, [
      { id: 'status', kind: 'run', argv: packageStatusArgv(packageName) },
      { id: 'programs', kind: 'run', argv: [...re6stProgramArgv] },
      { id: 'tunnels', kind: 'stat', path: '/dev/net/tun' },
    ]);
    return {
      status: answers.status?.exit === 0 ? answers.status.out : '',
      programs: answers.programs?.exit === 0,
      tunnels: answers.tunnels?.exit === 0,
    };
  },
  found: ({ status }) => [
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
    return isInstalled(facts.status) && facts.status.endsWith(` ${version}`) && facts.programs ? done() : todo();
  },
  plan: (_facts, context): readonly Command[] => {
    const { name } = machineOfSubject(context);
    return [
      run(name, aptArgv('update'), { limitMs: 300_000, note: says('install-re6st-node', 'does.update') }),
      run(name, aptInstallArgv(`${packageName}=${lockedVersion(context) ?? ''}`), {
        limitMs: 1_800_000,
        long: true,
        note: says('install-re6st-node', 'does.install'),
      }),
      run(name, aptArgv('clean')),
    ];
  },
});

const lockedVersion = (context: AnyContext): string | null =>
  context.lock.systems[systemOf(machineOfSubject(context))]?.vendor.find(({ name }) => name === packageName)?.version ??
  null;
