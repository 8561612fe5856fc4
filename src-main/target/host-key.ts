// A machine's host keys: what one is called, and which kinds a machine is asked for. A machine may have several, one of each kind,
// and shows the first that both sides know; a kind that came later must not make it another machine. Called by link.ts.
import { createHash } from 'node:crypto';
import type { Algorithms } from 'ssh2';
import { cleanLine } from '../../src-shared/clean.ts';

export interface HostKey {
  readonly fingerprint: string;
  readonly type: string;
}

/** A host key's fingerprint as `ssh-keygen -l` prints it. */
export const fingerprintOf = (key: Uint8Array): string =>
  `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;

/** The type inside a host key blob (RFC 4253, 6.6: it begins with its name as a counted string). */
function keyTypeOf(key: Uint8Array): string {
  const view = Buffer.from(key);
  return view.length < 4 ? '' : cleanLine(view.toString('latin1', 4, 4 + Math.min(view.readUInt32BE(0), 60)));
}

export const hostKeyOf = (key: Uint8Array): HostKey => ({ fingerprint: fingerprintOf(key), type: keyTypeOf(key) });

/** Kinds of host keys, by the names of what signs with them. */
const kinds = { ed25519: /^ssh-ed25519/, ecdsa: /^ecdsa-/, rsa: /rsa/ } as const;
export type HostKeyKind = keyof typeof kinds;
export const hostKeyKinds = Object.keys(kinds) as readonly HostKeyKind[];

/**
 * Asks for one kind alone. The others are taken away by pattern instead of the wanted ones being named: a name that the running
 * program's crypto lacks would be refused before anything is sent.
 */
export function onlyKind(kind: HostKeyKind | undefined): { readonly algorithms?: Algorithms } {
  if (kind === undefined) return {};
  const remove = hostKeyKinds.filter((other) => other !== kind).map((other) => kinds[other]);
  // ssh2 takes patterns here; its types know of names alone.
  return { algorithms: { serverHostKey: { remove } as unknown as NonNullable<Algorithms['serverHostKey']> } };
}
