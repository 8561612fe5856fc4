// Registers a node with the master: a one-time token on standard input, a certificate and a configuration in return.
// Comes before anything is written into slapos.cfg, since registering moves the old configuration away. Never registers twice.
import { z } from 'zod';
import { computerIn } from '../../../src-shared/computer.ts';
import type { Command } from '../../runbook/define.ts';
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
import { certificateFactsScript, parseCertificateFacts, withoutCertificate } from '../../target/computer.ts';
import { editConfig, parseConfig } from '../../target/slapos-config.ts';
import {
  isPublished,
  masterMachine,
  masterPlaces,
  nodeTokenId,
  readMaster,
  readToken,
  tokenFacts,
  tokenFailures,
} from '../computer.ts';
import { slapos, slaposPaths } from '../slapos.ts';

const certificatePath = '/etc/opt/slapos/ssl/certificate';

export const registerNode = defineStep({
  id: 'register-node',
  chapter: 'node',
  phase: 'site',
  per: machines('node'),
  after: [{ step: 'create-node-token', on: 'same' }],
  risk: 'changes',
  holds: [],
  input: z.strictObject({}),
  facts: z.strictObject({
    config: z.string().nullable(),
    /** The certificate with its text before it, null while there is none. */
    certificate: z.string().nullable(),
    /** Certificate and key belong together. */
    keyFits: z.boolean(),
    token: tokenFacts,
    places: masterPlaces,
  }),
  read: async (world, context) => {
    const { name } = machineOfSubject(context);
    const { config, certificate, key } = await world.probe(name, [
      { id: 'config', kind: 'read', path: slaposPaths.config },
      { id: 'certificate', kind: 'run', argv: ['cat', certificatePath], as: 'root' },
      { id: 'key', kind: 'run', argv: ['sh', '-c', certificateFactsScript], as: 'root' },
    ]);
    return {
      config: config?.exit === 0 ? config.out : null,
      certificate: certificate?.exit === 0 ? certificate.out : null,
      keyFits: parseCertificateFacts(key?.out ?? '')?.fits === true,
      token: await readToken(world, nodeTokenId(name)),
      places: await readMaster(world, context),
    };
  },
  found: ({ config, certificate, keyFits, places }) => {
    const computer = computerIn(config);
    return [
      computer === null
        ? says('register-node', 'found.unregistered')
        : says('register-node', 'found.registered', { computer }),
      ...(certificate === null ? [] : [says('register-node', keyFits ? 'found.keyFits' : 'found.keyUnfit')]),
      ...(places.service === '' ? [] : [says('register-node', 'found.master', { url: places.service })]),
    ];
  },
  verdict: (facts, context) => {
    const { name: machine } = machineOfSubject(context);
    const { config, certificate, keyFits, token, places } = facts;
    if (config !== null && certificate !== null && withoutCertificate(config, certificate) !== null) return todo();
    if (computerIn(config) !== null) {
      if (!keyFits) return blocked(finding('node-certificate-unfit', { machine }));
      if (!isPublished(places))
        return blocked(finding('master-unpublished', { machine: masterMachine(context.site).name }));
      return urlIn(config, machine) === places.service ? done() : todo();
    }
    if (config !== null && /^\s*computer_id\s*=\s*local_computer\s*$/m.test(config))
      return blocked(finding('target-already-configured', { machine, detail: 'computer_id = local_computer' }));
    if (!isPublished(places))
      return blocked(finding('master-unpublished', { machine: masterMachine(context.site).name }));
    return token.held ? todo() : blocked(finding('token-missing', { machine, step: 'create-node-token' }));
  },
  plan: ({ config, certificate, places }, context): readonly Command[] => {
    const { name, interface: device, partitions, ipv4Network } = machineOfSubject(context);
    const repaired = config === null || certificate === null ? null : withoutCertificate(config, certificate);
    const write = (text: string, note: 'does.repair' | 'does.master'): Command => ({
      kind: 'write',
      on: { machine: name },
      path: slaposPaths.config,
      text,
      before: config,
      mode: 0o644,
      note: says('register-node', note === 'does.repair' ? 'does.repair' : 'does.master'),
    });
    if (repaired !== null) return [write(repaired, 'does.repair')];
    if (config !== null && computerIn(config) !== null) {
      const place = { machine: name, path: slaposPaths.config };
      return [write(editConfig(config, 'slapos', { master_url: places.service }, place), 'does.master')];
    }
    const words = ['--master-url', places.service, '--master-url-web', places.panel, '--interface-name', device];
    return [
      // Without its parent the token would be spent before slapos finds that it cannot write.
      run(name, ['install', '-d', '-m', '0755', '/etc/opt', '/opt/slapgrid', '/srv/slapgrid', '/opt/slapos/log']),
      run(
        name,
        slapos(
          'node',
          'register',
          ...words,
          '--partition-number',
          String(partitions),
          '--ipv4-local-network',
          ipv4Network,
          name,
        ),
        {
          stdin: [{ secret: nodeTokenId(name) }, '\n'],
          spends: nodeTokenId(name),
          failures: [
            { pattern: 'already in use', finding: finding('node-name-taken', { machine: name, name }) },
            ...tokenFailures(name, places.panel),
          ],
          limitMs: 180_000,
          note: says('register-node', 'does.register', { name }),
        },
      ),
    ];
  },
});

const urlIn = (config: string | null, machine: string): string =>
  parseConfig(config ?? '', { machine, path: slaposPaths.config })
    .get('slapos', 'master_url')
    ?.replace(/\/$/, '') ?? '';
