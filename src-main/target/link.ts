// One authenticated ssh connection: host key first, then the login, then silence until it is used. Called by connection.ts.
// It must never send a login to a machine whose host key was not confirmed, and never ask ssh2 for algorithms by name:
// what the running program's crypto lacks (Electron has no chacha20) would then fail at once instead of falling back.
import { connect as connectSocket, isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import ssh2, { type Client, type ConnectConfig } from 'ssh2';
import { cleanLine, cleanText } from '../../src-shared/clean.ts';
import { Problem, problem } from '../../src-shared/problem.ts';
import { fingerprintOf, type HostKey, type HostKeyKind, hostKeyKinds, hostKeyOf, onlyKind } from './host-key.ts';
import { type LoginMaterial, offeredTo } from './login.ts';

export interface Machine {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly user: string;
}

/** Opens a stream to an address as another machine sees it, over the connection to that machine. */
export type Dial = (host: string, port: number, signal?: AbortSignal) => Promise<Duplex>;

export interface LinkRequest {
  readonly machine: Machine;
  /** Reaches the machine through another one; directly without it. */
  readonly through?: Dial;
  /** `SHA256:…`, as ssh-keygen -l prints it; null before the first contact. */
  readonly pinnedHostKey: string | null;
  /** When the host key was pinned, for the sentence that says it changed. */
  readonly pinnedSince?: string;
  readonly login: LoginMaterial;
  readonly signal?: AbortSignal;
}

export interface Link {
  readonly machine: Machine;
  readonly client: Client;
  readonly serverVersion: string;
  readonly banner: string;
  readonly login: LoginMaterial;
  /** Resolves with the reason when the connection is gone. */
  readonly closed: Promise<Problem>;
  /** The reason, once it is gone. */
  gone(): Problem | null;
  close(): void;
}

const connectLimitMs = 15_000;
/** A board that makes its host keys at the first boot takes its time. */
const readyLimitMs = 60_000;
/** An ssh server says so at once; whatever stays silent about it is something else. */
const identLimitMs = 20_000;
const keepaliveMs = 10_000;
const keepaliveTries = 3;

/**
 * The host key a machine shows, without a login: the pinned one when it has that among others, else the one it prefers.
 * Throws `host-unreachable`, `host-name-unknown`, `handshake-failed`, `cancelled`.
 */
export async function scanHostKey(
  machine: Pick<Machine, 'name' | 'address' | 'port'> & { readonly hostKey?: string | undefined },
  signal?: AbortSignal,
  through?: Dial,
): Promise<HostKey> {
  const shown = await shownHostKey({ machine, signal, through });
  if (machine.hostKey === undefined || machine.hostKey === shown.fingerprint) return shown;
  return (await pinnedAmongOthers({ machine, signal, through }, machine.hostKey))?.key ?? shown;
}

interface Scan {
  readonly machine: Pick<Machine, 'name' | 'address' | 'port'>;
  readonly signal: AbortSignal | undefined;
  readonly through: Dial | undefined;
}

/** The pinned key, when the machine has it without preferring it: asked for kind by kind. Null when it has not. */
async function pinnedAmongOthers(
  scan: Scan,
  pinned: string,
): Promise<{ readonly kind: HostKeyKind; readonly key: HostKey } | null> {
  for (const kind of hostKeyKinds) {
    const key = await shownHostKey(scan, kind).catch((error: unknown) => {
      // It has no key of this kind.
      if (error instanceof Problem && error.code === 'handshake-failed') return null;
      throw error;
    });
    if (key?.fingerprint === pinned) return { kind, key };
  }
  return null;
}

async function shownHostKey({ machine, signal, through }: Scan, kind?: HostKeyKind): Promise<HostKey> {
  const socket = await openStream(machine, signal, through);
  return new Promise((resolve, reject) => {
    const client = new ssh2.Client();
    const fail = (error: Error) => {
      signal?.removeEventListener('abort', onAbort);
      socket.destroy();
      reject(signal?.aborted ? cancelled(machine.name) : handshakeProblem(machine.name, error));
    };
    const onAbort = () => fail(new Error('aborted'));
    client.on('error', fail);
    client.on('close', () => fail(new Error('closed before a host key was shown')));
    expectIdent(client, fail);
    signal?.addEventListener('abort', onAbort, { once: true });
    const hostVerifier = (key: Buffer): boolean => {
      resolve(hostKeyOf(key));
      setImmediate(() => socket.destroy());
      return false;
    };
    try {
      const config = { sock: socket, username: 'nobody', hostVerifier, readyTimeout: readyLimitMs };
      client.connect({ ...config, ...onlyKind(kind) });
    } catch (thrown) {
      fail(thrown as Error);
    }
  });
}

/**
 * Opens a connection. Throws `private-key-locked`, `private-key-passphrase-wrong`, `private-key-unreadable`, `host-unreachable`,
 * `host-name-unknown`, `host-key-unknown` and `host-key-changed` (both before anything of the login is sent), `handshake-failed`,
 * `login-refused`, `cancelled`.
 */
export async function openLink(request: LinkRequest): Promise<Link> {
  const { machine, signal, through, pinnedHostKey } = request;
  const offered = await offeredTo(request.login, machine.name, signal);
  try {
    return await tryLink(request, offered);
  } catch (error) {
    if (pinnedHostKey === null || !(error instanceof Problem) || error.code !== 'host-key-changed') throw error;
    // A machine that was given a key of another kind since then prefers that one, and has the pinned one as before.
    const among = await pinnedAmongOthers({ machine, signal, through }, pinnedHostKey).catch((other: unknown) => {
      if (other instanceof Problem && other.code === 'cancelled') throw other;
      // That another key is there weighs more than a line that fails while the pinned one is looked for.
      return null;
    });
    if (among === null) throw error;
    return tryLink(request, offered, among.kind);
  }
}

async function tryLink(request: LinkRequest, offered: Partial<ConnectConfig>, kind?: HostKeyKind): Promise<Link> {
  const { machine, login, signal } = request;
  const { name } = machine;
  const socket = await openStream(machine, signal, request.through);
  const client = new ssh2.Client();
  let hostKeyProblem: Problem | null = null;
  let banner = '';
  let reason: Problem | null = null;
  let lastError: Error | null = null;
  const closed = new Promise<Problem>((resolve) => {
    client.on('close', () => {
      reason ??= problem('connection-lost', { machine: name, detail: lossDetail(lastError) });
      resolve(reason);
    });
  });
  // Errors may come long after the connection was ready, also after its end; each must have a listener.
  client.on('error', (error) => {
    lastError = error;
  });
  client.on('banner', (text) => {
    banner = cleanText(text).trim();
  });
  client.on('keyboard-interactive', (_name, _instructions, _language, prompts, finish) => {
    // Only hidden questions are asked for a password; a visible one (a user name, a code) is not ours to answer.
    finish(prompts.map((prompt) => (prompt.echo ? '' : (login.password ?? ''))));
  });
  const config: ConnectConfig = {
    sock: socket,
    username: machine.user,
    hostVerifier: (key: Buffer) => {
      const found = fingerprintOf(key);
      if (request.pinnedHostKey === null)
        hostKeyProblem = problem('host-key-unknown', { machine: name, fingerprint: found });
      else if (found !== request.pinnedHostKey) {
        const since = request.pinnedSince ?? '';
        hostKeyProblem = problem('host-key-changed', { machine: name, expected: request.pinnedHostKey, found, since });
      }
      return hostKeyProblem === null;
    },
    readyTimeout: readyLimitMs,
    keepaliveInterval: keepaliveMs,
    keepaliveCountMax: keepaliveTries,
    ...onlyKind(kind),
    ...offered,
  };
  await new Promise<void>((resolve, reject) => {
    const fail = (error: Error) => {
      signal?.removeEventListener('abort', onAbort);
      if (signal?.aborted) reject(cancelled(name));
      else reject(hostKeyProblem ?? openingProblem(machine, error, banner));
      socket.destroy();
    };
    const onAbort = () => fail(new Error('aborted'));
    client.once('ready', () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    client.once('error', fail);
    expectIdent(client, fail);
    client.once('close', () => fail(lastError ?? new Error('the machine closed the connection')));
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      client.connect(config);
    } catch (thrown) {
      fail(thrown as Error);
    }
  });
  const version = versionOf(client);
  return {
    machine,
    client,
    login,
    banner,
    closed,
    serverVersion: cleanLine(version ?? ''),
    gone: () => reason,
    close: () => {
      reason ??= cancelled(name);
      client.end();
      // A dead peer never answers the end; do not wait for it.
      setTimeout(() => socket.destroy(), 1000).unref();
    },
  };
}

/** ssh2 keeps what the server called itself, and tells nobody. */
function versionOf(client: Client): string | null {
  const version: unknown = Reflect.get(client, '_remoteVer');
  return typeof version === 'string' ? version : null;
}

function expectIdent(client: Client, fail: (error: Error) => void): void {
  const timer = setTimeout(() => {
    if (versionOf(client) === null) fail(new Error('no ssh server answers here'));
  }, identLimitMs);
  client.once('close', () => clearTimeout(timer));
  client.once('handshake', () => clearTimeout(timer));
}

const cancelled = (what: string): Problem => problem('cancelled', { what });

function lossDetail(error: Error | null): string {
  if (error === null) return 'closed by the machine';
  return cleanLine((error as NodeJS.ErrnoException).code ?? error.message);
}

const bare = (address: string): string => address.replace(/^\[(.*)\]$/, '$1');

/** A way to the machine's ssh server: directly, or through another machine, which looks up names by itself. */
async function openStream(
  machine: Pick<Machine, 'name' | 'address' | 'port'>,
  signal: AbortSignal | undefined,
  through: Dial | undefined,
): Promise<Duplex> {
  if (through === undefined) return openSocket(machine, signal);
  const host = bare(machine.address);
  const stream = await through(host, machine.port, signal).catch((error: unknown) => {
    // The machine on the way answers; it is the one behind it that cannot be reached.
    if (!(error instanceof Problem) || error.data.params.address !== `${host} ${machine.port}`) throw error;
    const { machine: way = '', detail = '' } = error.data.params;
    throw problem('host-unreachable', { machine: machine.name, address: host, detail: `${way}: ${detail}` });
  });
  stream.on('error', () => undefined);
  return stream;
}

/** From a machine to an address behind it. Throws `host-unreachable`, `forwarding-forbidden` of that machine, `connection-lost`. */
export function dial(link: Link, host: string, port: number, signal?: AbortSignal): Promise<Duplex> {
  const { name } = link.machine;
  return new Promise((resolve, reject) => {
    const gone = link.gone();
    if (gone !== null) return reject(gone);
    if (signal?.aborted) return reject(cancelled(name));
    let over = false;
    const fail = (failure: Problem) => {
      over = true;
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      reject(failure);
    };
    const unreachable = (detail: string): Problem =>
      problem('host-unreachable', { machine: name, address: `${host} ${port}`, detail });
    const onAbort = () => fail(cancelled(name));
    const timer = setTimeout(() => fail(unreachable('ETIMEDOUT')), connectLimitMs);
    signal?.addEventListener('abort', onAbort, { once: true });
    void link.closed.then(fail);
    link.client.forwardOut('127.0.0.1', 0, host, port, (error, stream) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      // Nobody waits for it any more: left open it would be read by nobody, and keep the other end.
      if (over) stream?.destroy();
      else if (error === undefined) resolve(stream);
      // 1: the server's rules forbid it (RFC 4254, 5.1).
      else if (Reflect.get(error, 'reason') === 1) fail(problem('forwarding-forbidden', { machine: name }));
      else fail(unreachable(cleanLine(error.message)));
    });
  });
}

/** A TCP connection without delay; the name is looked up here so that a name's fault is told from the network's. */
async function openSocket(
  machine: Pick<Machine, 'name' | 'address' | 'port'>,
  signal: AbortSignal | undefined,
): Promise<Socket> {
  const host = bare(machine.address);
  if (signal?.aborted) throw cancelled(machine.name);
  return new Promise((resolve, reject) => {
    const socket = connectSocket({ host, port: machine.port, noDelay: true, keepAlive: true });
    const onAbort = () => end(cancelled(machine.name));
    const timer = setTimeout(() => end(unreachable('ETIMEDOUT')), connectLimitMs);
    const unreachable = (detail: string, cause?: unknown): Problem =>
      problem('host-unreachable', { machine: machine.name, address: `${host} ${machine.port}`, detail }, { cause });
    const end = (failure: Problem | null) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      socket.off('error', onError);
      if (failure === null) return resolve(socket);
      socket.on('error', () => undefined);
      socket.destroy();
      return reject(failure);
    };
    const onError = (error: NodeJS.ErrnoException) => {
      const first = error instanceof AggregateError ? (error.errors[0] as NodeJS.ErrnoException) : error;
      const code = first?.code ?? error.code ?? error.message;
      const isName = isIP(host.replace(/%.*$/, '')) === 0;
      if (isName && (code === 'ENOTFOUND' || code === 'EAI_AGAIN' || code === 'ENODATA')) {
        end(problem('host-name-unknown', { machine: machine.name, address: host }, { cause: error }));
      } else end(unreachable(code, error));
    };
    socket.once('error', onError);
    socket.once('connect', () => end(null));
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

interface LeveledError extends Error {
  readonly level?: string;
}

function openingProblem(machine: Machine, error: LeveledError, banner: string): Problem {
  if (error.level === 'client-authentication' || error.level === 'agent') {
    const evidence = [banner, cleanLine(error.message)].filter((line) => line !== '').join('\n');
    return problem('login-refused', { machine: machine.name, user: machine.user }, { evidence, cause: error });
  }
  return handshakeProblem(machine.name, error);
}

/** Before the login everything that goes wrong is the handshake's: no common algorithm, not ssh at all, silence, a reset. */
function handshakeProblem(machine: string, error: Error): Problem {
  return problem('handshake-failed', { machine, detail: cleanLine(error.message) }, { cause: error });
}
