// A real sshd on loopback with users of its own, for the tests of the target room. The host's account files are not touched:
// sshd runs in a mount namespace in which copies with our users lie over them.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LoginMaterial, Machine } from '../../src-main/target/connection.ts';
import { whyWithout, whyWithoutRoot } from '../unless.ts';

export interface TestServer {
  readonly folder: string;
  readonly machine: Machine;
  readonly fingerprint: string;
  readonly key: NonNullable<LoginMaterial['privateKey']>;
  as(user: string): Machine;
  /** Ends sshd and every session it serves. */
  stop(): Promise<void>;
}

export const passwords = { clerk: 'clerk pass  word', guest: 'guest-password' } as const;

/** Why there can be no server here; null when there can. */
export function whyNoServer(): string | null {
  const lacking = whyWithoutRoot('sshd with users of its own') ?? whyWithout('sshd', 'sudo', 'unshare', 'openssl');
  if (lacking !== null) return lacking;
  try {
    execFileSync('unshare', ['--mount', 'true'], { stdio: 'ignore' });
    return null;
  } catch {
    return 'mount namespaces are not allowed here';
  }
}

const hashOf = (password: string): string =>
  execFileSync('openssl', ['passwd', '-6', '-stdin'], { input: `${password}\n` })
    .toString()
    .trim();

export async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

/** `more`: further lines of sshd_config. */
export async function startServer(more: readonly string[] = []): Promise<TestServer> {
  const folder = await mkdtemp(join(tmpdir(), 'fieldkit-sshd-'));
  await chmod(folder, 0o755);
  const at = (name: string) => join(folder, name);
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at('host')]);
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at('user')]);
  const publicKey = await readFile(at('user.pub'), 'utf8');
  await mkdir(at('keys'));
  for (const user of ['root', 'clerk', 'deputy', 'guest', 'noisy'])
    await writeFile(join(folder, 'keys', user), publicKey);
  await writeFile(join(folder, 'keys', 'barred'), `command="echo log in as somebody else; exit 142" ${publicKey}`);
  const users = ['clerk', 'deputy', 'guest', 'noisy', 'barred'];
  for (const user of users) {
    await mkdir(join(folder, 'home', user), { recursive: true });
    execFileSync('chown', [`${4200 + users.indexOf(user)}:${4200 + users.indexOf(user)}`, join(folder, 'home', user)]);
  }
  await writeFile(join(folder, 'home', 'noisy', '.bashrc'), 'echo "welcome to noisy"; echo "a warning" >&2\n');
  const rows = (make: (user: string, id: number) => string) =>
    users.map((user, index) => make(user, 4200 + index)).join('\n');
  const extend = async (file: string, lines: string, mode: number) => {
    await writeFile(at(file), `${await readFile(`/etc/${file}`, 'utf8')}${lines}\n`);
    await chmod(at(file), mode);
  };
  await extend(
    'passwd',
    rows((user, id) => `${user}:x:${id}:${id}::${join(folder, 'home', user)}:/bin/bash`),
    0o644,
  );
  await extend(
    'group',
    rows((user, id) => `${user}:x:${id}:`),
    0o644,
  );
  const secret = (user: string) => (user in passwords ? hashOf(passwords[user as keyof typeof passwords]) : '*');
  await extend(
    'shadow',
    rows((user) => `${user}:${secret(user)}:19000:0:99999:7:::`),
    0o640,
  );
  await writeFile(
    at('sudoers'),
    'Defaults secure_path="/usr/sbin:/usr/bin:/sbin:/bin"\nclerk ALL=(ALL) ALL\ndeputy ALL=(ALL) NOPASSWD: ALL\n',
  );
  await chmod(at('sudoers'), 0o440);
  const port = await freePort();
  const config = [
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${at('host')}`,
    `AuthorizedKeysFile ${folder}/keys/%u`,
    'StrictModes no',
    'PermitRootLogin yes',
    'UsePAM no',
    'PidFile none',
    `Banner ${at('banner')}`,
    ...more,
  ];
  await writeFile(at('banner'), 'Property of \u001b[31mthe test\u001b[0m\n');
  await writeFile(at('config'), `${config.join('\n')}\n`);
  await mkdir('/run/sshd', { recursive: true });
  const script = [
    'set -e',
    `for f in passwd group shadow sudoers; do mount --bind ${folder}/$f /etc/$f; done`,
    `exec setpriv --pdeathsig KILL /usr/sbin/sshd -D -e -f ${at('config')}`,
  ].join('\n');
  const child = spawn('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', script], {
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  });
  const log: string[] = [];
  child.stderr?.on('data', (bytes: Buffer) => log.push(bytes.toString()));
  await waitForPort(port, child, log);
  const fingerprint =
    execFileSync('ssh-keygen', ['-l', '-f', at('host.pub')])
      .toString()
      .split(' ')[1] ?? '';
  const machine = { name: 'box', address: '127.0.0.1', port, user: 'root' };
  return {
    folder,
    machine,
    fingerprint,
    key: { path: at('user'), text: await readFile(at('user'), 'utf8') },
    as: (user) => ({ ...machine, user }),
    stop: async () => {
      await endTree(child);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function waitForPort(port: number, child: ChildProcess, log: readonly string[]): Promise<void> {
  for (let tries = 0; tries < 100; tries += 1) {
    if (child.exitCode !== null) break;
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`sshd did not start: ${log.join('')}`);
}

/** Children of a process, from /proc; sessions of sshd are children of the one that listens. */
export async function childrenOf(pid: number): Promise<readonly number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  return text
    .split(' ')
    .filter((word) => word !== '')
    .map(Number);
}

async function endTree(child: ChildProcess): Promise<void> {
  const { pid } = child;
  if (pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const all: number[] = [];
  const walk = async (of: number): Promise<void> => {
    for (const one of await childrenOf(of)) {
      all.push(one);
      await walk(one);
    }
  };
  await walk(pid);
  const ended = new Promise((resolve) => child.once('close', resolve));
  for (const one of [pid, ...all]) {
    try {
      process.kill(one, 'SIGKILL');
    } catch {
      // It ended by itself in between.
    }
  }
  await ended;
}
