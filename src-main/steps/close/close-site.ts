// Takes away what was ours for the work only, and says what goes on when the laptop is gone. Must never touch what is to go on:
// the redirect, the shared folder's keeper, addresses.
import { z } from 'zod';
import { defineStep, done, machineOfSubject, machines, says, todo, waiting } from '../../runbook/define.ts';
import { parseConfig } from '../../target/slapos-config.ts';
import { slaposPaths } from '../slapos.ts';
import { removeTemporary, temporaryFactsOf, temporaryProbes } from '../temporary.ts';

export const closeSite = defineStep({
  id: 'close-site',
  chapter: 'close',
  phase: 'site',
  per: machines('master', 'node'),
  after: [{ step: 'record-site', on: 'all' }],
  risk: 'changes',
  holds: [],
  input: z.strictObject({}),
  facts: z.strictObject({
    left: z.array(z.string()),
    guards: z.array(z.string()),
    running: z.array(z.string()),
    kept: z.array(z.string()),
    /** Where slapos asks for software, empty where it is not configured. */
    cache: z.string(),
  }),
  read: async (world, context) => {
    const { name } = machineOfSubject(context);
    const answers = await world.probe(name, [
      ...temporaryProbes,
      { id: 'config', kind: 'read', path: slaposPaths.config },
    ]);
    const config = answers.config?.exit === 0 ? answers.config.out : '';
    const place = { machine: name, path: slaposPaths.config };
    return {
      ...temporaryFactsOf(answers),
      cache: parseConfig(config, place).get('networkcache', 'download-binary-cache-url') ?? '',
    };
  },
  found: ({ left, kept, cache }, { site }) => [
    left.length === 0
      ? says('close-site', 'found.nothing')
      : says('close-site', 'found.left', { count: left.length, paths: left.join(', ') }),
    says('close-site', 'found.services'),
    ...(kept.length === 0 ? [] : [says('close-site', 'found.kept', { names: kept.join(', ') })]),
    // The port of the connection leads to the laptop, and nowhere once it is gone.
    ...(cache === ''
      ? []
      : [
          says(
            'close-site',
            cache.includes(`//127.0.0.1:${site.content.port}/`) ? 'found.needsLaptop' : 'found.cache',
            {
              url: cache,
            },
          ),
        ]),
  ],
  verdict: ({ left, running }) => {
    if (running.length > 0) return waiting(says('close-site', 'waits.running', { names: running.join(', ') }));
    return left.length === 0 ? done() : todo();
  },
  plan: (facts, context) =>
    facts.running.length > 0 ? [] : [...removeTemporary(machineOfSubject(context).name, facts)],
});
