// A raw session channel on a connection. Called by exec.ts and rights.ts only; everything else runs commands through exec.ts.
import type { ClientChannel } from 'ssh2';
import { cleanLine } from '../../src-shared/clean.ts';
import { problem } from '../../src-shared/problem.ts';
import type { Link } from './link.ts';

export interface OpenChannel {
  readonly channel: ClientChannel;
  /** Resolves at the close: the exit code (128 + signal number for a signal), null when none was told. */
  readonly ended: Promise<number | null>;
}

/**
 * A session channel with one command line on it. Throws `connection-lost`.
 * The exit is listened for before this returns: a quick command's start and end may arrive in one packet.
 */
export function openChannel(link: Link, line: string): Promise<OpenChannel> {
  return new Promise((resolve, reject) => {
    const lost = (detail: string) =>
      reject(link.gone() ?? problem('connection-lost', { machine: link.machine.name, detail: cleanLine(detail) }));
    if (link.gone() !== null) {
      lost('');
      return;
    }
    try {
      link.client.exec(line, (error, channel) => {
        if (error) lost(error.message);
        else resolve({ channel, ended: endOf(channel) });
      });
    } catch (thrown) {
      lost(String((thrown as Error).message));
    }
  });
}

function endOf(channel: ClientChannel): Promise<number | null> {
  return new Promise((resolve) => {
    let exit: number | null = null;
    channel.on('error', () => undefined);
    channel.on('exit', (code: number | null, signal?: string) => {
      exit = code ?? 128 + signalNumber(signal);
    });
    channel.on('close', () => resolve(exit));
  });
}

const signalNumbers: Readonly<Record<string, number>> = {
  HUP: 1,
  INT: 2,
  QUIT: 3,
  ABRT: 6,
  KILL: 9,
  SEGV: 11,
  PIPE: 13,
  TERM: 15,
};
const signalNumber = (name: string | undefined): number => signalNumbers[(name ?? '').replace(/^SIG/, '')] ?? 0;
