// Becoming somebody on the target: what to put in front of a command, and the line that sudo reads first. Called by exec.ts.
// It must never put the password anywhere but on standard input, and never send it where sudo would not read it:
// the command itself would read it then.
import { cleanText } from '../../src-shared/clean.ts';
import { problem } from '../../src-shared/problem.ts';
import { quoteArgv } from '../../src-shared/quote.ts';
import { openChannel } from './channel.ts';
import type { Link } from './link.ts';

export interface Identity {
  readonly prefix: readonly string[];
  /** To be sent as the first line of standard input, null for none. */
  readonly firstLine: string | null;
}

const direct: Identity = { prefix: [], firstLine: null };
/** `-k` ignores a remembered yes: else sudo would leave the password line to the command. */
const sudo = ['sudo', '-k'];

/** setpriv is part of every Debian and, unlike su and runuser, runs no start files and opens no session. */
export const asUserScript =
  'u=$1; shift; g=$(id -g -- "$u") || exit 1; ' +
  'exec setpriv --reuid "$u" --regid "$g" --init-groups --reset-env /bin/sh -c \'cd "$HOME" 2>/dev/null || cd /; exec "$@"\' sh "$@"';

const rootOf = new WeakMap<Link, Promise<Identity>>();

/**
 * How to act as `root`, `login` or a user by name on this connection.
 * Throws `sudo-missing`, `sudo-refused` (no right, or the password is wrong or missing), `connection-lost`.
 */
export async function identityFor(link: Link, as: string): Promise<Identity> {
  if (as === 'login' || as === link.machine.user) return direct;
  const root = await rootIdentity(link);
  if (as === 'root') return root;
  return { prefix: [...root.prefix, '/bin/sh', '-c', asUserScript, 'sh', as], firstLine: root.firstLine };
}

function rootIdentity(link: Link): Promise<Identity> {
  if (link.machine.user === 'root') return Promise.resolve(direct);
  let known = rootOf.get(link);
  if (known === undefined) {
    known = findRoot(link);
    rootOf.set(link, known);
    // A refusal is asked again the next time: rights may have been given meanwhile.
    known.catch(() => rootOf.delete(link));
  }
  return known;
}

async function findRoot(link: Link): Promise<Identity> {
  const { name: machine, user } = link.machine;
  const probe = ['/bin/sh', '-c', 'exit 0'];
  const free = await answer(link, quoteArgv([...sudo, '-n', ...probe]), '');
  if (free.exit === 0) return { prefix: [...sudo, '-n'], firstLine: null };
  if (free.exit === 127) throw problem('sudo-missing', { machine, user }, { evidence: free.text });
  const password = link.login.sudoPassword ?? link.login.password;
  if (password === undefined || /[\n\r\0]/.test(password)) {
    throw problem('sudo-refused', { machine, user }, { evidence: free.text });
  }
  const withPassword = [...sudo, '-S', '-p', ''];
  const tried = await answer(link, quoteArgv([...withPassword, ...probe]), `${password}\n`);
  if (tried.exit !== 0) throw problem('sudo-refused', { machine, user }, { evidence: tried.text });
  return { prefix: withPassword, firstLine: password };
}

async function answer(link: Link, line: string, stdin: string): Promise<{ exit: number; text: string }> {
  const { channel, ended } = await openChannel(link, `env LC_ALL=C.UTF-8 ${line}`);
  const text: Buffer[] = [];
  channel.on('data', (bytes: Buffer) => text.push(bytes));
  channel.stderr.on('data', (bytes: Buffer) => text.push(bytes));
  channel.end(stdin);
  const exit = await ended;
  if (exit !== null) return { exit, text: cleanText(Buffer.concat(text).toString()).trim() };
  throw link.gone() ?? problem('connection-lost', { machine: link.machine.name, detail: 'no exit code' });
}
