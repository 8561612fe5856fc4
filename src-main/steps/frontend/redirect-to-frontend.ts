// Ports 80 and 443 of the frontend's machine, also over UDP, lead to the partition where the frontend listens. Rules in tables of
// our own, guarded, kept by a timer. Proved by HTTPS for a name below the domain, here and from another machine of the site.
import { z } from 'zod';
import { systemsOf } from '../../../src-shared/site.ts';
import type { Answer, AnyContext, Probe } from '../../runbook/define.ts';
import { blocked, defineStep, done, finding, machineOfSubject, machines, says, todo } from '../../runbook/define.ts';
import { proofName } from '../../software/frontend-certificate.ts';
import { httpsSightArgv, parseHttpsSight } from '../../target/https.ts';
import { frontendAddressesText, frontendPorts, ownAddressesText } from '../../target/own-addresses.ts';
import { httpAtArgv, httpStatus, parseAddresses } from '../../target/system.ts';
import { aptFacts, aptFactsOf, aptProbes, installUnlessThere, isInstalled, packageStatusArgv } from '../apt.ts';
import {
  frontendRedirection,
  guardedRedirect,
  printedAddresses,
  redirectEvidence,
  redirectFactsOf,
  redirectProbes,
  redirectRemoval,
  redirectStands,
} from '../redirect.ts';
import { certificateFacts, certificateFault, frontendOf, otherMachine, readCertificate } from './frontend-plan.ts';

const sight = z.strictObject({ fingerprint: z.string(), status: z.int() });

export const redirectToFrontend = defineStep({
  id: 'redirect-to-frontend',
  chapter: 'frontend',
  phase: 'site',
  per: machines('frontend'),
  after: [
    { step: 'install-slapos-node', on: 'same' },
    { step: 'connect', on: 'all', at: 'site' },
  ],
  risk: 'changes',
  holds: ['content'],
  needs: (site) =>
    site.frontend === undefined
      ? []
      : systemsOf(site).map((system) => ({ kind: 'package' as const, name: 'nftables', system })),
  input: z.strictObject({}),
  facts: z.strictObject({
    program: z.string().nullable(),
    service: z.string().nullable(),
    timer: z.string().nullable(),
    active: z.boolean(),
    /** What dpkg says of the package `nftables`. */
    package: z.string(),
    /** Our configuration of apt as it is. */
    apt: aptFacts,
    certificate: certificateFacts.omit({ chain: true }),
    /** Where the frontend is reached, IPv4 first. */
    at: z.array(z.string()),
    /** Public addresses of the plan that are not the machine's: a router's, which forwards to it. */
    forwarded: z.array(z.string()),
    /** Addresses of the partition that listens. */
    listening: z.array(z.string()),
    /** Where our rules lead, each once for each chain. */
    rules: z.array(z.string()),
    /** Families in which our table is there. */
    tables: z.array(z.string()),
    /** HTTP status at port 80, by address; 0 where nobody answers. */
    plain: z.record(z.string(), z.int()),
    /** What port 443 shows to the machine itself, by address. */
    encrypted: z.record(z.string(), sight),
    /** The same to another machine, at the addresses that it is asked for; null while the plan has no other. */
    elsewhere: z.strictObject({ machine: z.string(), seen: z.record(z.string(), sight) }).nullable(),
  }),
  read: async (world, context) => {
    const machine = machineOfSubject(context);
    const { domain, publicAddresses } = frontendOf(context);
    const { chain: _chain, ...certificate } = await readCertificate(world, machine.name);
    const first = await world.probe(machine.name, [
      ...redirectProbes(redirectionOf(context)),
      ...aptProbes,
      { id: 'package', kind: 'run', argv: packageStatusArgv('nftables') },
      { id: 'own ip', kind: 'run', argv: ['sh', '-c', ownAddressesText(machine.interface, 'ip')] },
      { id: 'own ip6', kind: 'run', argv: ['sh', '-c', ownAddressesText(machine.interface, 'ip6')] },
      { id: 'listening', kind: 'run', argv: ['sh', '-c', frontendAddressesText] },
    ]);
    const lines = (id: string): string[] => printedAddresses(first[id]?.out ?? '');
    const listening = lines('listening');
    const local = publicAddresses.length === 0 ? [] : localAddresses(await world.probe(machine.name, [localProbe]));
    // Only at an address that the machine has does anything arrive; another one its own rules would answer for falsely.
    const known = [...lines('own ip'), ...lines('own ip6'), ...publicAddresses.filter((one) => local.includes(one))];
    const at = [...new Set(known)].filter((address) =>
      listening.some((one) => one.includes(':') === address.includes(':')),
    );
    // Named ones are for others to come in by; a machine in another network has no way to the rest, such as a private IPv6 address.
    const named = at.filter((address) => publicAddresses.includes(address));
    const beyond = named.length > 0 ? named : at;
    const name = proofName(domain);
    const asks = (addresses: readonly string[]) =>
      addresses.map((address) => ({
        id: `encrypted ${address}`,
        kind: 'run' as const,
        argv: httpsSightArgv(address, 443, name),
        limitMs: 30_000,
      }));
    const seenIn = (addresses: readonly string[], answers: Readonly<Record<string, { out: string }>>) =>
      Object.fromEntries(
        addresses.map((address) => [address, parseHttpsSight(answers[`encrypted ${address}`]?.out ?? '')]),
      );
    const here = await world.probe(machine.name, [
      ...asks(at),
      ...at.map((address) => ({
        id: `plain ${address}`,
        kind: 'run' as const,
        argv: httpAtArgv(address, 80, '/'),
        limitMs: 20_000,
      })),
    ]);
    const other = otherMachine(context);
    return {
      ...redirectFactsOf(redirectionOf(context), first),
      package: first.package?.exit === 0 ? first.package.out : '',
      apt: aptFactsOf(first),
      certificate,
      at,
      forwarded: publicAddresses.filter((one) => !local.includes(one)),
      listening,
      plain: Object.fromEntries(at.map((address) => [address, httpStatus(here[`plain ${address}`]?.out ?? '')])),
      encrypted: seenIn(at, here),
      elsewhere:
        other === undefined
          ? null
          : { machine: other.name, seen: seenIn(beyond, await world.probe(other.name, asks(beyond))) },
    };
  },
  found: ({ listening, forwarded, certificate, encrypted, elsewhere }, context) => {
    const name = proofName(frontendOf(context).domain);
    const told = (machine: string, seen: Readonly<Record<string, z.infer<typeof sight>>>) =>
      Object.entries(seen).map(([address, { fingerprint, status }]) => {
        if (fingerprint === '') return says('redirect-to-frontend', 'found.silent', { machine, address });
        return fingerprint === certificate.fingerprint
          ? says('redirect-to-frontend', 'found.right', { machine, address, name, status })
          : says('redirect-to-frontend', 'found.other', { machine, address, name, status });
      });
    return [
      listening.length === 0
        ? says('redirect-to-frontend', 'found.nobody', { port: frontendPorts.encrypted })
        : says('redirect-to-frontend', 'found.server', { addresses: listening.join(', ') }),
      ...(forwarded.length === 0
        ? []
        : [says('redirect-to-frontend', 'found.forwarded', { addresses: forwarded.join(', ') })]),
      ...told(machineOfSubject(context).name, encrypted),
      ...(elsewhere === null ? [] : told(elsewhere.machine, elsewhere.seen)),
    ];
  },
  verdict: (facts, context) => {
    const machine = machineOfSubject(context);
    const fault = certificateFault(facts.certificate);
    if (fault !== null) return blocked(fault);
    if (facts.listening.length === 0)
      return blocked(finding('frontend-not-listening', { machine: machine.name, port: frontendPorts.encrypted }));
    if (facts.at.length === 0)
      return blocked(finding('target-no-ipv4', { machine: machine.name, interface: machine.interface }));
    const proved = (seen: Readonly<Record<string, z.infer<typeof sight>>>): boolean =>
      Object.values(seen).every(
        ({ fingerprint, status }) => fingerprint === facts.certificate.fingerprint && status > 0,
      );
    return isInstalled(facts.package) &&
      redirectStands(redirectionOf(context), facts, leadsTo(facts)) &&
      facts.at.every((address) => (facts.plain[address] ?? 0) > 0) &&
      proved(facts.encrypted) &&
      (facts.elsewhere === null || proved(facts.elsewhere.seen))
      ? done()
      : todo();
  },
  plan: (facts, context) => {
    const { name: machine } = machineOfSubject(context);
    const { domain } = frontendOf(context);
    const redirection = redirectionOf(context);
    const shown = facts.certificate.fingerprint.toUpperCase().match(/../g)?.join(':') ?? '';
    const looks = [
      { from: machine, addresses: facts.at },
      ...(facts.elsewhere === null
        ? []
        : [{ from: facts.elsewhere.machine, addresses: Object.keys(facts.elsewhere.seen) }]),
    ];
    return [
      ...installUnlessThere(
        context,
        'nftables',
        facts.package,
        facts.apt,
        says('redirect-to-frontend', 'does.install'),
      ),
      guardedRedirect(machine, redirection, facts, (seconds) =>
        says('redirect-to-frontend', 'does.guard', { addresses: facts.listening.join(', '), seconds }),
      ),
      ...looks.flatMap(({ from, addresses }) =>
        addresses.map((address) => ({
          kind: 'until' as const,
          on: { machine: from },
          probe: {
            id: 'answer',
            kind: 'run' as const,
            argv: httpsSightArgv(address, 443, proofName(domain)),
            limitMs: 30_000,
          },
          wanted: { pattern: `(?=[\\s\\S]*${shown})[\\s\\S]*HTTP/` },
          everyMs: 3000,
          limitMs: 300_000,
          awaited: says('redirect-to-frontend', 'waits.answer', { machine: from, address, name: proofName(domain) }),
          evidence: from === machine ? redirectEvidence(redirection) : [],
        })),
      ),
    ];
  },
  undo: {
    plan: (facts, context) => redirectRemoval(machineOfSubject(context).name, redirectionOf(context), facts),
    stays: () => [says('redirect-to-frontend', 'stays.package')],
  },
});

const localProbe: Probe = { id: 'local', kind: 'run', argv: ['ip', '-j', 'addr', 'show'] };
/** Every address of the machine, on whatever interface. */
const localAddresses = ({ local }: Readonly<Record<string, Answer>>): readonly string[] =>
  parseAddresses(local?.out ?? '').map((text) => text.slice(0, text.indexOf('/')));

/** Of each family the address our unit takes as well: the lowest. Only where packets of that family arrive. */
function leadsTo({ at, listening }: { readonly at: readonly string[]; readonly listening: readonly string[] }) {
  const of = (six: boolean): string | undefined =>
    at.some((address) => address.includes(':') === six)
      ? listening.find((address) => address.includes(':') === six)
      : undefined;
  const [ip, ip6] = [of(false), of(true)];
  return { ...(ip === undefined ? {} : { ip }), ...(ip6 === undefined ? {} : { ip6 }) };
}

const redirectionOf = (context: AnyContext) =>
  frontendRedirection(machineOfSubject(context), frontendOf(context).publicAddresses);
