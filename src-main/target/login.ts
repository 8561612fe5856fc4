// What a login is made of, and what of it is offered to a machine, in which order. Called by link.ts before it connects.
// It must never write a key or a passphrase anywhere, and never offer a machine more keys than needed: sshd counts them.
import type { Duplex } from 'node:stream';
import ssh2, { type AuthenticationType, type BaseAgent, type ConnectConfig, type ParsedKey } from 'ssh2';
import { cleanLine } from '../../src-shared/clean.ts';
import { problem } from '../../src-shared/problem.ts';

/** Everything a login may need. It lives in memory only. */
export interface LoginMaterial {
  readonly privateKey?: PrivateKey;
  /** Path of an ssh agent's socket. */
  readonly agentSocket?: string;
  readonly password?: string;
  /** For becoming root; the login's own password when absent. */
  readonly sudoPassword?: string;
}

interface PrivateKey {
  readonly path: string;
  readonly text: string;
  readonly passphrase?: string;
  /** What lies beside it as `.pub`, where it does: a locked key of the older form does not show its public half itself. */
  readonly publicText?: string;
}

/** An agent of ours gives its keys parsed. */
type Agent = BaseAgent<ParsedKey>;
type Offered = Pick<ConnectConfig, 'privateKey' | 'passphrase' | 'agent' | 'password' | 'tryKeyboard' | 'authHandler'>;

/**
 * What is offered, in the order in which it is tried: the named key, from the agent when that holds it, else from its file; the
 * agent's other keys; the password; the same password when asked in a dialogue. Nothing is sent anywhere.
 * Throws `private-key-locked` when the file wants a passphrase and no agent holds the key, `private-key-passphrase-wrong`,
 * `private-key-unreadable`, `cancelled`.
 */
export async function offeredTo(login: LoginMaterial, machine: string, signal?: AbortSignal): Promise<Offered> {
  const { privateKey, agentSocket = '', password } = login;
  const order: AuthenticationType[] = [];
  const offered: Offered = {};
  const agent = agentSocket === '' ? null : (ssh2.createAgent(agentSocket) as Agent);
  const named = privateKey === undefined ? null : publicBlobOf(privateKey);
  const identities = agent === null ? null : await identitiesOf(agent, signal);
  if (signal?.aborted) throw problem('cancelled', { what: machine });
  const held = named !== null && identities?.some((key) => isKey(key, named)) === true;
  if (privateKey !== undefined && !held) {
    requireUsable(privateKey);
    order.push('publickey');
    offered.privateKey = privateKey.text;
    if (privateKey.passphrase !== undefined) offered.passphrase = privateKey.passphrase;
  }
  // One that is silent would keep the machine waiting for it as well.
  if (agent !== null && identities !== null) {
    order.push('agent');
    offered.agent = held && named !== null ? naming(named, agent) : agent;
  }
  if (password !== undefined) {
    order.push('password', 'keyboard-interactive');
    offered.password = password;
    offered.tryKeyboard = true;
  }
  // With nothing to offer, `none` lets the machine say so itself.
  if (order.length === 0) order.push('none');
  return { ...offered, authHandler: order };
}

/** A key that cannot be used is said before a connection is tried. */
function requireUsable({ path, text, passphrase }: PrivateKey): void {
  const key = parsed(text, passphrase);
  if (key instanceof Error) {
    const locked = isLocked(parsed(text));
    if (locked && passphrase === undefined) throw problem('private-key-locked', { path });
    if (locked) throw problem('private-key-passphrase-wrong', { path });
    throw problem('private-key-unreadable', { path, detail: cleanLine(key.message) });
  }
  if (!key.isPrivateKey()) throw problem('private-key-unreadable', { path, detail: 'this is a public key' });
}

/** ssh2 tells a key that wants a passphrase from what is none by its words alone. */
const isLocked = (key: ParsedKey | Error): boolean => key instanceof Error && /no passphrase given/.test(key.message);

function parsed(text: string, passphrase?: string): ParsedKey | Error {
  const all: ParsedKey | ParsedKey[] | Error = ssh2.utils.parseKey(text, passphrase);
  const [key] = Array.isArray(all) ? all : [all];
  return key ?? new Error('empty');
}

// ---------------------------------------------------------------- the agent

/** The public half, as ssh sends it: from the file itself, locked or not, else from what lies beside it. */
function publicBlobOf({ text, publicText }: PrivateKey): Buffer | null {
  const key = parsed(text);
  if (!(key instanceof Error)) return key.getPublicSSH();
  const own = openSshPublicBlob(text);
  if (own !== null) return own;
  const beside = parsed(publicText ?? '');
  return beside instanceof Error ? null : beside.getPublicSSH();
}

/**
 * The public half of a key file in OpenSSH's own form, which is in the clear also where the private half is not: after the mark,
 * cipher, key derivation and its options come as counted strings, then the number of keys, then the public half (PROTOCOL.key).
 */
function openSshPublicBlob(text: string): Buffer | null {
  const [, body] = /-----BEGIN OPENSSH PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END/.exec(text) ?? [];
  const bytes = Buffer.from(body ?? '', 'base64');
  const mark = 'openssh-key-v1\0';
  if (bytes.toString('latin1', 0, mark.length) !== mark) return null;
  let at = mark.length;
  const next = (): Buffer => {
    const length = bytes.readUInt32BE(at);
    at += 4 + length;
    return bytes.subarray(at - length, at);
  };
  try {
    for (let skipped = 0; skipped < 3; skipped += 1) next();
    at += 4;
    return next();
  } catch {
    // Cut short: not a key.
    return null;
  }
}

const isKey = (key: ParsedKey, blob: Buffer): boolean => key.getPublicSSH().equals(blob);

/** Forwarded over a line that was cut, or stopped in a terminal, an agent takes a question and never answers it. */
const agentLimitMs = 5000;

/** The keys an agent holds; none of an agent that is gone. Null of one that does not answer in time, or before it is given up. */
function identitiesOf(agent: Agent, signal: AbortSignal | undefined): Promise<readonly ParsedKey[] | null> {
  return new Promise((resolve) => {
    let asked: Duplex | undefined;
    const { getStream } = agent;
    if (getStream !== undefined)
      agent.getStream = (answer) =>
        getStream.call(agent, (error, stream) => {
          asked = stream;
          answer(error, stream);
        });
    const end = (keys: readonly ParsedKey[] | null): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', giveUp);
      resolve(keys);
    };
    const giveUp = (): void => {
      end(null);
      asked?.destroy();
    };
    const timer = setTimeout(giveUp, agentLimitMs);
    signal?.addEventListener('abort', giveUp, { once: true });
    agent.getIdentities((error, keys) => end(error ? [] : (keys as ParsedKey[])));
    if (signal?.aborted) giveUp();
  });
}

/** Has the agent name the wanted key first: a machine stops listening after a few. */
function naming(blob: Buffer, agent: Agent): Agent {
  const all = agent.getIdentities.bind(agent);
  agent.getIdentities = (answer) =>
    all((error, keys) => {
      const known = (keys ?? []) as ParsedKey[];
      answer(error, [...known.filter((key) => isKey(key, blob)), ...known.filter((key) => !isKey(key, blob))]);
    });
  return agent;
}
