// An ssh server in this process that misbehaves on request: what a real sshd would do only once in a while.
import { generateKeyPairSync } from 'node:crypto';
import { connect, createServer, type Server as NetServer, type Socket } from 'node:net';
import ssh2, { type AuthContext, type Connection as ServerSide } from 'ssh2';
import { type Connection, openConnection } from '../../../src-main/target/connection.ts';
import { fingerprintOf } from '../../../src-main/target/host-key.ts';

export interface Illness {
  /** Decides a login; default: the password `right`. */
  readonly login?: (context: AuthContext) => void;
  /** Called for each command line, with its channel's means. */
  readonly command?: (line: string, channel: ssh2.ServerChannel, sockets: readonly Socket[]) => void;
  readonly forwarding?: 'refused' | 'allowed';
  /** Called for each stream that is asked for to an address behind it. */
  readonly behind?: (accept: () => ssh2.ServerChannel) => void;
  /** Called when a client has connected, before anything is said. */
  readonly greeting?: (socket: Socket) => void;
}

export interface SickServer {
  readonly port: number;
  readonly fingerprint: string;
  /** All logins that were tried, by method. */
  readonly tried: string[];
  readonly commands: string[];
  /** Cuts all connections without a word. */
  cut(): void;
  open(login?: Parameters<typeof openConnection>[0]['login']): Promise<Connection>;
  close(): Promise<void>;
}

const hostKey = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs1', format: 'pem' });

export async function sickServer(illness: Illness = {}): Promise<SickServer> {
  const tried: string[] = [];
  const commands: string[] = [];
  const sockets: Socket[] = [];
  const parsed = ssh2.utils.parseKey(hostKey);
  const key = Array.isArray(parsed) ? parsed[0] : parsed;
  if (key === undefined || key instanceof Error) throw new Error('no host key');
  const server = new ssh2.Server({ hostKeys: [hostKey] }, (client: ServerSide) => {
    client.on('error', () => undefined);
    client.on('authentication', (context) => {
      tried.push(context.method);
      if (illness.login !== undefined) illness.login(context);
      else if (context.method === 'password' && context.password === 'right') context.accept();
      else context.reject(['password']);
    });
    client.on('ready', () => {
      client.on('session', (accept) => {
        accept().on('exec', (acceptExec, _reject, { command }) => {
          commands.push(command);
          const channel = acceptExec();
          channel.on('error', () => undefined);
          illness.command?.(command, channel, sockets);
        });
      });
      client.on('tcpip', (accept, reject) => (illness.behind === undefined ? reject() : illness.behind(accept)));
      client.on('request', (accept, reject) => (illness.forwarding === 'allowed' ? accept?.() : reject?.()));
    });
  });
  // In front of it, so that a connection can be cut like a cable.
  const inner = await listen(server as unknown as NetServer);
  const front = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    if (illness.greeting !== undefined) {
      illness.greeting(socket);
      return;
    }
    const onward = connect(inner, '127.0.0.1');
    onward.on('error', () => undefined);
    socket.pipe(onward).pipe(socket);
    socket.on('close', () => onward.destroy());
    onward.on('close', () => socket.destroy());
  });
  const port = await listen(front);
  const fingerprint = fingerprintOf(key.getPublicSSH());
  return {
    port,
    fingerprint,
    tried,
    commands,
    cut: () => {
      for (const socket of sockets.splice(0)) socket.resetAndDestroy();
    },
    open: (login = { password: 'right' }) =>
      openConnection({
        machine: { name: 'box', address: '127.0.0.1', port, user: 'root' },
        pinnedHostKey: fingerprint,
        login,
      }),
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => front.close(resolve));
      await new Promise((resolve) => server.close(() => resolve(null)));
    },
  };
}

const listen = (server: NetServer): Promise<number> =>
  new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port)));

/** Plays the launcher: the marks that a command begins with. */
export function begin(line: string, channel: ssh2.ServerChannel): void {
  const mark = /fieldkit-[0-9a-f]{18}/.exec(line)?.[0] ?? '';
  channel.write(`${mark}\n`);
  channel.stderr.write(`${mark} 4321\n`);
}
