// Our program that asks slapproxy, on a simulated machine: an instance that was requested has its partitions, and publishes
// a moment later. Used by commands/index.ts.
import { caToolProgram } from '../../target/ca-tool.ts';
import { moduleCountProgram } from '../../target/master-web.ts';
import { slapproxyProgram, slapproxyProgramPath } from '../../target/slapproxy.ts';
import type { Call, Outcome } from '../machine.ts';
import { fileText } from '../reading.ts';
import { type MachineState, textFile } from '../state.ts';

/** How long the instance takes to come together. */
export const convergesMs = 12_000;
export const zopePort = 2200;

/** IPv4 of a partition, empty before it was formatted. */
const partitionAddress = (state: MachineState, partition: string): string =>
  /"addr": "(\d+[^"]*)"/.exec(fileText(state, `/srv/slapgrid/${partition}/.slapos-resource`) ?? '')?.[1] ?? '';

const practiceNotReady = `done 1 2
failing slappart1 zope-listens
line [2026-01-05 10:00:00] INFO Processing computer partition 'slappart1'...
`;

/** The address of `zope-1`, null while it publishes none. */
export const zopeAddress = ({ state, nowMs, pace }: Pick<Call, 'state' | 'nowMs' | 'pace'>): string | null =>
  state.requested === null || state.proxySinceMs === null || nowMs < state.requested.sinceMs + convergesMs * pace
    ? null
    : `${partitionAddress(state, 'slappart1')}:${zopePort}`;

/** What the instance of the master publishes, without its secrets; nothing before it came together. */
export const publishedBy = (call: Pick<Call, 'state' | 'nowMs' | 'pace'>): Readonly<Record<string, string>> =>
  zopeAddress(call) === null
    ? {}
    : {
        'inituser-login': 'zope',
        'family-1': 'https://10.0.10.11:2152',
        'family-service-v6': 'https://[fd00:77::2]:2155',
      };

/** What the simulated master gives its first user. */
export const practiceFirstPassword = 'quatorze-brebis-lentes';

const caToolPath = '/srv/slapgrid/slappart1/certificate-authority-path';

/** The web form of the certificate authority: `read NAME SITE`, `write NAME SITE PATH`. */
function caTool(call: Call): Outcome {
  const { argv, state } = call;
  const [, , asked, , , wanted = ''] = argv;
  if (zopeAddress(call) === null) return { exit: 0, out: '{"status": 0, "path": null}\n' };
  const path = asked === 'write' ? wanted : (fileText(state, caToolPath) ?? '');
  const out = `${JSON.stringify({ status: 200, path })}\n`;
  return { exit: 0, out, patch: asked === 'write' ? { files: { [caToolPath]: textFile(path) } } : {} };
}

/** `-c PROGRAM ASKED NAME` or `PATH ASKED NAME`, as Python takes them. */
export function slapproxyProgramRun(call: Call): Outcome {
  const { argv, state } = call;
  const inline = argv[0] === '-c';
  const [asked = '', name = ''] = argv.slice(inline ? 2 : 1);
  const program = inline ? argv[1] : argv[0] === slapproxyProgramPath ? fileText(state, slapproxyProgramPath) : null;
  if (program === caToolProgram) return caTool(call);
  if (program === moduleCountProgram) return { exit: 0, out: '{"persons": null, "projects": null}\n' };
  if (asked === 'password' && inline)
    return { exit: 0, out: zopeAddress(call) === null ? '\n' : `${practiceFirstPassword}\n` };
  if (program !== slapproxyProgram) return { exit: 2, err: `python: can't open file '${argv[0]}'\n` };
  if (state.proxySinceMs === null) return { exit: 1, err: 'sqlite3.OperationalError: unable to open database file\n' };
  const address = zopeAddress(call);
  const known = state.requested?.name === name ? state.requested : null;
  if (asked === 'address') return { exit: address === null ? 1 : 0, out: `${address ?? ''}\n` };
  if (asked === 'ready') {
    const out = address === null ? practiceNotReady : 'ready\n';
    return { exit: address === null ? 1 : 0, out };
  }
  if (asked === 'evidence') return { exit: 0, out: `promises not kept: none\n== practice machine: no logs\n` };
  const instance =
    known === null
      ? null
      : {
          partition: 'slappart0',
          release: known.url,
          requestedState: 'started',
          parameters: known.parameters,
          published: publishedBy(call),
          zope: address === null ? null : 'slappart1',
          address,
          children: address === null ? 0 : 1,
          moved: address !== null,
        };
  const used = known === null ? [] : [known.url];
  const answers = address !== null;
  return { exit: 0, out: `${JSON.stringify({ instance, failing: [], missing: [], behind: [], used, answers })}\n` };
}
