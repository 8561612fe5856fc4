// Takes away the content that a machine holds and the plan no longer wants there: the copy, its server, the mount of a medium.
// It comes to life only when the plan was changed from `content: resident` or `medium` to another way, and always asks, naming
// what stops working. Must never touch anything but our own folder and units; nginx itself stays installed.
import { z } from 'zod';
import { contentWayOf, keepsContent, type SitePlan } from '../../../src-shared/site.ts';
import type { AnyContext, Command } from '../../runbook/define.ts';
import { defineStep, done, machineOfSubject, machines, run, says, todo } from '../../runbook/define.ts';
import { contentPaths, mountUnitName, serverUnitName } from '../content-server.ts';

const parts = ['copy', 'list', 'config', 'unit', 'mountUnit'] as const;
type Part = (typeof parts)[number];

export const removeContent = defineStep({
  id: 'remove-content',
  chapter: 'close',
  phase: 'site',
  per: machines('master', 'node'),
  after: [
    { step: 'install-slapos-node', on: 'all' },
    { step: 'use-cache', on: 'all' },
  ],
  risk: 'destroys',
  holds: [],
  input: z.strictObject({}),
  facts: z.strictObject({
    /** What of ours is there. */
    present: z.array(z.enum(parts)),
  }),
  read: async (world, context) => {
    const answers = await world.probe(
      machineOfSubject(context).name,
      parts.map((part) => ({ id: part, kind: 'stat' as const, path: contentPaths[part] })),
    );
    return { present: parts.filter((part) => answers[part]?.exit === 0) };
  },
  found: ({ present }, context) => {
    const surplus = surplusOf(present, context);
    if (surplus.length > 0)
      return surplus.map((part) => says('remove-content', 'found.surplus', { path: contentPaths[part] }));
    return [says('remove-content', present.length === 0 ? 'found.nothing' : 'found.wanted')];
  },
  verdict: ({ present }, context) => (surplusOf(present, context).length === 0 ? done() : todo()),
  plan: ({ present }, context): readonly Command[] => {
    const { name } = machineOfSubject(context);
    const surplus = surplusOf(present, context);
    if (surplus.length === 0) return [];
    const others = context.site.machines.map((item) => item.name).filter((other) => other !== name);
    const server = surplus.includes('unit');
    const files = surplus.filter((part) => part !== 'copy');
    return [
      {
        kind: 'ask',
        question: {
          id: `remove-content:${name}`,
          kind: 'confirm',
          key: 'steps.remove-content.asks.remove',
          params: { machine: name, others: others.join(', ') },
          show: surplus.map((part) => ({ label: name, value: contentPaths[part] })),
          choices: [],
        },
      },
      ...(server
        ? [
            run(name, ['systemctl', 'disable', '--now', serverUnitName], {
              note: says('remove-content', 'does.stop', { others: others.join(', ') }),
            }),
          ]
        : []),
      ...(surplus.includes('mountUnit') ? [run(name, ['systemctl', 'stop', mountUnitName])] : []),
      ...(files.length === 0 ? [] : [run(name, ['rm', '-f', ...files.map((part) => contentPaths[part])])]),
      run(name, ['systemctl', 'daemon-reload']),
      ...(surplus.includes('copy')
        ? [
            run(name, ['rm', '-r', '-f', '--one-file-system', contentPaths.copy], {
              limitMs: 600_000,
              note: says('remove-content', 'does.remove', { path: contentPaths.copy }),
            }),
          ]
        : []),
    ];
  },
});

/** Of what is there, what no way of the plan needs. */
function surplusOf(present: readonly Part[], context: AnyContext): readonly Part[] {
  const wanted = new Set(wantedOf(context.site, context));
  return present.filter((part) => !wanted.has(part));
}

function wantedOf(site: SitePlan, context: AnyContext): readonly Part[] {
  const machine = machineOfSubject(context);
  const server: readonly Part[] = ['config', 'unit'];
  return [
    ...(keepsContent(site, machine) ? [...server, 'copy' as const, 'list' as const] : []),
    ...(contentWayOf(site, machine) === 'medium' ? [...server, 'mountUnit' as const] : []),
  ];
}
