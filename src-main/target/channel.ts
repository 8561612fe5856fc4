// A raw session channel on a connection. Called by exec.ts and rights.ts only; everything else runs commands through exec.ts.
import type { ClientChannel } from 'ssh2';
import { cleanLine } from '../../src-shared/clean.ts';
import { problem } from '../../src-shared/problem.ts';
import type { Link } from './link.ts';

/** A session channel with one command line on it. Throws `connection-lost`. */
export function openChannel(link: Link, line: string): Promise<ClientChannel> {
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
        else resolve(channel);
      });
    } catch (thrown) {
      lost(String((thrown as Error).message));
    }
  });
}
