// The master's web pages at the machine's own address: port 80 leads to the partition where its web server is. Rules in a table
// of our own, kept by a timer that finds both ends anew. Guarded, as any change to what the network may reach.
import { z } from 'zod';
import { systemsOf } from '../../../src-shared/site.ts';
import { blocked, defineStep, done, finding, machineOfSubject, machines, says, todo } from '../../runbook/define.ts';
import { parseSlapproxyState, slapproxyStateArgv } from '../../target/slapproxy.ts';
import { httpAtArgv, httpStatus } from '../../target/system.ts';
import { aptFacts, aptFactsOf, aptProbes, installUnlessThere, isInstalled, packageStatusArgv } from '../apt.ts';
import { webAddresses, webAddressProbe } from '../master-page.ts';
import {
  guardedRedirect,
  masterRedirection,
  redirectEvidence,
  redirectFactsOf,
  redirectProbes,
  redirectRemoval,
  redirectStands,
} from '../redirect.ts';

export const redirectToMaster = defineStep({
  id: 'redirect-to-master',
  chapter: 'master',
  phase: 'site',
  per: machines('master'),
  after: [{ step: 'reapply-ca-folder', on: 'same' }],
  risk: 'changes',
  holds: ['content'],
  needs: (site) => systemsOf(site).map((system) => ({ kind: 'package', name: 'nftables', system })),
  input: z.strictObject({}),
  facts: z.strictObject({
    program: z.string().nullable(),
    service: z.string().nullable(),
    timer: z.string().nullable(),
    active: z.boolean(),
    /** What dpkg says of the package `nftables`. */
    package: z.string(),
    /** The machine's own IPv4 addresses. */
    own: z.array(z.string()),
    /** Where the web server is, null while nobody knows. */
    address: z.string().nullable(),
    /** Where our rules lead, each once for each chain. */
    rules: z.array(z.string()),
    /** Families in which our table is there. */
    tables: z.array(z.string()),
    /** HTTP status at port 80 of each own address; 0 where nobody answers. */
    answers: z.record(z.string(), z.int()),
    /** Our configuration of apt as it is. */
    apt: aptFacts,
  }),
  read: async (world, context) => {
    const machine = machineOfSubject(context);
    const { instance } = context.site.master;
    const first = await world.probe(machine.name, [
      ...redirectProbes(masterRedirection(machine, instance)),
      ...aptProbes,
      { id: 'package', kind: 'run', argv: packageStatusArgv('nftables') },
      webAddressProbe(machine),
      { id: 'state', kind: 'run', argv: slapproxyStateArgv(instance), limitMs: 60_000 },
    ]);
    const own = webAddresses(first);
    const answers = await world.probe(
      machine.name,
      own.map((address) => ({ id: address, kind: 'run', argv: httpAtArgv(address, 80, '/'), limitMs: 20_000 })),
    );
    const state = parseSlapproxyState(first.state?.exit === 0 ? first.state.out : '');
    return {
      ...redirectFactsOf(masterRedirection(machine, instance), first),
      package: first.package?.exit === 0 ? first.package.out : '',
      own: [...own],
      address: state?.instance?.address ?? null,
      answers: Object.fromEntries(own.map((address) => [address, httpStatus(answers[address]?.out ?? '')])),
      apt: aptFactsOf(first),
    };
  },
  found: ({ own, address, rules, answers }) => [
    says('redirect-to-master', rules.length === 0 ? 'found.noRules' : 'found.rules', {
      address: rules[0]?.split(' ').at(-1) ?? '',
    }),
    ...(address === null ? [] : [says('redirect-to-master', 'found.server', { address })]),
    ...own.map((one) =>
      says('redirect-to-master', (answers[one] ?? 0) === 0 ? 'found.silent' : 'found.answers', { address: one }),
    ),
  ],
  verdict: (facts, context) => {
    const machine = machineOfSubject(context);
    if (facts.address === null)
      return blocked(finding('step-before-missing', { step: 'redirect-to-master', before: 'request-master' }));
    if (facts.own.length === 0)
      return blocked(finding('target-no-ipv4', { machine: machine.name, interface: machine.interface }));
    const [host, port] = facts.address.split(':') as [string, string];
    const stands = redirectStands(redirectionOf(context), facts, { ip: host }, port);
    const answered = facts.own.every((address) => (facts.answers[address] ?? 0) > 0);
    return isInstalled(facts.package) && stands && answered ? done() : todo();
  },
  plan: (facts, context) => {
    const { name } = machineOfSubject(context);
    const redirection = redirectionOf(context);
    const { address } = facts;
    const [first] = facts.own;
    if (address === null || first === undefined) return [];
    return [
      ...installUnlessThere(context, 'nftables', facts.package, facts.apt, says('redirect-to-master', 'does.install')),
      guardedRedirect(name, redirection, facts, (seconds) =>
        says('redirect-to-master', 'does.guard', { address, seconds }),
      ),
      {
        kind: 'until',
        on: { machine: name },
        probe: { id: 'answer', kind: 'run', argv: httpAtArgv(first, 80, '/'), limitMs: 20_000 },
        wanted: { pattern: '^HTTP/1\\.[01] [1-5]' },
        everyMs: 3000,
        limitMs: 600_000,
        awaited: says('redirect-to-master', 'waits.answer', { address: first }),
        evidence: redirectEvidence(redirection),
      },
    ];
  },
  undo: {
    plan: (facts, context) => redirectRemoval(machineOfSubject(context).name, redirectionOf(context), facts),
    stays: () => [says('redirect-to-master', 'stays.package')],
  },
});

const redirectionOf = (context: Parameters<typeof machineOfSubject>[0]) =>
  masterRedirection(machineOfSubject(context), context.site.master.instance);
