// A machine joins the re6st network: a certificate for its part of the network, got with a token that works once, then the service,
// enabled for every boot. The site's client gets the token as a shared instance of the registry; where it cannot, a person brings
// it. The registry's own machine is the first, as the network is reached through it. Must never put the token into an argument, a
// file or the record; must never ask for a certificate where there is one: the token would be lost.
import { z } from 'zod';
import { parseAddress } from '../../../src-shared/address.ts';
import { computerIn } from '../../../src-shared/computer.ts';
import { addressesOf, type Machine, machineNamed, re6stMachines } from '../../../src-shared/site.ts';
import type { AnyContext, Command, Probe, World } from '../../runbook/define.ts';
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
import { re6stTokenSays, re6stTokenScript } from '../../target/client-scripts.ts';
import { computerStateArgv, parseComputerState } from '../../target/computer.ts';
import { ownAddressesText } from '../../target/own-addresses.ts';
import {
  joinArgv,
  networkOfAuthority,
  nodeAddress,
  parseRegistry,
  re6stConfig,
  re6stPaths,
  re6stService,
  registryArgv,
  registryAwaySays,
  registryPort,
  registryUrl,
  sameNetwork,
  subnetOf,
  tokenRefusedSays,
} from '../../target/re6st.ts';
import { httpStatus, httpStatusArgv, parseAddresses } from '../../target/system.ts';
import { clientFilesArgv, clientOf } from '../client.ts';
import { readToken, tokenFacts } from '../computer.ts';
import { whereReachable } from '../elsewhere.ts';
import { ownAddresses, printedAddresses, redirectFactsOf, redirectProbes, registryRedirection } from '../redirect.ts';
import { slaposPaths } from '../slapos.ts';
import { registryInstance } from './install-re6st-registry.ts';

/** The registry hears of a new token every five minutes. */
const tokenPatienceSeconds = 330;
/** And the master is told that it did within a pass or two. */
const readyPatienceSeconds = 480;

export const joinRe6st = defineStep({
  id: 'join-re6st',
  chapter: 're6st',
  phase: 'site',
  per: machinesAmong(re6stMachines, 'registry', 'master', 'node'),
  after: [
    { step: 'install-re6st-node', on: 'same' },
    { step: 'install-re6st-registry', on: 'all' },
  ],
  risk: 'changes',
  holds: [],
  input: z.strictObject({
    /** The token is taken from the panel, also where slapos could get one. */
    byHand: z.boolean().default(false),
  }),
  facts: z.strictObject({
    /** The registry, as its own machine tells; null while none answers there. */
    registry: z
      .strictObject({
        address: z.string(),
        network: z.string(),
        fingerprint: z.string(),
        /** Where everybody finds it, also from outside of the network: its machine's own address, where that leads to it. */
        at: z.string(),
      })
      .nullable(),
    /** HTTP status of the registry as seen from this machine, 0 when it does not answer. */
    answer: z.int(),
    /** The same at the registry's own address, which lies inside the network once it was moved. */
    inside: z.int(),
    /** The registry's own machine has its certificate. */
    first: z.boolean(),
    /** This machine's part of the network, null while it has no certificate. */
    subnet: z.string().nullable(),
    /** The network its certificate is for. */
    network: z.string().nullable(),
    config: z.string().nullable(),
    running: z.boolean(),
    enabled: z.boolean(),
    /** The address of its own part is on an interface. */
    addressed: z.boolean(),
    /** The machine's IPv4 address on its LAN, empty when it has none. */
    ip: z.string(),
    token: tokenFacts,
    /** Of which release and where the registry is, for the site's client to ask for a token; null where it cannot, or need not. */
    asks: z.strictObject({ release: z.string(), computer: z.string() }).nullable(),
    /** It did, and got none. */
    missed: z.boolean(),
  }),
  read: async (world, context) => {
    const machine = machineOfSubject(context);
    const holder = machineNamed(context.site, registryHolder(context)) ?? machine;
    const there = await world.probe(holder.name, [
      { id: 'registry', kind: 'run', argv: [...registryArgv], limitMs: 30_000 },
      { id: 'certificate', kind: 'read', path: re6stPaths.certificate },
      ...redirectProbes(registryRedirection(holder)),
      { id: 'own', kind: 'run', argv: ['sh', '-c', ownAddressesText(holder.interface, 'ip6')] },
    ]);
    const known = there.registry?.exit === 0 ? parseRegistry(there.registry.out) : null;
    const led = redirectFactsOf(registryRedirection(holder), there).rules.length > 0;
    const own = led ? lastingAddress(holder, printedAddresses(there.own?.out ?? '')) : undefined;
    const registry = known === null ? null : { ...known, at: own ?? known.address };
    const asks = (id: string, at = '::1'): Probe => ({
      id,
      kind: 'run',
      argv: ['timeout', '15', ...httpStatusArgv(registryPort, 'GET', '/getCa', at)],
      limitMs: 30_000,
    });
    const answers = await world.probe(machine.name, [
      asks('answer', registry?.at),
      asks('inside', registry?.address),
      { id: 'authority', kind: 'read', path: re6stPaths.authority },
      { id: 'certificate', kind: 'read', path: re6stPaths.certificate },
      { id: 'config', kind: 'read', path: re6stPaths.config },
      { id: 'active', kind: 'run', argv: ['systemctl', 'is-active', re6stService] },
      { id: 'enabled', kind: 'run', argv: ['systemctl', 'is-enabled', re6stService] },
      { id: 'addresses', kind: 'run', argv: ['ip', '-j', '-6', 'addr', 'show'] },
      { id: 'own', kind: 'run', argv: ['ip', '-j', '-4', 'addr', 'show', 'dev', machine.interface, 'scope', 'global'] },
    ]);
    const text = (id: string): string => (answers[id]?.exit === 0 ? (answers[id]?.out ?? '') : '');
    const subnet = subnetOf(text('authority'), text('certificate'));
    const inNetwork = subnet === null ? '' : nodeAddress(subnet);
    const token = await readToken(world, tokenId(machine.name));
    const missed = (await world.sight<boolean>('secret-missed', { id: tokenId(machine.name) })) === true;
    const wanted = subnet === null && !token.held && !missed && context.input.byHand !== true;
    return {
      registry,
      answer: httpStatus(text('answer')),
      inside: httpStatus(text('inside')),
      first: there.certificate?.exit === 0,
      subnet,
      network: subnet === null ? null : networkOfAuthority(text('authority')),
      config: answers.config?.exit === 0 ? answers.config.out : null,
      running: answers.active?.exit === 0,
      enabled: answers.enabled?.exit === 0,
      addressed: parseAddresses(text('addresses')).some((address) => address.split('/')[0] === inNetwork),
      ip: ownAddresses(text('own'))[0] ?? '',
      token,
      asks: wanted ? await clientAsks(world, context, holder.name) : null,
      missed,
    };
  },
  found: ({ registry, subnet, running, addressed }) => [
    registry === null
      ? says('join-re6st', 'found.noRegistry')
      : says('join-re6st', 'found.registry', { url: registryUrl(registry.at), network: registry.network }),
    subnet === null ? says('join-re6st', 'found.outside') : says('join-re6st', 'found.subnet', { subnet }),
    says('join-re6st', running && addressed ? 'found.running' : 'found.notRunning'),
  ],
  verdict: (facts, context) => {
    const { name: machine } = machineOfSubject(context);
    const holder = registryHolder(context);
    const { registry, subnet, network, config } = facts;
    const wanted = context.site.ranges.re6st;
    if (registry === null) return blocked(finding('re6st-registry-silent', { machine: holder }));
    if (wanted !== undefined && !sameNetwork(wanted, registry.network))
      return blocked(finding('re6st-network-differs', { machine: holder, wanted, found: registry.network }));
    if (network !== null && !sameNetwork(network, registry.network))
      return blocked(finding('re6st-network-differs', { machine, wanted: registry.network, found: network }));
    if (subnet === null) {
      if (machine !== holder && !facts.first)
        return blocked(finding('step-before-missing', { step: 'join-re6st', before: `join-re6st@machine:${holder}` }));
      if (facts.answer !== 200)
        return blocked(finding('re6st-registry-unreachable', { machine, url: registryUrl(registry.at) }));
      return todo();
    }
    const stands = config === wantedConfig(facts, context) && facts.running && facts.enabled && facts.addressed;
    if (!stands) return todo();
    // It is reached through the network itself now, which may need a while after a start.
    return facts.inside === 200 ? done() : todo();
  },
  plan: (facts, context): readonly Command[] => {
    const { name: machine } = machineOfSubject(context);
    const { registry, subnet, config, token, asks, missed } = facts;
    if (registry === null) return [];
    if (subnet === null) {
      const id = tokenId(machine);
      const url = registryUrl(registry.at);
      const client = clientOf(context.site);
      if (!token.held && asks !== null && client !== undefined)
        return [
          run(client.machine.name, tokenArgv(asks, machine, context), {
            as: client.user,
            limitMs: (readyPatienceSeconds + 300) * 1000,
            keeps: { secret: id, pattern: re6stTokenSays },
            // Where it brings none, a person is asked in the next round.
            expect: [0, 1, 3, 4],
            note: says('join-re6st', 'does.ask', { user: client.user, client: client.machine.name }),
          }),
        ];
      return [
        ...(token.held
          ? []
          : [
              {
                kind: 'ask' as const,
                question: {
                  id,
                  kind: 'secret' as const,
                  key: `steps.join-re6st.asks.${missed ? 'instead' : token.spent ? 'again' : 'token'}`,
                  params: { machine },
                  show: [{ label: 'registry', value: url }],
                  choices: [],
                },
              },
            ]),
        run(machine, joinArgv(url, registry.fingerprint, machine, tokenPatienceSeconds), {
          stdin: [{ secret: id }, '\n'],
          spends: id,
          failures: [
            { pattern: tokenRefusedSays, finding: finding('re6st-token-refused', { machine }) },
            {
              pattern: registryAwaySays,
              finding: finding('re6st-registry-unreachable', { machine, url }),
              keepsSecret: true,
            },
          ],
          limitMs: (tokenPatienceSeconds + 120) * 1000,
          // It waits for minutes, and can be told to stop.
          endsWell: true,
          note: says('join-re6st', 'does.join', { url }),
        }),
      ];
    }
    const text = wantedConfig(facts, context);
    const write: Command = {
      kind: 'write',
      on: { machine },
      path: re6stPaths.config,
      text,
      before: config,
      mode: 0o644,
      note: says('join-re6st', 'does.config'),
    };
    const changed = config !== text;
    return [
      ...(changed ? [write] : []),
      ...(facts.enabled ? [] : [run(machine, ['systemctl', 'enable', re6stService])]),
      ...(changed || !facts.running || !facts.addressed
        ? [run(machine, ['systemctl', 'restart', re6stService], { note: says('join-re6st', 'does.start') })]
        : []),
      {
        kind: 'until',
        on: { machine },
        probe: {
          id: 'joined',
          kind: 'run',
          argv: [
            'sh',
            '-c',
            'ip -6 -o addr show | grep -qF " $1/" && shift && exec "$@"',
            'sh',
            nodeAddress(subnet),
            'timeout',
            '10',
            ...httpStatusArgv(registryPort, 'GET', '/getCa', registry.address),
          ],
          limitMs: 20_000,
        },
        wanted: { exit: 0, pattern: '^HTTP/1\\.[01] 200' },
        everyMs: 2000,
        limitMs: 300_000,
        awaited: says('join-re6st', 'waits.joined', { subnet }),
        evidence: [
          { id: 'service', kind: 'run', argv: ['systemctl', 'status', '--no-pager', '-n', '20', re6stService] },
          { id: 'log', kind: 'run', argv: ['tail', '-n', '60', re6stPaths.log] },
          { id: 'addresses', kind: 'run', argv: ['ip', '-brief', 'address'] },
          { id: 'routes', kind: 'run', argv: ['ip', '-6', 'route'] },
        ],
      },
    ];
  },
});

/** Of a machine's own addresses the first one that the plan names, else the lowest: every machine's configuration keeps it. */
const lastingAddress = (machine: Machine, own: readonly string[]): string | undefined => {
  const named = addressesOf(machine).map((text) => parseAddress(text)?.value);
  return named.flatMap((value) => own.filter((one) => parseAddress(one)?.value === value))[0] ?? own[0];
};

/** What the site's client would ask for a token with; null where there is none, or where it or the registry's node says nothing. */
async function clientAsks(
  world: World,
  { site }: AnyContext,
  holder: string,
): Promise<{ readonly release: string; readonly computer: string } | null> {
  const client = clientOf(site);
  if (client === undefined) return null;
  // A client's machine that cannot be reached leaves the gate.
  return whereReachable(async () => {
    const [{ files }, { config, state }] = await Promise.all([
      world.probe(client.machine.name, [{ id: 'files', kind: 'run', argv: clientFilesArgv(client.user), as: 'root' }]),
      world.probe(holder, [
        { id: 'config', kind: 'read', path: slaposPaths.config },
        { id: 'state', kind: 'run', argv: [...computerStateArgv], as: 'root', limitMs: 60_000 },
      ]),
    ]);
    const known = parseComputerState(state?.out ?? '')?.partitions ?? [];
    const release = known.find(({ title }) => title === registryInstance)?.release;
    const computer = computerIn(config?.exit === 0 ? config.out : null);
    return files?.exit === 0 && computer !== null && release != null ? { release, computer } : null;
  });
}

/** The first to join asks for all: the registry hears of their tokens while it is at work. */
function tokenArgv(
  { release, computer }: { readonly release: string; readonly computer: string },
  machine: string,
  { site }: AnyContext,
): string[] {
  const all = re6stMachines(site).map(({ name }) => name);
  const names = [machine, ...(all[0] === machine ? all.slice(1) : [])].map((name) => `re6st-${name}`);
  return ['sh', '-c', re6stTokenScript, 'sh', String(readyPatienceSeconds), release, computer, ...names];
}

const tokenId = (machine: string): string => `re6st-token:${machine}`;

/** The machine whose node holds the registry; the subject itself in a plan that lost it. */
export const registryHolder = (context: AnyContext): string =>
  context.site.machines.find(({ roles }) => roles.includes('registry'))?.name ?? machineOfSubject(context).name;

const wantedConfig = (
  { registry, config, ip }: { readonly registry: { at: string } | null; config: string | null; ip: string },
  context: AnyContext,
): string =>
  re6stConfig(config ?? ownFiles, {
    registry: registryUrl(registry?.at ?? ''),
    ip,
    interface: machineOfSubject(context).interface,
  });

/** What re6st-conf writes, for a configuration that somebody removed. */
const ownFiles = 'ca ca.crt\ncert cert.crt\nkey cert.key\n';
