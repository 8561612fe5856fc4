// The token with which a node registers: once the site's client is configured, slapos itself asks the master for one; before that, or
// where a person says so, it is a gate: a server is associated in the panel, and its one-time token taken from there.
// The token is held in memory alone; where the program was closed meanwhile, another one is asked for.
import { z } from 'zod';
import { computerIn } from '../../../src-shared/computer.ts';
import type { AnyContext, Command, Probe, World } from '../../runbook/define.ts';
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
import { tokenSays, tokenWayArgv } from '../../target/computer.ts';
import { re6stPaths } from '../../target/re6st.ts';
import { type Client, clientOf } from '../client.ts';
import {
  askToken,
  isInRe6st,
  isPublished,
  masterMachine,
  masterPlaces,
  nodeTokenId,
  readMaster,
  readToken,
  type TokenReason,
  tokenFacts,
  tokenReason,
} from '../computer.ts';
import { whereReachable } from '../elsewhere.ts';
import { slaposPaths } from '../slapos.ts';

export const createNodeToken = defineStep({
  id: 'create-node-token',
  chapter: 'node',
  phase: 'site',
  per: machines('node'),
  after: [
    { step: 'install-slapos-node', on: 'same' },
    { step: 'set-ca-path', on: 'all' },
  ],
  risk: 'reads',
  holds: [],
  input: z.strictObject({
    /** The token is taken from the panel, also where slapos could get one. */
    byHand: z.boolean().default(false),
  }),
  facts: z.strictObject({
    /** `COMP-7`, null while the node is not registered. */
    computer: z.string().nullable(),
    token: tokenFacts,
    places: masterPlaces,
    /** The machine holds a part of the re6st network. */
    joined: z.boolean(),
    /** The site's client can ask the master for a token. */
    byClient: z.boolean(),
    /** It did, and got none. */
    missed: z.boolean(),
  }),
  read: async (world, context) => {
    const { name } = machineOfSubject(context);
    const { config, joined } = await world.probe(name, [
      { id: 'config', kind: 'read', path: slaposPaths.config },
      { id: 'joined', kind: 'stat', path: re6stPaths.certificate },
    ]);
    const computer = computerIn(config?.exit === 0 ? config.out : null);
    const token = await readToken(world, nodeTokenId(name));
    const missed = (await world.sight<boolean>('secret-missed', { id: nodeTokenId(name) })) === true;
    return {
      computer,
      token,
      places: await readMaster(world, context),
      joined: joined?.exit === 0,
      byClient: computer === null && !token.held && !missed && (await clientMayAsk(world, context)),
      missed,
    };
  },
  found: ({ computer, token, byClient }, context) => {
    const client = clientElsewhere(context);
    return [
      computer !== null
        ? says('create-node-token', 'found.registered', { computer })
        : says('create-node-token', token.held ? 'found.held' : 'found.absent'),
      ...(byClient && client !== null
        ? [says('create-node-token', 'found.byClient', { user: client.user, client: client.machine.name })]
        : []),
    ];
  },
  verdict: ({ computer, token, places, joined }, context) => {
    if (computer !== null || token.held) return done();
    // A token would be spent in vain: the node is let in, and never heard of again.
    if (!joined && isInRe6st(places, context.site)) {
      const before = `join-re6st@machine:${machineOfSubject(context).name}`;
      return blocked(finding('step-before-missing', { step: 'create-node-token', before }));
    }
    if (!isPublished(places))
      return blocked(finding('master-unpublished', { machine: masterMachine(context.site).name }));
    return todo();
  },
  plan: ({ computer, token, places, byClient, missed }, context): readonly Command[] => {
    const { name } = machineOfSubject(context);
    if (computer !== null || token.held) return [];
    const reason = tokenReason(token, context.record('register-node'), givenBefore(context));
    const client = clientElsewhere(context);
    if (!byClient || client === null || context.input.byHand)
      return [askToken(nodeTokenId(name), question(missed ? 'instead' : reason, name, context), places.panel)];
    return [
      ...(reason === 'taken' ? [askRevoked(name, context, places.panel)] : []),
      run(client.machine.name, ['slapos', 'computer', 'token'], {
        as: client.user,
        limitMs: 180_000,
        keeps: { secret: nodeTokenId(name), pattern: tokenSays },
        // Where it brings none, a person is asked in the next round.
        expect: [0, 1, 2],
        note: says('create-node-token', 'does.ask', { user: client.user, client: client.machine.name }),
      }),
    ];
  },
});

/** The client, where it is on another machine: this one has nobody to ask before it is registered itself. */
function clientElsewhere(context: AnyContext): Client | null {
  const client = clientOf(context.site);
  return client === undefined || client.machine.name === machineOfSubject(context).name ? null : client;
}

/** A client's machine that cannot be reached leaves the gate. */
async function clientMayAsk(world: World, context: AnyContext): Promise<boolean> {
  const client = clientElsewhere(context);
  if (client === null || context.input.byHand === true) return false;
  const probe: Probe = { id: 'way', kind: 'run', argv: [...tokenWayArgv], as: client.user, limitMs: 60_000 };
  const answers = await whereReachable(() => world.probe(client.machine.name, [probe]));
  return answers?.way?.exit === 0;
}

const givenBefore = (context: AnyContext): boolean =>
  Object.hasOwn(context.earlier.answers, nodeTokenId(machineOfSubject(context).name));

/** What the master calls the one before; nobody may know. */
const formerly = (context: AnyContext): string => context.earlier.formerly ?? 'COMP-…';

const question = (reason: TokenReason | 'instead', machine: string, context: AnyContext) =>
  ({
    first: { key: 'steps.create-node-token.asks.token', params: { machine } },
    taken: { key: 'steps.create-node-token.asks.taken', params: { machine, computer: formerly(context) } },
    refused: { key: 'steps.create-node-token.asks.refused', params: { machine } },
    again: { key: 'steps.create-node-token.asks.again', params: { machine } },
    instead: { key: 'steps.create-node-token.asks.instead', params: { machine } },
  })[reason];

/** The gate before a name is used again: what held it must not be let in any more. */
const askRevoked = (machine: string, context: AnyContext, panel: string): Command => ({
  kind: 'ask',
  question: {
    id: `revoked:${machine}`,
    kind: 'confirm',
    key: 'steps.create-node-token.asks.revoked',
    params: { machine, computer: formerly(context) },
    show: [{ label: 'address', value: panel }],
    choices: [],
  },
});
