// The gate before a node can register: a person associates a server in the panel and takes its one-time token from there.
// The token is held in memory alone; where the program was closed meanwhile, another one is asked for.
import { z } from 'zod';
import type { AnyContext } from '../../runbook/define.ts';
import { blocked, defineStep, done, finding, machineOfSubject, machines, says, todo } from '../../runbook/define.ts';
import { re6stPaths } from '../../target/re6st.ts';
import {
  askToken,
  computerIn,
  isInRe6st,
  isPublished,
  masterMachine,
  masterPlaces,
  nodeTokenId,
  readMaster,
  readToken,
  tokenFacts,
  tokenReason,
} from '../computer.ts';
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
  input: z.strictObject({}),
  facts: z.strictObject({
    /** `COMP-7`, null while the node is not registered. */
    computer: z.string().nullable(),
    token: tokenFacts,
    places: masterPlaces,
    /** The machine holds a part of the re6st network. */
    joined: z.boolean(),
  }),
  read: async (world, context) => {
    const { name } = machineOfSubject(context);
    const { config, joined } = await world.probe(name, [
      { id: 'config', kind: 'read', path: slaposPaths.config },
      { id: 'joined', kind: 'stat', path: re6stPaths.certificate },
    ]);
    return {
      computer: computerIn(config?.exit === 0 ? config.out : null),
      token: await readToken(world, nodeTokenId(name)),
      places: await readMaster(world, context),
      joined: joined?.exit === 0,
    };
  },
  found: ({ computer, token }) => [
    computer !== null
      ? says('create-node-token', 'found.registered', { computer })
      : says('create-node-token', token.held ? 'found.held' : 'found.absent'),
  ],
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
  plan: ({ computer, token, places }, context) => {
    const { name } = machineOfSubject(context);
    if (computer !== null || token.held) return [];
    const reason = tokenReason(token, context.record('register-node'), givenBefore(context));
    return [askToken(nodeTokenId(name), questions(name)[reason], places.panel)];
  },
});

const givenBefore = (context: AnyContext): boolean =>
  Object.hasOwn(context.earlier.answers, nodeTokenId(machineOfSubject(context).name));

const questions = (machine: string) => ({
  first: { key: 'steps.create-node-token.asks.token', params: { machine } },
  refused: { key: 'steps.create-node-token.asks.refused', params: { machine } },
  again: { key: 'steps.create-node-token.asks.again', params: { machine } },
});
