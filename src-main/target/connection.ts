// The real target: an ssh connection with everything a performer needs. Called by the pool and by the connect step's job.
// The parts live in their own files; this one only joins them.
import type { Problem } from '../../src-shared/problem.ts';
import type { Answer, Probe } from '../../src-shared/step.ts';
import { exec } from './exec.ts';
import { reverseForward } from './forward.ts';
import type { HostKey } from './host-key.ts';
import type { Dial, Link, LinkRequest } from './link.ts';
import { answersOf, cutShort, parseFrames, probeScript, probesLimitMs } from './probe.ts';
import type { Target } from './target.ts';
import { pull, push, receive, upload } from './transfer.ts';
import { followUnit, forgetUnit, startUnit, stopUnit, unitState } from './units.ts';
import { writeFile } from './write-file.ts';

export type { HostKey } from './host-key.ts';
export type { Dial, Machine } from './link.ts';
export type { LoginMaterial } from './login.ts';

export type ConnectionRequest = LinkRequest;

export interface Connection extends Target {
  /** What the machine shows before the login, cleaned; often empty. */
  readonly banner: string;
  /** Opens a stream to an address behind the machine. Throws `host-unreachable`, `forwarding-forbidden`, `connection-lost`. */
  readonly dial: Dial;
  /** The reason when the connection is gone, null while it stands. */
  gone(): Problem | null;
}

/** What speaks SSH is read in at the first contact: no start of the program waits for it. */
const linking = () => import('./link.ts');

/** As `scanHostKey` of link.ts, and throws as that. */
export const scanHostKey = async (
  ...asked: Parameters<Awaited<ReturnType<typeof linking>>['scanHostKey']>
): Promise<HostKey> => (await linking()).scanHostKey(...asked);

/**
 * Connects and logs in. Throws `host-unreachable`, `host-name-unknown`, `host-key-unknown`, `host-key-changed`,
 * `handshake-failed`, `login-refused`, `private-key-locked`, `private-key-passphrase-wrong`, `private-key-unreadable`, `cancelled`.
 */
export async function openConnection(request: ConnectionRequest): Promise<Connection> {
  const { dial, openLink } = await linking();
  const link = await openLink(request);
  return {
    name: link.machine.name,
    user: link.machine.user,
    serverVersion: link.serverVersion,
    banner: link.banner,
    closed: link.closed,
    gone: link.gone,
    dial: (host, port, signal) => dial(link, host, port, signal),
    close: link.close,
    probe: (probes, signal) => probe(link, probes, signal),
    exec: (argv, options) => exec(link, argv, options),
    startUnit: (id, argv, options) => startUnit(link, id, argv, options),
    followUnit: (id, options) => followUnit(link, id, options),
    unitState: (id) => unitState(link, id),
    stopUnit: (id) => stopUnit(link, id),
    forgetUnit: (id) => forgetUnit(link, id),
    writeFile: (path, text, options) => writeFile(link, path, text, options),
    upload: (what) => upload(link, what),
    receive: (what) => receive(link, what),
    pull: (argv, options) => pull(link, argv, options),
    push: (argv, source, options) => push(link, argv, source, options),
    reverseForward: (what) => reverseForward(link, what),
  };
}

async function probe(link: Link, probes: readonly Probe[], signal?: AbortSignal): Promise<Record<string, Answer>> {
  if (probes.length === 0) return {};
  const result = await exec(link, ['sh', '-s'], {
    stdin: probeScript(probes, link.machine.user),
    limitMs: probesLimitMs(probes),
    ...(signal === undefined ? {} : { signal }),
  });
  const raw = parseFrames(result.stdout, probes.length);
  if (raw === null) throw cutShort(link.machine.name, result.exit, result.stderr);
  return answersOf(probes, raw);
}
