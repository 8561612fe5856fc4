/**
 * The monitor of one QEMU: commands in, answers out, as JSON lines over a socket. Called by the USB machine.
 * Format: the QEMU Machine Protocol; events are passed over, only answers are handed out.
 */
import { connect, type Socket } from 'node:net';

type Answer = { readonly return: unknown } | { readonly error: { readonly desc: string } };

export interface Monitor {
  /** Throws with QEMU's own words when it refuses. */
  command(execute: string, args?: Readonly<Record<string, unknown>>): Promise<unknown>;
  /** A line of the human monitor; what it prints, which is empty when all went well. */
  human(line: string): Promise<string>;
  close(): void;
}

export async function openMonitor(path: string): Promise<Monitor> {
  const socket = await connected(path);
  const waiting: { resolve: (value: unknown) => void; reject: (reason: Error) => void }[] = [];
  let rest = '';
  socket.setEncoding('utf8');
  socket.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines.filter((one) => one.trim() !== '')) {
      const answer = JSON.parse(line) as Partial<{ return: unknown; error: { desc: string } }>;
      if (!('return' in answer) && !('error' in answer)) continue;
      const first = waiting.shift();
      const said = answer as Answer;
      if ('error' in said) first?.reject(new Error(said.error.desc));
      else first?.resolve(said.return);
    }
  });
  socket.on('close', () => {
    for (const one of waiting.splice(0)) one.reject(new Error('the machine is gone'));
  });
  const command = (execute: string, args: Readonly<Record<string, unknown>> = {}): Promise<unknown> =>
    new Promise((resolve, reject) => {
      waiting.push({ resolve, reject });
      socket.write(`${JSON.stringify({ execute, arguments: args })}\n`);
    }).catch((cause: Error) => {
      throw new Error(`${execute} ${JSON.stringify(args)}: ${cause.message}`);
    });
  await command('qmp_capabilities');
  return {
    command,
    human: async (line) => String(await command('human-monitor-command', { 'command-line': line })),
    close: () => socket.destroy(),
  };
}

function connected(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.off('error', reject);
      socket.on('error', () => undefined);
      resolve(socket);
    });
    socket.once('error', reject);
  });
}
