// A node and the master it belongs to: how the steps learn the master's addresses, the node's own name there, and whether a one-time
// token is at hand. One definition for every step after slapos-node is installed on a node. Pure but for `readMaster`, which reads.
import { z } from 'zod';
import { inRange, parseAddress, parseRange } from '../../src-shared/address.ts';
import type { InstanceView } from '../../src-shared/journal.ts';
import { holdsNewMaster, type Machine, masterOf, type SitePlan } from '../../src-shared/site.ts';
import type { Command, CommandOf, Told } from '../../src-shared/step.ts';
import type { AnyContext, World } from '../runbook/define.ts';
import { finding } from '../runbook/define.ts';
import { parseSlapproxyState, slapproxyStateArgv } from '../target/slapproxy.ts';
import { ownAddresses } from './redirect.ts';

/** The master's address for nodes and clients, and its pages for people; both empty while it says nothing. */
export const masterPlaces = z.strictObject({
  /** Address of `family-service-v6`, as published: its port differs from master to master. */
  service: z.string(),
  panel: z.string(),
});
export type MasterPlaces = z.infer<typeof masterPlaces>;

/** The one master of a plan with nodes. Throws a RangeError without one: plans are checked for it. */
export function masterMachine(plan: SitePlan): Machine {
  const master = masterOf(plan);
  if (master === undefined) throw new RangeError('no master in the plan');
  return master;
}

/** Asks the master what it publishes. A master that does not answer throws what its connection throws. */
export async function readMaster(world: World, { site }: Pick<AnyContext, 'site'>): Promise<MasterPlaces> {
  const { name, interface: device } = masterMachine(site);
  const { state, own } = await world.probe(name, [
    { id: 'state', kind: 'run', argv: slapproxyStateArgv(site.master.instance), limitMs: 60_000 },
    { id: 'own', kind: 'run', argv: ['ip', '-j', '-4', 'addr', 'show', 'dev', device, 'scope', 'global'] },
  ]);
  const published = parseSlapproxyState(state?.exit === 0 ? state.out : '')?.instance?.published ?? {};
  const service = published['family-service-v6'];
  const [address] = ownAddresses(own?.out ?? '');
  return {
    service: typeof service === 'string' && /^https:\/\/[\w.:[\]-]+$/.test(service) ? service : '',
    panel: address === undefined ? '' : panelOf(site, address),
  };
}

/** The master was moved into the re6st network: who is not in it reaches its pages for people, and nothing else. */
export function isInRe6st({ service }: MasterPlaces, { ranges }: SitePlan): boolean {
  const address = parseAddress(/^https:\/\/\[([0-9a-f:]+)\]/.exec(service)?.[1] ?? '');
  const network = parseRange(ranges.re6st ?? '');
  return address !== null && network !== null && inRange(address, network);
}

/** Where people and `slapos … --master-url-web` turn to; the new master has another page. */
export function panelOf({ releases, master }: SitePlan, address: string): string {
  const release = releases.find(({ name }) => name === 'slapos-master');
  const isNew = release !== undefined && (release.newMaster || holdsNewMaster(release.url) === true);
  const page = isNew ? 'slapos_master_panel' : 'hostingjs';
  return `http://${address}/${master.siteId}/web_site_module/${page}`;
}

// ---------------------------------------------------------------- one-time tokens

/** Names a node's token: as question, and in an answers file. */
export const nodeTokenId = (machine: string): string => `create-node-token:${machine}`;

/** What this session knows of a secret: whether it is at hand, and whether one was handed over already. */
export const tokenFacts = z.strictObject({ held: z.boolean(), spent: z.boolean() });
export type TokenFacts = z.infer<typeof tokenFacts>;
export const readToken = (world: World, id: string): Promise<TokenFacts> => world.sight('secret', { id });

/**
 * Why a token is asked for: `taken` when the name belongs to another installation whose certificate is active, `refused` by the
 * master, `again` since an earlier one is spent or was lost with the program's end.
 */
export type TokenReason = 'first' | 'taken' | 'refused' | 'again';

/** @param consumer the record of the step that hands the token over; @param given one was typed before */
export function tokenReason(
  { spent }: TokenFacts,
  consumer: Pick<InstanceView, 'problem' | 'formerly'> | undefined,
  given: boolean,
): TokenReason {
  const code = consumer?.problem?.code;
  if (code === 'token-refused') return 'refused';
  if (code === 'node-name-taken') return 'taken';
  if (given) return 'again';
  if (consumer?.formerly != null) return 'taken';
  return spent ? 'again' : 'first';
}

/** The gate: a person takes a token from the panel and types it here. */
export const askToken = (id: string, told: Told, panel: string): Command => ({
  kind: 'ask',
  question: { id, kind: 'secret', ...told, show: [{ label: 'address', value: panel }], choices: [] },
});

/** What the master's answers to a token mean. The token is still good where nobody was reached. */
export const tokenFailures = (machine: string, url: string): NonNullable<CommandOf<'run'>['failures']> => [
  { pattern: 'Access denied to the SlapOS Master', finding: finding('token-refused', { machine }) },
  {
    pattern: 'ConnectionError|Connection refused|No route to host|timed out|404 Client Error|50[234] Server Error',
    finding: finding('master-unreachable', { machine, url }),
    keepsSecret: true,
  },
  // What was begun is undone there, the token's use with it.
  { pattern: '500 Server Error', finding: finding('master-cannot-sign', { machine, url }), keepsSecret: true },
];

/** Whether the master says where it is reached. */
export const isPublished = ({ service, panel }: MasterPlaces): boolean => service !== '' && panel !== '';
