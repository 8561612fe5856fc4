// Key files and host keys against a real sshd, through the hands of a real site: a key file with a passphrase, in an agent or not,
// and a machine that was given a host key of another kind after the first was pinned.
import { execFileSync } from 'node:child_process';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { compose } from '../../src-main/compose.ts';
import type { Asker } from '../../src-main/runbook/asking.ts';
import { OpenSite } from '../../src-main/runbook/open-site.ts';
import type { Hands } from '../../src-main/runbook/performer.ts';
import { createSite, siteFolder } from '../../src-main/runbook/sites.ts';
import { openConnection, scanHostKey } from '../../src-main/target/connection.ts';
import { Problem } from '../../src-shared/problem.ts';
import { unless } from '../unless.ts';
import { startServer, type TestServer, whyNoServer } from './target-server.ts';

const phrase = 'a phrase of words';
const ended: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end();
});

describe('a real sshd', unless(whyNoServer()), () => {
  let server: TestServer;
  let folder: string;
  /** The server's key with a passphrase: in OpenSSH's form, and in the older one, which hides its public half. */
  let locked: string;
  let older: string;
  let rsa: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fieldkit-login-'));
    rsa = join(folder, 'host_rsa');
    execFileSync('ssh-keygen', ['-q', '-t', 'rsa', '-b', '2048', '-N', '', '-f', rsa]);
    server = await startServer([`HostKey ${rsa}`]);
    locked = join(folder, 'locked');
    await copyFile(server.key.path, locked);
    execFileSync('ssh-keygen', ['-q', '-p', '-N', phrase, '-f', locked]);
    older = join(folder, 'older');
    execFileSync('ssh-keygen', ['-q', '-t', 'rsa', '-b', '2048', '-m', 'PEM', '-N', phrase, '-f', older]);
    execFileSync('sh', ['-c', 'cat "$1.pub" >> "$2"', 'sh', older, join(server.folder, 'keys', 'deputy')]);
  });
  afterAll(async () => {
    await server?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** An agent that holds some other keys first, then these. */
  const agentWith = async (...paths: readonly string[]): Promise<string> => {
    const said = execFileSync('ssh-agent', ['-s']).toString();
    const socket = /SSH_AUTH_SOCK=([^;]+)/.exec(said)?.[1] ?? '';
    ended.push(() => void process.kill(Number(/SSH_AGENT_PID=(\d+)/.exec(said)?.[1])));
    for (let count = 0; count < 7; count += 1) {
      const other = join(await mkdtemp(join(folder, 'other-')), 'key');
      execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', other]);
      execFileSync('ssh-add', ['-q', other], { env: { ...process.env, SSH_AUTH_SOCK: socket }, stdio: 'ignore' });
    }
    for (const path of paths) {
      const env = { ...process.env, SSH_AUTH_SOCK: socket, SSH_ASKPASS_REQUIRE: 'force', SSH_ASKPASS: await askpass() };
      execFileSync('ssh-add', ['-q', path], { env, stdio: 'ignore' });
    }
    return socket;
  };
  const askpass = async (): Promise<string> => {
    const path = join(folder, 'askpass');
    execFileSync('sh', ['-c', `printf '#!/bin/sh\\necho "${phrase}"\\n' > "$1" && chmod 755 "$1"`, 'sh', path]);
    return path;
  };

  interface Asked {
    readonly hands: Hands;
    readonly asked: string[];
    who(machine?: string): Promise<string>;
    readonly site: OpenSite;
  }
  /** A site whose two machines are the server, reached with this key file; what is typed stands for the person. */
  const handsWith = async (keyFile: string, typed: readonly string[], agentSocket?: string): Promise<Asked> => {
    const home = await mkdtemp(join(folder, 'home-'));
    const env = { FIELDKIT_HOME: home, ...(agentSocket === undefined ? {} : { SSH_AUTH_SOCK: agentSocket }) };
    const kit = compose({ env });
    const machine = (name: string, role: string, address: string): string =>
      `  - { name: ${name}, roles: [${role}], address: ${address}, port: ${server.machine.port}, user: deputy, release: "12", ` +
      `interface: eth0, keyFile: ${keyFile}, hostKey: "${server.fingerprint}" }\n`;
    const text = `format: 1\nname: lab\nmachines:\n${machine('m1', 'master', '127.0.0.1')}${machine('n1', 'node', 'localhost')}`;
    const name = await createSite(kit.parts.dataFolder, text, { practice: false });
    const site = await OpenSite.open(await siteFolder(kit.parts.dataFolder, name), {
      program: 'test',
      practice: false,
      clock: kit.parts.clock,
    });
    const asked: string[] = [];
    const left = [...typed];
    const asker: Asker = {
      who: 'test',
      answer: async (instance, question) => {
        asked.push(`${instance} ${question.kind} ${question.id} ${question.key}`);
        return left.shift() ?? '';
      },
      confirm: async () => false,
    };
    const hands = kit.parts.makeHands(site, asker);
    ended.push(async () => {
      await hands.close();
      await site.close();
    });
    const who = async (on = 'm1'): Promise<string> => {
      const world = hands.world(new AbortController().signal);
      return (await world.probe(on, [{ id: 'who', kind: 'run', argv: ['id', '-un'] }])).who?.out.trim() ?? '';
    };
    return { hands, asked, who, site };
  };
  const problemOf = async (act: Promise<unknown>): Promise<Problem> => {
    const thrown = await act.then(
      () => new Error('no problem'),
      (error: unknown) => error,
    );
    if (thrown instanceof Problem) return thrown;
    throw thrown;
  };

  it.each([
    ['in the form of today', () => locked],
    ['in the older form', () => older],
  ])('asks once for the passphrase of a key file %s, and tells a wrong one', async (_form, path) => {
    const { who, asked, site } = await handsWith(path(), ['mistyped phrase', phrase]);
    const question = (machine: string) =>
      `connect@machine:${machine} secret key:${path()} steps.connect.asks.keyPassphrase`;
    const wrong = await problemOf(who());
    expect([wrong.code, wrong.data.params]).toEqual(['private-key-passphrase-wrong', { path: path() }]);
    expect(JSON.stringify(wrong.data)).not.toContain('mistyped');
    expect(await who()).toBe('root');
    // The other machine is reached with the same key: nobody is asked again.
    expect(await who('n1')).toBe('root');
    expect(asked).toEqual([question('m1'), question('m1')]);
    expect(site.secrets.redact(`${phrase} mistyped phrase`)).toBe('[secret] [secret]');
  });

  it('asks for nothing when the key is in the agent, behind more keys than sshd listens to', async () => {
    const { who, asked } = await handsWith(locked, [], await agentWith(locked));
    expect(await who()).toBe('root');
    const old = await handsWith(older, [], await agentWith(older));
    expect(await old.who()).toBe('root');
    expect([...asked, ...old.asked]).toEqual([]);
  });

  it('asks when the agent holds others only, and for no passphrase of a key that has none', async () => {
    const { who, asked } = await handsWith(locked, [phrase], await agentWith());
    expect(await who()).toBe('root');
    expect(asked).toHaveLength(1);
    const open = await handsWith(server.key.path, []);
    expect(await open.who()).toBe('root');
    expect(open.asked).toEqual([]);
  });

  it('goes on with the pinned host key when the machine has one of a kind that it prefers', async () => {
    const pinned = execFileSync('ssh-keygen', ['-l', '-f', `${rsa}.pub`])
      .toString()
      .split(' ')[1] as string;
    // What it shows by itself is the other one.
    expect(await scanHostKey(server.machine)).toEqual({ fingerprint: server.fingerprint, type: 'ssh-ed25519' });
    expect(await scanHostKey({ ...server.machine, hostKey: pinned })).toEqual({ fingerprint: pinned, type: 'ssh-rsa' });
    const request = { machine: server.machine, login: { privateKey: server.key } };
    const connection = await openConnection({ ...request, pinnedHostKey: pinned });
    expect((await connection.exec(['id', '-un'])).stdout).toBe('root\n');
    connection.close();
    // One that it has not is another machine all the same, and what it shows by itself is told.
    const foreign = `SHA256:${'A'.repeat(43)}`;
    expect(await scanHostKey({ ...server.machine, hostKey: foreign })).toMatchObject({ type: 'ssh-ed25519' });
    const changed = await problemOf(openConnection({ ...request, pinnedHostKey: foreign }));
    expect([changed.code, changed.data.params.found]).toEqual(['host-key-changed', server.fingerprint]);
  });

  it('is told of a key file that is none', async () => {
    const { who, asked } = await handsWith(`${server.key.path}.pub`, [phrase]);
    expect((await problemOf(who())).code).toBe('private-key-unreadable');
    expect(asked).toEqual([]);
  });
});
