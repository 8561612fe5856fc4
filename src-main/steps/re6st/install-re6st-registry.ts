// The registry of the re6st network, a service on its node: asked for by the site's client with real JSON, awaited until it is green
// and answers as the authority of the plan's network. Must never be asked for with another network: certificates would be void.
import { z } from 'zod';
import { parseRange } from '../../../src-shared/address.ts';
import { releaseNamed, type SitePlan } from '../../../src-shared/site.ts';
import { blocked, defineStep, finding, machineOfSubject, machines, says, waiting } from '../../runbook/define.ts';
import { parametersSha256 } from '../../target/computer.ts';
import { parseRegistry, registryArgv, registryUrl, sameNetwork } from '../../target/re6st.ts';
import { readService, type Service, serviceFacts, servicePlan, serviceVerdict } from '../client.ts';

const instanceName = 're6st-registry';

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
  input: z.strictObject({}),
  facts: z.strictObject({
    service: serviceFacts,
    /** What answers as a registry on the machine; null while nothing does. */
    registry: z.strictObject({ address: z.string(), network: z.string(), fingerprint: z.string() }).nullable(),
  }),
  read: async (world, context) => {
    const { name } = machineOfSubject(context);
    const { registry } = await world.probe(name, [
      { id: 'registry', kind: 'run', argv: [...registryArgv], limitMs: 30_000 },
    ]);
    return {
      service: await readService(world, context, name, serviceOf(context.site)),
      registry: registry?.exit === 0 ? parseRegistry(registry.out) : null,
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
  verdict: ({ service, registry }, { site, subject }) => {
    const machine = subject.kind === 'machine' ? subject.name : '';
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
    return verdict.state === 'done' && registry === null
      ? waiting(says('install-re6st-registry', 'waits.answer'))
      : verdict;
  },
  plan: ({ service, registry }, { site, subject }) => {
    const machine = subject.kind === 'machine' ? subject.name : '';
    const name = instanceName;
    return [
      ...servicePlan(service, serviceOf(site), machine, site, {
        supply: says('install-re6st-registry', 'does.supply', { machine }),
        request: says('install-re6st-registry', 'does.request', { name, network: site.ranges.re6st ?? '' }),
        installed: says('install-re6st-registry', 'waits.installed'),
        green: says('install-re6st-registry', 'waits.green'),
      }),
      ...(registry !== null
        ? []
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
    name: instanceName,
    url: releaseNamed(site, 're6stnet')?.url ?? '',
    serialisation: 'json-in-xml',
    parameters: JSON.stringify(parameters),
    parametersSha256: parametersSha256(parameters),
    published: ['re6stry-url'],
  };
}
