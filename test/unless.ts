/**
 * Options of a test or a group that cannot run everywhere: `describe('…', unless(reason), () => …)`. With a reason it is
 * skipped, and the summary of `npm test` says why (tools/vitest-counts.mjs); with null it runs.
 */
import { spawnSync } from 'node:child_process';

export const unless = (
  reason: string | null,
): { readonly skip: boolean; readonly meta?: { readonly reason: string } } =>
  reason === null ? { skip: false } : { skip: true, meta: { reason } };

/** The Debian package of a program that is not called like it. */
const packages: Readonly<Record<string, string>> = {
  'apt-get': 'apt',
  'dpkg-deb': 'dpkg',
  gpg: 'gnupg',
  gpgconf: 'gnupg',
  nft: 'nftables',
  pgrep: 'procps',
  'ssh-keygen': 'openssh-client',
  sshd: 'openssh-server',
  unshare: 'util-linux',
  xz: 'xz-utils',
};

/** Why a test that talks to these programs cannot run here, and what brings them; null when all are there. */
export function whyWithout(...programs: readonly string[]): string | null {
  const find = 'PATH=$PATH:/usr/sbin:/sbin; command -v "$1"';
  const absent = programs.filter((program) => spawnSync('sh', ['-c', find, 'sh', program]).status !== 0);
  if (absent.length === 0) return null;
  const names = new Set(absent.map((program) => packages[program] ?? program));
  return `${absent.join(', ')} not installed: sudo apt-get install ${[...names].join(' ')}`;
}

/** Why a test that needs the rights of root cannot run here; null when we have them. Root's files would stand in a user's way. */
export const whyWithoutRoot = (what: string): string | null =>
  process.getuid?.() === 0 ? null : `${what} needs root: run npm test as root, in a clone of root's own`;

declare module 'vitest' {
  interface TaskMeta {
    reason?: string;
  }
}
