// The registry of the re6st network, a service on its node: asked for by the site's client with real JSON, awaited until it is green
// and answers as the authority of the plan's network, also at its machine's own address, where it stays when the partition moves into
// the network. Must never be asked for with another network: certificates would be void.
import { z } from 'zod';
import { parseRange } from '../../../src-shared/address.ts';
import { releaseNamed, type SitePlan, systemsOf, wantsRe6st } from '../../../src-shared/site.ts';
import type { AnyContext } from '../../runbook/define.ts';
import { blocked, defineStep, finding, machineOfSubject, machines, says, todo, waiting } from '../../runbook/define.ts';
import { parametersSha256 } from '../../target/computer.ts';
import { parseRegistry, registryArgv, registryPort, registryUrl, sameNetwork } from '../../target/re6st.ts';
import { aptFacts, aptFactsOf, aptProbes, installUnlessThere, isInstalled, packageStatusArgv } from '../apt.ts';
import { readService, type Service, serviceFacts, serviceInput, servicePlan, serviceVerdict } from '../client.ts';
import { guardedRedirect, redirectFactsOf, redirectProbes, redirectStands, registryRedirection } from '../redirect.ts';
import { releaseNeeds } from '../slapos.ts';

/** The registry's name at the master. */
export const registryInstance = 're6st-registry';

const redirectFacts = z.strictObject({
  program: z.string().nullable(),
  service: z.string().nullable(),
  timer: z.string().nullable(),
  active: z.boolean(),
  rules: z.array(z.string()),
  /** Families in which our table is there. */
  tables: z.array(z.string()),
});

export const installRe6stRegistry = defineStep({
  id: 'install-re6st-registry',
  chapter: 're6st',
  phase: 'site',
  per: machines('registry'),
  after: [
    { step: 'format-node', on: 'same' },
    { step: 'configure-client', on: 'all' },
  ],
  risk: 'changes',
  holds: ['content'],
  needs: (site) =>
    wantsRe6st(site)
      ? [
          ...releaseNeeds(site, 're6stnet'),
          ...systemsOf(site).map((system) => ({ kind: 'package' as const, name: 'nftables', system })),
        ]
      : [],
  input: serviceInput,
  facts: z.strictObject({
    service: serviceFacts,
    /** What answers as a registry on the machine; null while nothing does. */
    registry: z.strictObject({ address: z.string(), network: z.string(), fingerprint: z.string() }).nullable(),
    /** What leads to it from the machine's own address. */
    redirect: redirectFacts,
    /** What dpkg says of the package `nftables`. */
    package: z.string(),
    /** Our configuration of apt as it is. */
    apt: aptFacts,
  }),
  read: async (world, context) => {
    const machine = machineOfSubject(context);
    const answers = await world.probe(machine.name, [
      { id: 'registry', kind: 'run', argv: [...registryArgv], limitMs: 30_000 },
      ...redirectProbes(registryRedirection(machine)),
      ...aptProbes,
      { id: 'package', kind: 'run', argv: packageStatusArgv('nftables') },
    ]);
    const { registry } = answers;
    return {
      service: await readService(world, context, machine.name, serviceOf(context.site)),
      registry: registry?.exit === 0 ? parseRegistry(registry.out) : null,
      redirect: { ...redirectFactsOf(registryRedirection(machine), answers) },
      package: answers.package?.exit === 0 ? answers.package.out : '',
      apt: aptFactsOf(answers),
    };
  },
  found: ({ service, registry }) => [
    service.instance === null
      ? says('install-re6st-registry', 'found.absent')
      : says('install-re6st-registry', 'found.requested'),
    registry === null
      ? says('install-re6st-registry', 'found.silent')
      : says('install-re6st-registry', 'found.answers', {
          url: registryUrl(registry.address),
          network: registry.network,
        }),
  ],
  verdict: (facts, context) => {
    const { service, registry } = facts;
    const { site } = context;
    const { name: machine } = machineOfSubject(context);
    const range = site.ranges.re6st;
    if (releaseNamed(site, 're6stnet') === undefined || range === undefined)
      return blocked(finding('step-before-missing', { step: 'install-re6st-registry', before: 'describe-site' }));
    if (registry !== null && !sameNetwork(range, registry.network))
      return blocked(finding('re6st-network-differs', { machine, wanted: range, found: registry.network }));
    const verdict = serviceVerdict(
      service,
      serviceOf(site),
      machine,
      site,
      says('install-re6st-registry', 'waits.green'),
    );
    if (verdict.state !== 'done') return verdict;
    if (registry === null) return waiting(says('install-re6st-registry', 'waits.answer'));
    return isLed(facts, registry.address, context) ? verdict : todo();
  },
  plan: (facts, context) => {
    const { service, registry } = facts;
    const { site } = context;
    const { name: machine } = machineOfSubject(context);
    const name = registryInstance;
    return [
      ...servicePlan(service, serviceOf(site), machine, site, {
        supply: says('install-re6st-registry', 'does.supply', { machine }),
        request: says('install-re6st-registry', 'does.request', { name, network: site.ranges.re6st ?? '' }),
        installed: says('install-re6st-registry', 'waits.installed'),
        green: says('install-re6st-registry', 'waits.green'),
      }),
      ...(registry !== null
        ? isLed(facts, registry.address, context)
          ? []
          : [
              ...installUnlessThere(
                context,
                'nftables',
                facts.package,
                facts.apt,
                says('install-re6st-registry', 'does.install'),
              ),
              guardedRedirect(machine, registryRedirection(machineOfSubject(context)), facts.redirect, (seconds) =>
                says('install-re6st-registry', 'does.guard', { port: registryPort, seconds }),
              ),
            ]
        : [
            {
              kind: 'until' as const,
              on: { machine },
              probe: { id: 'registry', kind: 'run' as const, argv: [...registryArgv], limitMs: 30_000 },
              wanted: { exit: 0, pattern: 'BEGIN CERTIFICATE' },
              everyMs: 3000,
              // Its first start makes Diffie-Hellman parameters.
              limitMs: 1_800_000,
              awaited: says('install-re6st-registry', 'waits.answer'),
              evidence: [
                { id: 'listening', kind: 'run' as const, argv: ['ss', '-ltn'] },
                { id: 'status', kind: 'run' as const, argv: ['slapos', 'node', 'status'], as: 'root' },
              ],
            },
          ]),
    ];
  },
});

/** Its machine leads to it, where it is now. */
const isLed = (
  facts: { readonly redirect: z.infer<typeof redirectFacts>; readonly package: string },
  address: string,
  context: AnyContext,
): boolean =>
  isInstalled(facts.package) &&
  redirectStands(registryRedirection(machineOfSubject(context)), facts.redirect, { ip6: address });

/** What the registry is given: the network, and how many bits of it a node's part adds. */
function parametersOf({ ranges }: SitePlan) {
  const network = ranges.re6st ?? '';
  const length = parseRange(network)?.length ?? 64;
  return {
    'ipv6-prefix': network,
    // A /64 each where there is room; slapos divides a node's part further and needs at least 17 bits of it.
    'prefix-length': length <= 48 ? 64 - length : 32,
    // A tunnel that is not encrypted is refused by the OpenVPN of today.
    encrypt: true,
  };
}

function serviceOf(site: SitePlan): Service {
  const parameters = parametersOf(site);
  return {
    step: 'install-re6st-registry',
    name: registryInstance,
    url: releaseNamed(site, 're6stnet')?.url ?? '',
    serialisation: 'json-in-xml',
    parameters: JSON.stringify(parameters),
    parametersSha256: parametersSha256(parameters),
    published: ['re6stry-url'],
  };
}
