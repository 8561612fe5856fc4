// Services on a node, asked for by a configured client: which machine and user the client is, and how a release is supplied to a
// computer, an instance requested there, and the result awaited until it is green. One definition for every step that places a
// service on a node. Reads go through the node itself, with the node's own certificate: they change nothing at the master.
import { z } from 'zod';
import { computerIn } from '../../src-shared/computer.ts';
import type { Machine, SitePlan } from '../../src-shared/site.ts';
import type { CommandOf, Text } from '../../src-shared/step.ts';
import type { AnyContext, Command, Told, Verdict, World } from '../runbook/define.ts';
import { blocked, done, finding, run, todo, waiting } from '../runbook/define.ts';
import { urlKey } from '../software/entry.ts';
import { clientFilesScript, clientRequestScript } from '../target/client-scripts.ts';
import { computerState, computerStateArgv, parseComputerState, serviceGreenArgv } from '../target/computer.ts';
import { softwareProgressArgv } from '../target/software-progress.ts';
import { releaseFolder, slaposPaths } from './slapos.ts';
import { isUnfinished } from './unfinished.ts';
import { nowField } from './update/behind.ts';

// ---------------------------------------------------------------- who asks

export interface Client {
  readonly machine: Machine;
  /** The ordinary user in whose home the client's files lie. */
  readonly user: string;
}

/**
 * The site's client: on the first node whose `client` is named, else where the first service is, else on the first node. There is
 * one, since an account of the master has one certificate at a time. Undefined for a site without nodes.
 */
export function clientOf(plan: SitePlan): Client | undefined {
  const all = plan.machines.filter((item) => item.roles.includes('node'));
  const staying = all.filter(({ leaving }) => leaving !== true);
  // The last one to leave asks for itself.
  const nodes = staying.length === 0 ? all : staying;
  const machine =
    nodes.find((item) => item.client !== undefined) ??
    nodes.find((item) => item.roles.includes('registry') || item.roles.includes('frontend')) ??
    nodes[0];
  return machine === undefined ? undefined : { machine, user: machine.client ?? machine.user };
}

// ---------------------------------------------------------------- what is asked for

export interface Service {
  /** The step that places it, and brings it to another release when that is asked for. */
  readonly step: string;
  /** The instance's name at the master, such as `re6st-registry`. */
  readonly name: string;
  /** Address of the plan's release, byte for byte. */
  readonly url: string;
  /** How the release reads its parameters: all as one JSON text, or each by itself. */
  readonly serialisation: 'json-in-xml' | 'xml';
  /** A JSON object as text; it may hold references to secrets. It travels on standard input alone. */
  readonly parameters: Text;
  /** sha256 of the canonical JSON of the same parameters: what the master has is compared by it. */
  readonly parametersSha256: string;
  /** Software type, where it is not the default one. */
  readonly type?: string;
  /** What it publishes once it has come together. */
  readonly published: readonly string[];
}

/** What is known of a service: part of a step's facts. */
export const serviceFacts = z.strictObject({
  /** `COMP-7`, null while the node is not registered. */
  computer: z.string().nullable(),
  /** The client's files are there. */
  client: z.boolean(),
  /** Why the node's master could not be asked; empty when it answered. */
  error: z.string(),
  /** The release it is to run on: the one it lives with on the node, unless another is asked for; else the plan's. */
  release: z.string(),
  /** That release was supplied to the computer. */
  supplied: z.boolean(),
  /** It stands on the node. */
  installed: z.boolean(),
  /** The instance on this computer, null while there is none. */
  instance: computerState.shape.partitions.element.strict().nullable(),
  /** Every partition of its tree here was built from the release it was asked for with, and since it was. */
  moved: z.boolean(),
  /** Promises that are not kept, of it and of its children here. */
  failing: z.array(z.string()),
});
export type ServiceFacts = z.infer<typeof serviceFacts>;

/** A service that lives stays on its release until somebody asks for the plan's. */
export const serviceInput = z.strictObject({ now: nowField });

/** Reads a service's state on the node it is placed on, and whether the client is configured. Changes nothing anywhere. */
export async function readService(
  world: World,
  { site, input, earlier }: Pick<AnyContext, 'site' | 'input' | 'earlier'>,
  node: string,
  service: Pick<Service, 'name' | 'url'>,
): Promise<ServiceFacts> {
  const client = clientOf(site);
  const completedAt = (url: string) =>
    ({ id: 'completed', kind: 'stat', path: `${releaseFolder(urlKey(url))}/.completed` }) as const;
  const [{ config, state, completed }, { files }] = await Promise.all([
    world.probe(node, [
      { id: 'config', kind: 'read', path: slaposPaths.config },
      { id: 'state', kind: 'run', argv: [...computerStateArgv], as: 'root', limitMs: 60_000 },
      completedAt(service.url),
    ]),
    client === undefined
      ? { files: undefined }
      : world.probe(client.machine.name, [
          { id: 'files', kind: 'run', argv: clientFilesArgv(client.user), as: 'root' },
        ]),
  ]);
  const known = parseComputerState(state?.out ?? '');
  const instance = known?.partitions.find(({ title }) => title === service.name) ?? null;
  const tree = (known?.partitions ?? []).filter(({ title, root }) => [title, root].includes(service.name));
  const lived = input.now === true ? service.url : (instance?.release ?? service.url);
  const livedStands = lived === service.url ? completed : (await world.probe(node, [completedAt(lived)])).completed;
  // On a node that was installed anew under its name nothing of it stands, and nobody can bring a release that the medium has not.
  const keeps = livedStands?.exit === 0 || tree.some(({ built }) => built === lived);
  const release = keeps ? lived : service.url;
  const stands = keeps ? livedStands : completed;
  return {
    computer: computerIn(config?.exit === 0 ? config.out : null),
    client: files?.exit === 0,
    error: known?.error ?? '',
    release,
    supplied: known?.software.some(({ url, state: is }) => url === release && is === 'available') ?? false,
    installed: stands?.exit === 0,
    instance: instance === null ? null : serviceFacts.shape.instance.parse(instance),
    moved:
      tree.every((one) => one.built === one.release) &&
      !(isUnfinished({ earlier }) && tree.some(({ behind }) => behind)),
    failing: (known?.partitions ?? []).filter(({ root }) => root === service.name).flatMap(({ failing }) => failing),
  };
}

/** Exit 0 when the user has all of the client's files. */
export const clientFilesArgv = (user: string): string[] => ['sh', '-c', clientFilesScript, 'sh', user];

/** What the facts mean. `converging`: told while it is on its way. */
export function serviceVerdict(
  facts: ServiceFacts,
  service: Service,
  node: string,
  site: SitePlan,
  converging: Told,
): Verdict {
  const client = clientOf(site);
  if (facts.computer === null) return blocked(finding('node-not-registered', { machine: node }));
  if (!facts.client || client === undefined)
    return blocked(
      finding('client-not-configured', { machine: client?.machine.name ?? node, user: client?.user ?? '' }),
    );
  if (facts.error !== '') return blocked(finding('node-cannot-ask', { machine: node, detail: facts.error }));
  if (!facts.supplied || !asWanted(facts, service)) return todo();
  if (!isGreen(facts, service)) return waiting(converging);
  // What lives is changed on request.
  if (facts.release === service.url) return done();
  return done(finding('machine-behind-medium', { machine: node, count: 1, first: service.url, step: service.step }));
}

const asWanted = ({ instance, release }: ServiceFacts, { parametersSha256 }: Service): boolean =>
  instance !== null &&
  instance.release === release &&
  instance.requestedState === 'started' &&
  instance.parametersSha256 === parametersSha256;

/** It is built from its release, publishes what it should, and no promise fails. */
const isGreen = ({ instance, failing, installed, moved }: ServiceFacts, { published }: Service): boolean =>
  installed &&
  moved &&
  instance !== null &&
  failing.length === 0 &&
  // One that no pass has processed yet complains of nothing, and publishes nothing.
  instance.published.length > 0 &&
  published.every((key) => instance.published.includes(key));

/** Texts of the step that places a service. */
export interface ServiceNotes {
  readonly supply: Told;
  readonly request: Told;
  /** Awaited: the release on the node, then the instance. */
  readonly installed: Told;
  readonly green: Told;
}

/** Supplies, requests and waits: only what is still to do. The requests are made by the client, the waits look on the node. */
export function servicePlan(
  facts: ServiceFacts,
  planned: Service,
  node: string,
  site: SitePlan,
  notes: ServiceNotes,
): readonly Command[] {
  const client = clientOf(site);
  const { computer } = facts;
  if (client === undefined || computer === null) return [];
  const service = { ...planned, url: facts.release };
  const { name: asker } = client.machine;
  const failures = serviceFailures(asker, service.name);
  const supply = run(asker, ['slapos', 'supply', service.url, computer], {
    as: client.user,
    limitMs: 180_000,
    failures,
    note: notes.supply,
  });
  const request = run(asker, requestArgv(service, computer), {
    as: client.user,
    stdin: service.parameters,
    limitMs: 300_000,
    failures,
    note: notes.request,
  });
  return [
    ...(facts.supplied ? [] : [supply]),
    ...(facts.installed ? [] : [installedOn(node, service.url, notes.installed)]),
    ...(asWanted(facts, service) ? [] : [request]),
    greenOn(node, service, notes.green),
  ];
}

const requestArgv = ({ name, url, serialisation, type }: Service, computer: string): string[] => [
  'sh',
  '-c',
  clientRequestScript,
  'sh',
  'slapos',
  'request',
  name,
  url,
  ...(type === undefined ? [] : ['--type', type]),
  '--node',
  `computer_guid=${computer}`,
  // Without it slapos would fetch a schema from the network to learn how to write them.
  '--force-serialisation',
  serialisation,
];

export const serviceFailures = (machine: string, name: string): NonNullable<CommandOf<'run'>['failures']> => [
  { pattern: 'Unauthorized|Forbidden|\\b40[13]\\b', finding: finding('service-refused', { machine, name }) },
  {
    pattern: "Couldn't connect to the server|ConnectionError",
    finding: finding('service-unanswered', { machine, name }),
  },
];

const evidenceOn = (url: string): CommandOf<'until'>['evidence'] => [
  { id: 'software', kind: 'run', argv: ['tail', '-n', '60', slaposPaths.softwareLog], as: 'root' },
  { id: 'instance', kind: 'run', argv: ['tail', '-n', '60', slaposPaths.instanceLog], as: 'root' },
  { id: 'folder', kind: 'list', path: releaseFolder(urlKey(url)) },
  { id: 'disk', kind: 'run', argv: ['df', '-h', '/opt', '/srv', '/tmp'] },
  { id: 'network', kind: 'run', argv: ['ip', '-brief', 'address'] },
];

const installedOn = (machine: string, url: string, awaited: Told): Command => ({
  kind: 'until',
  on: { machine },
  probe: {
    id: 'completed',
    kind: 'run',
    argv: softwareProgressArgv(url, releaseFolder(urlKey(url)), slaposPaths.softwareLog),
  },
  wanted: { pattern: '^completed$' },
  hopeless: [
    { pattern: '^compiling .*$', finding: finding('cache-not-used', { machine, url }) },
    { pattern: '^failed .*$', finding: finding('software-install-failed', { machine, url }) },
    {
      pattern: '^poisoned .*$',
      finding: finding('software-folder-in-the-way', { machine, path: releaseFolder(urlKey(url)) }),
    },
  ],
  everyMs: 5000,
  limitMs: 3_600_000,
  awaited,
  evidence: evidenceOn(url),
});

const greenOn = (machine: string, { name, url, published }: Service, awaited: Told): Command => ({
  kind: 'until',
  on: { machine },
  probe: { id: 'green', kind: 'run', argv: serviceGreenArgv(name, published), as: 'root', limitMs: 60_000 },
  wanted: { exit: 0, pattern: '^green$' },
  everyMs: 5000,
  limitMs: 3_600_000,
  awaited,
  evidence: evidenceOn(url),
});
