// slapos configured for a site without a master yet: slapproxy on the machine itself, N partitions with their addresses.
// `configure local` ends with 0 even when formatting failed, so only what stands afterwards counts.
import { z } from 'zod';
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
} from '../../runbook/define.ts';
import { parseConfig } from '../../target/slapos-config.ts';
import { httpGetArgv } from '../../target/system.ts';
import {
  awaitProxy,
  countPartitions,
  partitionsScript,
  proxyAnswers,
  proxyPort,
  proxyProbe,
  slapos,
  slaposPaths,
  wakeProxy,
} from '../slapos.ts';

/** Where `slapos` looks for the address of the master when a person calls it; `configure local` makes it last. */
const clientConfig = '/root/.slapos/slapos-client.cfg';
const computerPath = '/getFullComputerInformation?computer_id=local_computer';

export const configureProxy = defineStep({
  id: 'configure-proxy',
  chapter: 'master',
  phase: 'site',
  per: machines('builder', 'master'),
  after: [{ step: 'install-slapos-node', on: 'same' }],
  risk: 'changes',
  holds: [],
  input: z.strictObject({}),
  facts: z.strictObject({
    config: z.string().nullable(),
    /** slapproxy answers. */
    answers: z.boolean(),
    /** Partitions that have an IPv4 and an IPv6 address. */
    partitions: z.int(),
    /** Partitions that slapproxy knows: formatting may have reached it in vain. */
    registered: z.int(),
    globalIpv6: z.boolean(),
    clientConfig: z.boolean(),
  }),
  read: async (world, context) => {
    const machine = machineOfSubject(context);
    const answers = await world.probe(machine.name, [
      { id: 'config', kind: 'read', path: slaposPaths.config },
      proxyProbe,
      { id: 'computer', kind: 'run', argv: httpGetArgv(proxyPort, computerPath), limitMs: 30_000 },
      { id: 'partitions', kind: 'run', argv: ['sh', '-c', partitionsScript] },
      {
        id: 'ipv6',
        kind: 'run',
        argv: ['ip', '-o', '-6', 'addr', 'show', 'dev', machine.interface, 'scope', 'global'],
      },
      { id: 'client', kind: 'stat', path: clientConfig },
    ]);
    return {
      config: answers.config?.exit === 0 ? answers.config.out : null,
      answers: proxyAnswers(answers),
      partitions: countPartitions(answers.partitions?.out ?? ''),
      registered: new Set(answers.computer?.out.match(/slappart\d+/g) ?? []).size,
      globalIpv6: (answers.ipv6?.out ?? '').trim() !== '',
      clientConfig: answers.client?.exit === 0,
    };
  },
  found: ({ config, answers, partitions, registered }, context) => [
    says('configure-proxy', config === null ? 'found.unconfigured' : 'found.configured'),
    says('configure-proxy', answers ? 'found.proxyAnswers' : 'found.proxySilent'),
    says('configure-proxy', 'found.partitions', {
      count: Math.min(partitions, registered),
      wanted: machineOfSubject(context).partitions,
    }),
  ],
  verdict: ({ config, answers, partitions, registered, globalIpv6, clientConfig: client }, context) => {
    const machine = machineOfSubject(context);
    if (!globalIpv6)
      return blocked(finding('target-addresses-unmanaged', { machine: machine.name, interface: machine.interface }));
    if (config === null) return todo();
    const computer = parseConfig(config, { machine: machine.name, path: slaposPaths.config }).get(
      'slapos',
      'computer_id',
    );
    if (computer !== 'local_computer')
      return blocked(
        finding('target-already-configured', { machine: machine.name, detail: `computer_id = ${computer ?? ''}` }),
      );
    return answers && Math.min(partitions, registered) >= machine.partitions && client ? done() : todo();
  },
  plan: ({ config, answers, clientConfig: client }, context) => {
    const { name, interface: device, partitions, ipv4Network } = machineOfSubject(context);
    const configure: Command[] = [
      // Absent roots make `configure local` crash half-way and refuse the retry.
      run(name, ['install', '-d', '-m', '0755', '/opt/slapgrid', '/srv/slapgrid']),
      run(
        name,
        slapos(
          'configure',
          'local',
          '--interface-name',
          device,
          '--partition-number',
          String(partitions),
          '--ipv4-local-network',
          ipv4Network,
        ),
        // 1 as well: cron acts the minute slapos.cfg exists, and may start supervisord first. What stands afterwards counts.
        {
          limitMs: 600_000,
          long: true,
          expect: [0, 1],
          note: says('configure-proxy', 'does.configure', { count: partitions }),
        },
      ),
    ];
    const format = run(name, slapos('node', 'format', '--now'), {
      limitMs: 600_000,
      long: true,
      note: says('configure-proxy', 'does.format'),
    });
    if (config === null) return [...configure, awaitProxy(name), format];
    // A `configure local` that was cut off never got to it, and cannot be called a second time.
    const link: Command[] = [
      run(name, ['install', '-d', '-m', '0700', '/root/.slapos']),
      run(name, ['ln', '-s', slaposPaths.config, clientConfig], { note: says('configure-proxy', 'does.link') }),
    ];
    return [...(answers ? [] : wakeProxy(name)), format, ...(client ? [] : link)];
  },
});
