// Makes the site's client: an ordinary user on a node who asks the master for services, with a person's certificate.
// The one-time token travels on standard input. Never overwrites files of a client: slapos refuses, and so do we.
import { z } from 'zod';
import type { AnyContext, Command } from '../../runbook/define.ts';
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
import { clientFiles, clientHomeScript, clientKeyScript } from '../../target/client-scripts.ts';
import { editConfig, parseConfig } from '../../target/slapos-config.ts';
import { clientOf } from '../client.ts';
import {
  askToken,
  isPublished,
  masterMachine,
  masterPlaces,
  readMaster,
  readToken,
  tokenFacts,
  tokenFailures,
} from '../computer.ts';

export const configureClient = defineStep({
  id: 'configure-client',
  chapter: 'node',
  phase: 'site',
  per: machines('node'),
  after: [{ step: 'refresh-master', on: 'same' }],
  risk: 'changes',
  holds: [],
  input: z.strictObject({}),
  facts: z.strictObject({
    /** This node holds the site's client. */
    here: z.boolean(),
    /** The user's home, null when there is no such user. */
    home: z.string().nullable(),
    /** The client's files that are there. */
    files: z.array(z.string()),
    /** Certificate and key belong together. */
    keyFits: z.boolean(),
    config: z.string().nullable(),
    token: tokenFacts,
    places: masterPlaces,
  }),
  read: async (world, context) => {
    const { name } = machineOfSubject(context);
    const client = clientHere(context);
    if (client === null) return elsewhere;
    const { home, key } = await world.probe(name, [
      { id: 'home', kind: 'run', argv: ['sh', '-c', clientHomeScript, 'sh', client], as: 'root' },
      { id: 'key', kind: 'run', argv: ['sh', '-c', clientKeyScript, 'sh', client], as: 'root' },
    ]);
    const [path = '', ...files] = (home?.out ?? '').trim().split('\n');
    const { config } =
      home?.exit !== 0
        ? {}
        : await world.probe(name, [
            { id: 'config', kind: 'run', argv: ['cat', `${path}/.slapos/slapos-client.cfg`], as: 'root' },
          ]);
    return {
      here: true,
      home: home?.exit === 0 ? path : null,
      files,
      keyFits: key?.exit === 0,
      config: config?.exit === 0 ? config.out : null,
      token: await readToken(world, tokenId(name)),
      places: await readMaster(world, context),
    };
  },
  found: ({ here, home, files }, context) => {
    const client = clientOf(context.site);
    const user = client?.user ?? '';
    if (!here) return [says('configure-client', 'found.elsewhere', { machine: client?.machine.name ?? '', user })];
    if (home === null) return [says('configure-client', 'found.noUser', { user })];
    return [
      says('configure-client', files.length === clientFiles.length ? 'found.configured' : 'found.absent', { user }),
    ];
  },
  verdict: (facts, context) => {
    const { here, home, files, keyFits, config, places } = facts;
    const { name: machine } = machineOfSubject(context);
    if (!here) return done();
    const user = clientHere(context) ?? '';
    if (home === null) return blocked(finding('client-user-missing', { machine, user }));
    if (!isPublished(places))
      return blocked(finding('master-unpublished', { machine: masterMachine(context.site).name }));
    if (files.length === 0) return todo();
    const whole = files.length === clientFiles.length && config !== null && keyFits;
    if (!whole) return blocked(finding('client-files-left', { machine, user, path: `${home}/.slapos` }));
    return urlIn(config, machine) === places.service ? done() : todo();
  },
  plan: ({ here, home, config, token, places }, context): readonly Command[] => {
    const { name: machine } = machineOfSubject(context);
    const user = clientHere(context);
    if (!here || user === null || home === null) return [];
    const path = `${home}/.slapos/slapos-client.cfg`;
    if (config !== null)
      return [
        {
          kind: 'write',
          on: { machine },
          path,
          text: editConfig(config, 'slapos', { master_url: places.service }, { machine, path }),
          before: config,
          mode: 0o600,
          owner: user,
          note: says('configure-client', 'does.master'),
        },
      ];
    const reason = token.spent || givenBefore(context) ? 'again' : 'first';
    return [
      ...(token.held ? [] : [askToken(tokenId(machine), questions(machine)[reason], places.panel)]),
      run(
        machine,
        ['slapos', 'configure', 'client', '--master-url', places.service, '--master-url-web', places.panel],
        {
          as: user,
          stdin: [{ secret: tokenId(machine) }, '\n'],
          spends: tokenId(machine),
          failures: [
            // The answer of a master whose account has a certificate already is no object.
            {
              pattern: "'bool' object is not subscriptable",
              finding: finding('account-certificate-active', { machine }),
            },
            ...tokenFailures(machine, places.panel),
          ],
          limitMs: 180_000,
          note: says('configure-client', 'does.configure', { user }),
        },
      ),
    ];
  },
});

const elsewhere = {
  here: false,
  home: null,
  files: [],
  keyFits: false,
  config: null,
  token: { held: false, spent: false },
  places: { service: '', panel: '' },
};

const tokenId = (machine: string): string => `configure-client:${machine}`;
const givenBefore = (context: AnyContext): boolean =>
  Object.hasOwn(context.earlier.answers, tokenId(machineOfSubject(context).name));

/** The client's user, null where the site's client is on another machine. */
function clientHere(context: AnyContext): string | null {
  const client = clientOf(context.site);
  return client?.machine.name === machineOfSubject(context).name ? client.user : null;
}

const urlIn = (config: string, machine: string): string =>
  parseConfig(config, { machine, path: 'slapos-client.cfg' }).get('slapos', 'master_url')?.replace(/\/$/, '') ?? '';

const questions = (machine: string) => ({
  first: { key: 'steps.configure-client.asks.token', params: { machine } },
  again: { key: 'steps.configure-client.asks.again', params: { machine } },
});
