// The target room against a real sshd: logins, rights, commands, files, forwards, and a line that is cut.
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer, request as httpRequest } from 'node:http';
import { connect, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runLocal } from '../../src-main/platform/shell.ts';
import { type Connection, type LoginMaterial, openConnection, scanHostKey } from '../../src-main/target/connection.ts';
import { ConnectionPool } from '../../src-main/target/connection-pool.ts';
import { Problem } from '../../src-shared/problem.ts';
import { sitePlan } from '../../src-shared/site.ts';
import { commandLines } from '../processes.ts';
import { unless } from '../unless.ts';
import { childrenOf, freePort, passwords, startServer, type TestServer, whyNoServer } from './target-server.ts';

const reason = whyNoServer();
const sha256 = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');
const problemOf = async (act: Promise<unknown>): Promise<Problem> => {
  const thrown = await act.then(
    () => new Error('no problem'),
    (error: unknown) => error,
  );
  if (thrown instanceof Problem) return thrown;
  throw thrown;
};

describe('a real sshd', unless(reason), () => {
  let server: TestServer;
  let folder: string;
  const opened: Connection[] = [];
  const open = async (user: string, login: LoginMaterial = { privateKey: server.key }): Promise<Connection> => {
    const connection = await openConnection({ machine: server.as(user), pinnedHostKey: server.fingerprint, login });
    opened.push(connection);
    return connection;
  };
  beforeAll(async () => {
    server = await startServer();
    folder = await mkdtemp(join(tmpdir(), 'fieldkit-target-'));
    await chmod(folder, 0o755);
  });
  afterAll(async () => {
    for (const connection of opened) connection.close();
    await server?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  describe('host key and login', () => {
    it('is reached at a link-local address through the interface that its scope names', async () => {
      // A cable to a bare machine has nothing else. Two ends of one.
      const [near, far] = [`fk${process.pid % 100_000}a`, `fk${process.pid % 100_000}b`];
      const ip = (...words: readonly string[]) => execFileSync('ip', words, { encoding: 'utf8' });
      ip('link', 'add', near, 'type', 'veth', 'peer', 'name', far);
      const [host, port] = [server.machine.address, server.machine.port];
      // The test's sshd listens on loopback: what arrives at the far end is handed on to it.
      const inward = createTcpServer((socket) => {
        const on = connect(port, host);
        socket.pipe(on).pipe(socket);
        for (const one of [socket, on]) one.on('error', () => one.destroy());
      });
      try {
        for (const end of [near, far]) ip('link', 'set', end, 'up');
        // Ready at once: nobody else is on this cable to be asked whether the address is free.
        const address = 'fe80::f1e1:d';
        ip('-6', 'addr', 'add', `${address}/64`, 'dev', far, 'nodad');
        const scoped = `${address}%${far}`;
        await new Promise<void>((resolve, reject) => {
          inward.once('error', reject).listen(port, scoped, resolve);
        });
        const machine = { ...server.as('root'), address: scoped };
        expect((await scanHostKey(machine)).fingerprint).toBe(server.fingerprint);
        const { error } = sitePlan.safeParse({
          format: 1,
          name: 'cable',
          machines: [{ name: 'm1', roles: ['master'], address: scoped, release: '12', interface: 'eth0' }],
        });
        expect(error).toBe(undefined);
      } finally {
        inward.close();
        ip('link', 'del', near);
      }
    });

    it('shows the fingerprint that ssh-keygen prints, before any login', async () => {
      expect(await scanHostKey(server.machine)).toEqual({ fingerprint: server.fingerprint, type: 'ssh-ed25519' });
    });

    it('stops at an unknown host key and at a changed one', async () => {
      const request = { machine: server.machine, login: { privateKey: server.key } };
      const unknown = await problemOf(openConnection({ ...request, pinnedHostKey: null }));
      expect(unknown.code).toBe('host-key-unknown');
      expect(unknown.data.params.fingerprint).toBe(server.fingerprint);
      const pinnedHostKey = `SHA256:${'A'.repeat(43)}`;
      const changed = await problemOf(openConnection({ ...request, pinnedHostKey, pinnedSince: '2026-01-02' }));
      expect(changed.code).toBe('host-key-changed');
      expect(changed.data.params).toMatchObject({
        expected: pinnedHostKey,
        found: server.fingerprint,
        since: '2026-01-02',
      });
    });

    it('logs in with a key, with a password, with an encrypted key, through an agent', async () => {
      await open('root');
      await open('clerk', { password: passwords.clerk });
      const locked = join(folder, 'locked');
      await writeFile(locked, server.key.text, { mode: 0o600 });
      await runLocal(['ssh-keygen', '-q', '-p', '-N', 'a phrase', '-f', locked]);
      const text = await readFile(locked, 'utf8');
      await open('root', { privateKey: { path: locked, text, passphrase: 'a phrase' } });
      for (const [more, code] of [
        [{}, 'private-key-locked'],
        [{ passphrase: 'another' }, 'private-key-passphrase-wrong'],
      ] as const) {
        const refused = await problemOf(open('root', { privateKey: { path: locked, text, ...more } }));
        expect([refused.code, refused.data.params.path]).toEqual([code, locked]);
      }
      const agent = await runLocal(['ssh-agent', '-s']);
      const agentSocket = /SSH_AUTH_SOCK=([^;]+)/.exec(agent.stdout)?.[1] ?? '';
      const agentPid = Number(/SSH_AGENT_PID=(\d+)/.exec(agent.stdout)?.[1]);
      try {
        await runLocal(['ssh-add', '-q', server.key.path], { env: { ...process.env, SSH_AUTH_SOCK: agentSocket } });
        await open('root', { agentSocket });
      } finally {
        process.kill(agentPid);
      }
    });

    it('says who was refused', async () => {
      for (const login of [{ password: 'wrong' }, {}, { agentSocket: join(folder, 'no-agent') }] as LoginMaterial[]) {
        const refused = await problemOf(open('clerk', login));
        expect([login, refused.code, refused.data.params.user]).toEqual([login, 'login-refused', 'clerk']);
        expect(JSON.stringify(refused.data)).not.toContain('wrong');
      }
    });

    it('goes through another machine, and tells which of the two cannot be reached', async () => {
      const way = await open('clerk');
      const through = way.dial;
      expect(await scanHostKey(server.machine, undefined, through)).toMatchObject({ fingerprint: server.fingerprint });
      const login = { privateKey: server.key };
      const behind = await openConnection({
        machine: server.as('root'),
        pinnedHostKey: server.fingerprint,
        login,
        through,
      });
      const big = 'x'.repeat(3_000_000);
      expect((await behind.exec(['wc', '-c'], { stdin: big })).stdout.trim()).toBe(String(big.length));
      const closedPort = await freePort();
      const nobody = await problemOf(
        openConnection({
          machine: { name: 'hidden', address: '127.0.0.1', port: closedPort, user: 'root' },
          pinnedHostKey: server.fingerprint,
          login,
          through,
        }),
      );
      expect([nobody.code, nobody.data.params.machine]).toEqual(['host-unreachable', 'hidden']);
      expect(nobody.data.params.detail).toContain(way.name);
      // The way falls, and with it what was reached through it.
      way.close();
      expect((await behind.closed).code).toBe('connection-lost');
      const gone = await problemOf(scanHostKey(server.machine, undefined, through));
      expect(gone.code).toBe('cancelled');
    });

    it('tells a closed port, an unknown name, and something that is not ssh', async () => {
      const login = { privateKey: server.key };
      const at = (address: string, port: number) =>
        openConnection({
          machine: { name: 'box', address, port, user: 'root' },
          pinnedHostKey: server.fingerprint,
          login,
        });
      const closed = await problemOf(at('127.0.0.1', await freePort()));
      expect([closed.code, closed.data.params.detail]).toEqual(['host-unreachable', 'ECONNREFUSED']);
      expect((await problemOf(at('no-such-host.invalid', 22))).code).toBe('host-name-unknown');
      const web = createServer((_request, response) => response.end('hello'));
      await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
      const { port } = web.address() as { port: number };
      expect((await problemOf(at('127.0.0.1', port))).code).toBe('handshake-failed');
      expect((await problemOf(scanHostKey({ name: 'box', address: '127.0.0.1', port }))).code).toBe('handshake-failed');
      web.closeAllConnections();
      web.close();
    });

    it('cleans what the machine says of itself', async () => {
      const connection = await open('root');
      expect(connection.banner).toBe('Property of the test');
      expect(connection.serverVersion).toMatch(/^OpenSSH_/);
    });

    it('gives up an opening on request', async () => {
      const signal = AbortSignal.abort();
      const request = { machine: server.machine, pinnedHostKey: server.fingerprint, login: { privateKey: server.key } };
      expect((await problemOf(openConnection({ ...request, signal }))).code).toBe('cancelled');
    });
  });

  describe('commands', () => {
    it('passes words, input, outputs and exit codes through', async () => {
      const connection = await open('root');
      const words = ['a b', `it's "$HOME" \`id\``, '', '*', 'line\nfeed', 'é€', '-n', '\\'];
      const echoed = await connection.exec(['printf', '%s|', ...words]);
      expect(echoed).toEqual({ exit: 0, stdout: words.map((word) => `${word}|`).join(''), stderr: '' });
      const input = randomBytes(3_000_000).toString('base64');
      const counted = await connection.exec(['sh', '-c', 'sha256sum; echo note >&2; exit 7'], { stdin: input });
      expect(counted).toEqual({ exit: 7, stdout: `${sha256(input)}  -\n`, stderr: 'note\n' });
      expect((await connection.exec(['no-such-program'])).exit).toBe(127);
      expect((await connection.exec(['sh', '-c', 'kill -9 $$'])).exit).toBe(137);
      expect((await connection.exec(['cat'])).stdout).toBe('');
      expect((await connection.exec(['sh', '-c', 'echo $LC_ALL'])).stdout).toBe('C.UTF-8\n');
    });

    it('hands out lines while the command runs', async () => {
      const connection = await open('root');
      const lines: string[] = [];
      const result = await connection.exec(['sh', '-c', 'printf "a\\nb"; sleep 0.2; echo c; echo d >&2; printf e'], {
        onLine: (stream, line) => lines.push(`${stream} ${line}`),
      });
      expect(result.stdout).toBe('a\nbc\ne');
      expect(lines).toEqual(['stdout a', 'stdout bc', 'stderr d', 'stdout e']);
    });

    it('ends a command on the target at its limit and on request', async () => {
      const connection = await open('root');
      const late = await problemOf(connection.exec(['sleep', '977'], { limitMs: 700 }));
      expect(late.code).toBe('command-timed-out');
      const controller = new AbortController();
      const run = problemOf(
        connection.exec(['sh', '-c', 'echo up; sleep 978; true'], {
          signal: controller.signal,
          onLine: () => controller.abort(),
        }),
      );
      expect((await run).code).toBe('cancelled');
      expect((await commandLines()).filter((line) => /sleep 97[78]/.test(line))).toEqual([]);
      expect((await connection.exec(['true'])).exit).toBe(0);
    });

    it('runs many at once, more than sshd allows sessions', async () => {
      const connection = await open('root');
      const results = await Promise.all(
        [...Array(40).keys()].map((n) => connection.exec(['sh', '-c', `echo ${n}; sleep 0.05`])),
      );
      expect(results.map(({ stdout }) => Number(stdout))).toEqual([...Array(40).keys()]);
    });

    it('ignores what start files print', async () => {
      const connection = await open('noisy');
      expect(await connection.exec(['echo', 'x'], { as: 'login' })).toEqual({ exit: 0, stdout: 'x\n', stderr: '' });
    });

    it('says that an account runs no commands', async () => {
      const connection = await open('barred');
      const refused = await problemOf(connection.exec(['true'], { as: 'login' }));
      expect(refused.code).toBe('login-refused');
      expect(refused.data.evidence).toContain('log in as somebody else');
    });

    it('answers probes in one round trip', async () => {
      const connection = await open('root');
      const answers = await connection.probe([
        { id: 'who', kind: 'run', argv: ['id', '-un'] },
        { id: 'clerk', kind: 'run', argv: ['sh', '-c', 'id -un; pwd; echo $HOME'], as: 'clerk' },
        { id: 'shadow', kind: 'stat', path: '/etc/shadow' },
        { id: 'none', kind: 'read', path: '/no/such/file' },
      ]);
      const home = join(server.folder, 'home/clerk');
      expect(answers.who?.out).toBe('root\n');
      expect(answers.clerk?.out).toBe(`clerk\n${home}\n${home}\n`);
      expect(answers.shadow?.out).toMatch(/^f 640 root:/);
      expect(answers.none?.exit).toBe(1);
    });
  });

  it(
    'says that long work needs systemd, and leaves nothing of the try',
    unless(existsSync('/run/systemd/system') ? 'this machine has systemd' : null),
    async () => {
      const connection = await open('root');
      const refused = await problemOf(connection.startUnit('try', ['true'], { stdin: 'secret' }));
      expect(refused.code).toBe('target-not-systemd');
      expect(await connection.unitState('try')).toEqual({ state: 'absent' });
      expect((await connection.exec(['ls', '/run/fieldkit'])).stdout).not.toContain('try');
    },
  );

  describe('becoming root', () => {
    it('uses sudo with the password on standard input, and never gives it to the command', async () => {
      const connection = await open('clerk', { password: passwords.clerk });
      for (let time = 0; time < 3; time += 1) {
        const result = await connection.exec(['sh', '-c', 'id -u; cat; tr "\\0" " " </proc/$$/cmdline; env'], {
          stdin: 'input\n',
        });
        expect(result.stdout).toMatch(/^0\ninput\n/);
        expect(result.stdout + result.stderr).not.toContain(passwords.clerk);
      }
      const silent = await connection.exec(['cat']);
      expect(silent).toEqual({ exit: 0, stdout: '', stderr: '' });
      expect((await connection.exec(['id', '-un'], { as: 'login' })).stdout).toBe('clerk\n');
      expect((await connection.exec(['id', '-un'], { as: 'guest' })).stdout).toBe('guest\n');
      expect((await connection.probe([{ id: 'a', kind: 'run', argv: ['id', '-un'], as: 'login' }])).a?.out).toBe(
        'clerk\n',
      );
    });

    it('never shows the password in the process list', async () => {
      const connection = await open('clerk', { password: passwords.clerk });
      let seen = '';
      await connection.exec(['sh', '-c', 'echo up; sleep 0.4'], {
        onLine: () => {
          commandLines().then((lines) => {
            seen = lines.join('\n');
          });
        },
      });
      expect(seen).toContain('sudo -k -S');
      expect(seen).not.toContain(passwords.clerk);
    });

    it('needs no password where sudo asks none, and leaves the input alone', async () => {
      const connection = await open('deputy', { privateKey: server.key, sudoPassword: 'not asked for' });
      const result = await connection.exec(['sh', '-c', 'id -u; cat'], { stdin: 'input' });
      expect(result.stdout).toBe('0\ninput');
    });

    it('says that sudo refuses: no right, no password, a wrong one', async () => {
      const refusals: [string, LoginMaterial][] = [
        ['guest', { password: passwords.guest }],
        ['clerk', { privateKey: server.key }],
        ['clerk', { privateKey: server.key, sudoPassword: 'wrong' }],
      ];
      for (const [user, login] of refusals) {
        const connection = await open(user, login);
        const refused = await problemOf(connection.exec(['id'], { stdin: 'first\nsecond\n' }));
        expect([user, refused.code]).toEqual([user, 'sudo-refused']);
        expect((await connection.exec(['id', '-un'], { as: 'login' })).stdout).toBe(`${user}\n`);
      }
    }, 60_000);

    it('ends a command under sudo on request', async () => {
      const connection = await open('clerk', { password: passwords.clerk });
      const controller = new AbortController();
      const run = connection.exec(['sh', '-c', 'echo up; sleep 979; true'], {
        signal: controller.signal,
        onLine: () => controller.abort(),
      });
      expect((await problemOf(run)).code).toBe('cancelled');
      expect((await commandLines()).filter((line) => line.includes('sleep 979'))).toEqual([]);
    });
  });

  describe('writing a file', () => {
    const mode = 0o640;
    it('writes it whole, with mode and owner, and nothing is left beside it', async () => {
      const connection = await open('clerk', { password: passwords.clerk });
      const place = await mkdtemp(join(folder, 'write-'));
      const path = join(place, 'a file');
      await connection.writeFile(path, 'first\n', { mode, owner: 'clerk:clerk', expectSha256OfOld: null });
      const { uid, mode: found } = await stat(path);
      expect([uid, found & 0o7777]).toEqual([4200, mode]);
      const big = randomBytes(700_000).toString('hex');
      await connection.writeFile(path, big, { mode: 0o600, expectSha256OfOld: sha256('first\n'), keepCopy: true });
      expect(await readFile(path, 'utf8')).toBe(big);
      expect((await stat(path)).uid).toBe(4200);
      expect(await readFile(`${path}.fieldkit-copy`, 'utf8')).toBe('first\n');
      await connection.writeFile(path, 'third', { mode, keepCopy: true });
      expect(await readFile(`${path}.fieldkit-copy`, 'utf8')).toBe('first\n');
      expect((await readdir(place)).sort()).toEqual(['a file', 'a file.fieldkit-copy']);
    });

    it('refuses when somebody wrote in between, and changes nothing', async () => {
      const connection = await open('root');
      const place = await mkdtemp(join(folder, 'write-'));
      const path = join(place, 'x');
      await writeFile(path, 'theirs');
      for (const expectSha256OfOld of [null, sha256('ours')]) {
        const refused = await problemOf(connection.writeFile(path, 'new', { mode, expectSha256OfOld, keepCopy: true }));
        expect(refused.code).toBe('file-changed-meanwhile');
      }
      const gone = connection.writeFile(join(place, 'y'), 'new', { mode, expectSha256OfOld: sha256('ours') });
      expect((await problemOf(gone)).code).toBe('file-changed-meanwhile');
      expect(await readdir(place)).toEqual(['x']);
      expect(await readFile(path, 'utf8')).toBe('theirs');
    });

    it('follows a link, refuses a folder, names a missing one', async () => {
      const connection = await open('root');
      const place = await mkdtemp(join(folder, 'write-'));
      await writeFile(join(place, 'real'), 'old');
      await symlink('real', join(place, 'link'));
      await connection.writeFile(join(place, 'link'), 'new', { mode, expectSha256OfOld: sha256('old') });
      expect(await readFile(join(place, 'real'), 'utf8')).toBe('new');
      expect((await problemOf(connection.writeFile(place, 'x', { mode }))).code).toBe('command-failed');
      expect((await problemOf(connection.writeFile(join(place, 'no/x'), 'x', { mode }))).code).toBe('command-failed');
      expect((await readdir(place)).sort()).toEqual(['link', 'real']);
    });
  });

  describe('sending and receiving', () => {
    const content = randomBytes(12_000_000);
    const source = () => join(folder, 'source');
    beforeAll(() => writeFile(source(), content));
    const request = (to: string) => ({
      from: source(),
      to,
      sha256: sha256(content),
      sizeBytes: content.length,
      mode: 0o644,
    });

    it('sends a file, and leaves one that is there', async () => {
      const connection = await open('clerk', { password: passwords.clerk });
      const to = join(folder, 'deep/er/sent');
      const progress: number[] = [];
      await connection.upload({ ...request(to), onProgress: (bytes) => progress.push(bytes) });
      expect(sha256(await readFile(to))).toBe(sha256(content));
      expect(progress.at(-1)).toBe(content.length);
      const { ino } = await stat(to);
      await connection.upload(request(to));
      expect((await stat(to)).ino).toBe(ino);
    });

    it('continues a part that is the beginning, and starts over from one that is not', async () => {
      const connection = await open('root');
      const to = join(folder, 'resumed');
      const first = async (part: Uint8Array): Promise<number | undefined> => {
        await rm(to, { force: true });
        await writeFile(`${to}.part`, part);
        const progress: number[] = [];
        await connection.upload({ ...request(to), onProgress: (bytes) => progress.push(bytes) });
        expect(sha256(await readFile(to))).toBe(sha256(content));
        expect(existsSync(`${to}.part`)).toBe(false);
        return progress[0];
      };
      expect(await first(content.subarray(0, 7_000_001))).toBe(7_000_001);
      expect(await first(randomBytes(5_000_000))).toBe(0);
      expect(await first(Buffer.concat([content, content]))).toBe(0);
    });

    it('stops on request and keeps the part for the next time', async () => {
      const connection = await open('root');
      const to = join(folder, 'stopped');
      const controller = new AbortController();
      const sending = connection.upload({
        ...request(to),
        signal: controller.signal,
        onProgress: (bytes) => bytes > 3_000_000 && controller.abort(),
      });
      expect((await problemOf(sending)).code).toBe('cancelled');
      expect(existsSync(to)).toBe(false);
      expect((await stat(`${to}.part`)).size).toBeGreaterThan(0);
      await connection.upload(request(to));
      expect(sha256(await readFile(to))).toBe(sha256(content));
    });

    it('refuses a file that is not what was promised', async () => {
      const connection = await open('root');
      const to = join(folder, 'promised');
      const wrong = { ...request(to), sha256: sha256('something else') };
      expect((await problemOf(connection.upload(wrong))).code).toBe('upload-differs');
      expect([existsSync(to), existsSync(`${to}.part`)]).toEqual([false, false]);
    });

    it('says when the target has no room or no such folder can be made', async () => {
      const connection = await open('root');
      const failed = await problemOf(connection.upload(request('/proc/nothing/here')));
      expect(failed.code).toBe('command-failed');
    });

    it('receives a file, and leaves nothing when there is none', async () => {
      const connection = await open('clerk', { password: passwords.clerk });
      const to = join(folder, 'received');
      await chown(source(), 0, 0);
      await chmod(source(), 0o600);
      await connection.receive({ from: source(), to });
      expect(sha256(await readFile(to))).toBe(sha256(content));
      await rm(to);
      expect((await problemOf(connection.receive({ from: join(folder, 'nothing'), to }))).code).toBe('command-failed');
      expect([existsSync(to), existsSync(`${to}.part`)]).toEqual([false, false]);
    });

    it.each([
      ['goes on with the beginning of the file', () => content.subarray(0, 1_000_001), 1_000_001],
      ['begins anew where another file began', () => Buffer.alloc(1_000_001), 0],
      ['begins anew where there is more than the file', () => Buffer.concat([content, Buffer.alloc(1)]), 0],
    ])('receiving %s', async (_what, part, offset) => {
      const connection = await open('root');
      const to = join(folder, 'gone-on');
      await rm(to, { force: true });
      await writeFile(`${to}.part`, part());
      const told: number[] = [];
      await connection.receive({
        from: source(),
        to,
        onProgress: (done, total) => {
          expect(total).toBe(content.length);
          told.push(done);
        },
      });
      expect(sha256(await readFile(to))).toBe(sha256(content));
      expect(told.at(-1)).toBe(content.length);
      expect(told[0]).toBeGreaterThan(offset);
      if (offset > 0) expect(Math.min(...told)).toBeGreaterThan(offset);
    });

    it('keeps what came when receiving is cancelled', async () => {
      const connection = await open('root');
      const to = join(folder, 'cancelled');
      const cancel = new AbortController();
      const given = connection.receive({ from: source(), to, onProgress: () => cancel.abort(), signal: cancel.signal });
      expect((await problemOf(given)).code).toBe('cancelled');
      const kept = await readFile(`${to}.part`);
      expect(kept.length).toBeGreaterThan(0);
      expect(kept.equals(content.subarray(0, kept.length))).toBe(true);
    });
  });

  describe('forwarding', () => {
    const body = randomBytes(50 * 1024 * 1024);
    const serve = () => {
      let mostWaiting = 0;
      let aborted = 0;
      const web = createServer((request, response) => {
        response.on('close', () => {
          if (!response.writableFinished) aborted += 1;
        });
        const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
        const from = Number(range?.[1] ?? 0);
        const to = range?.[2] ? Number(range[2]) : body.length - 1;
        response.writeHead(range === null ? 200 : 206, { 'content-length': to - from + 1, 'accept-ranges': 'bytes' });
        let at = from;
        const more = () => {
          while (at <= to && !response.destroyed) {
            const end = Math.min(at + 65_536, to + 1);
            const room = response.write(body.subarray(at, end));
            at = end;
            mostWaiting = Math.max(mostWaiting, response.writableLength + (response.socket?.writableLength ?? 0));
            if (!room) {
              response.once('drain', more);
              return;
            }
          }
          response.end();
        };
        more();
      });
      return { web, mostWaiting: () => mostWaiting, aborted: () => aborted };
    };
    const fetched = (port: number, headers: Record<string, string> = {}): Promise<{ status: number; body: Buffer }> =>
      new Promise((resolve, reject) => {
        httpRequest({ host: '127.0.0.1', port, headers, agent: false }, (response) => {
          const parts: Buffer[] = [];
          response.on('data', (part: Buffer) => parts.push(part));
          response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts) }));
          response.on('error', reject);
        })
          .on('error', reject)
          .end();
      });

    it('carries an http server through the connection: whole files, ranges, many at once', async () => {
      const connection = await open('clerk', { password: passwords.clerk });
      const { web } = serve();
      const port = await freePort();
      const forward = await connection.reverseForward({ port, onStream: (stream) => web.emit('connection', stream) });
      const whole = await fetched(port);
      expect([whole.status, sha256(whole.body)]).toEqual([200, sha256(body)]);
      const part = await fetched(port, { range: 'bytes=1000-1999' });
      expect([part.status, part.body.equals(body.subarray(1000, 2000))]).toEqual([206, true]);
      const many = await Promise.all(
        [...Array(12).keys()].map((n) => fetched(port, { range: `bytes=${n * 1000}-${n * 1000 + 500_000}` })),
      );
      for (const [n, one] of many.entries())
        expect(one.body.equals(body.subarray(n * 1000, n * 1000 + 500_001))).toBe(true);
      await forward.close();
      const refused = await fetched(port, { range: 'bytes=0-9' }).catch((error: unknown) => String(error));
      expect(refused).toMatch(/ECONNREFUSED/);
      const again = await connection.reverseForward({ port, onStream: (stream) => web.emit('connection', stream) });
      expect((await fetched(port, { range: 'bytes=0-9' })).body.equals(body.subarray(0, 10))).toBe(true);
      await again.close();
    }, 60_000);

    it('waits for a slow reader, and learns that one went away', async () => {
      const connection = await open('root');
      const { web, mostWaiting, aborted } = serve();
      const port = await freePort();
      const forward = await connection.reverseForward({ port, onStream: (stream) => web.emit('connection', stream) });
      await new Promise<void>((resolve, reject) => {
        const client = httpRequest({ host: '127.0.0.1', port, agent: false }, (response) => {
          let got = 0;
          response.on('data', (part: Buffer) => {
            got += part.length;
            response.pause();
            if (got > 2_000_000) {
              client.destroy();
              resolve();
            } else setTimeout(() => response.resume(), 5);
          });
        });
        client.on('error', reject);
        client.end();
      });
      for (let tries = 0; tries < 100 && aborted() === 0; tries += 1)
        await new Promise((resolve) => setTimeout(resolve, 50));
      expect(aborted()).toBe(1);
      expect(mostWaiting()).toBeLessThan(8 * 1024 * 1024);
      expect((await fetched(port, { range: 'bytes=0-9' })).status).toBe(206);
      await forward.close();
    }, 60_000);

    it('names who holds the port', async () => {
      const connection = await open('root');
      const web = createServer();
      await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
      const { port } = web.address() as { port: number };
      const taken = await problemOf(connection.reverseForward({ port, onStream: () => undefined }));
      expect(taken.code).toBe('forward-port-taken');
      expect(taken.data.params.holder).toContain(String(process.pid));
      web.close();
    });

    it.each(['root', 'clerk'])(
      'takes the port back from a session of %s that a cut line left behind, and from no other',
      async (user) => {
        const login = { privateKey: server.key, sudoPassword: passwords.clerk };
        const port = await freePort();
        const left = await open(user, login);
        const bystander = await open(user, login);
        await left.reverseForward({ port, onStream: () => undefined });
        const fresh = await open(user, login);
        const { web } = serve();
        const forward = await fresh.reverseForward({ port, onStream: (stream) => web.emit('connection', stream) });
        expect((await left.closed).code).toBe('connection-lost');
        expect((await fetched(port, { range: 'bytes=0-9' })).status).toBe(206);
        expect((await bystander.exec(['true'])).exit).toBe(0);
        expect(bystander.gone()).toBeNull();
        await forward.close();
        // The same holder without a record of ours is left alone.
        const records = '/run/fieldkit/sessions';
        await fresh.reverseForward({ port, onStream: () => undefined });
        for (const record of await readdir(records)) await writeFile(join(records, record), 'another laptop\n');
        const last = await open(user, login);
        const taken = await problemOf(last.reverseForward({ port, onStream: () => undefined }));
        expect(taken.code).toBe('forward-port-taken');
        expect(taken.data.params.holder).toMatch(/^sshd/);
        expect((await fresh.exec(['true'])).exit).toBe(0);
      },
    );
  });

  describe('a line that is cut', () => {
    /** Ends the sshd process of a connection, as a lost network would look from here. */
    const cut = async (connection: Connection): Promise<void> => {
      const { stdout } = await connection.exec(
        ['sh', '-c', 'p=$$; while ! grep -q sshd /proc/$p/comm; do p=$(cut -d " " -f 4 /proc/$p/stat); done; echo $p'],
        {
          as: 'login',
        },
      );
      process.kill(Number(stdout), 'SIGKILL');
    };

    it('fails what was under way, says why, and the pool opens a new one', async () => {
      const losses: string[] = [];
      let asked = 0;
      const pool = new ConnectionPool({
        requestOf: async () => {
          asked += 1;
          return { machine: server.machine, pinnedHostKey: server.fingerprint, login: { privateKey: server.key } };
        },
        onLoss: (name) => losses.push(name),
      });
      const [first, same] = await Promise.all([pool.get('box'), pool.get('box')]);
      expect(same).toBe(first);
      expect(asked).toBe(1);
      const running = problemOf(first.exec(['sleep', '5']));
      await cut(first);
      expect((await running).code).toBe('connection-lost');
      expect((await first.closed).code).toBe('connection-lost');
      expect((await problemOf(first.exec(['true']))).code).toBe('connection-lost');
      expect(losses).toEqual(['box']);
      const second = await pool.get('box');
      expect(second).not.toBe(first);
      expect((await second.exec(['echo', 'back'])).stdout).toBe('back\n');
      await pool.drop('box');
      expect((await second.closed).code).toBe('cancelled');
      await pool.close();
      expect((await problemOf(pool.get('box'))).code).toBe('cancelled');
    });

    it('leaves a file that was being written as it was', async () => {
      const connection = await open('root');
      const place = await mkdtemp(join(folder, 'cut-'));
      const path = join(place, 'x');
      await writeFile(path, 'old');
      const content = randomBytes(30_000_000);
      const writing = problemOf(connection.writeFile(path, content, { mode: 0o600 }));
      for (let tries = 0; tries < 200; tries += 1) {
        const parts = (await readdir(place)).filter((name) => name.startsWith('.fieldkit-'));
        const size = parts[0] === undefined ? 0 : (await stat(join(place, parts[0])).catch(() => ({ size: 0 }))).size;
        if (size > 0) break;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      for (const pid of await childrenOf(await listenerPid(server))) process.kill(pid, 'SIGKILL');
      expect((await writing).code).toBe('connection-lost');
      for (let tries = 0; tries < 100 && (await readdir(place)).length > 1; tries += 1) {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      expect(await readdir(place)).toEqual(['x']);
      expect(await readFile(path, 'utf8')).toBe('old');
    });

    it('continues an upload on a new connection', async () => {
      const content = randomBytes(60_000_000);
      const from = join(folder, 'large');
      await writeFile(from, content);
      const to = join(folder, 'large-sent');
      const request = { from, to, sha256: sha256(content), sizeBytes: content.length, mode: 0o644 };
      const first = await open('root');
      let under = false;
      const sending = problemOf(
        first.upload({
          ...request,
          onProgress: (bytes) => {
            if (bytes < 10_000_000 || under) return;
            under = true;
            listenerPid(server)
              .then(childrenOf)
              .then((pids) => {
                for (const pid of pids) process.kill(pid, 'SIGKILL');
              });
          },
        }),
      );
      expect((await sending).code).toBe('connection-lost');
      const progress: number[] = [];
      const second = await open('root');
      await second.upload({ ...request, onProgress: (bytes) => progress.push(bytes) });
      expect(progress[0]).toBeGreaterThan(0);
      expect(sha256(await readFile(to))).toBe(sha256(content));
    });
  });
});

describe('an sshd that forbids', unless(reason), () => {
  it('is told apart: no forwarding is not a taken port', async () => {
    const server = await startServer(['AllowTcpForwarding no']);
    try {
      const request = { machine: server.machine, pinnedHostKey: server.fingerprint, login: { privateKey: server.key } };
      const connection = await openConnection(request);
      const port = await freePort();
      const refused = await problemOf(connection.reverseForward({ port, onStream: () => undefined }));
      expect(refused.code).toBe('forwarding-forbidden');
      connection.close();
    } finally {
      await server.stop();
    }
  });

  it('has no key exchange in common with us: named as a failed handshake', async () => {
    const server = await startServer(['KexAlgorithms sntrup761x25519-sha512@openssh.com']);
    try {
      const request = { machine: server.machine, pinnedHostKey: server.fingerprint, login: { privateKey: server.key } };
      const refused = await problemOf(openConnection(request));
      expect(refused.code).toBe('handshake-failed');
      expect(String(refused.data.params.detail)).toMatch(/key exchange/i);
    } finally {
      await server.stop();
    }
  });
});

/** The sshd that listens: the one that unshare became. */
async function listenerPid(server: TestServer): Promise<number> {
  const { stdout } = await runLocal(['ss', '-Hltnp', `sport = :${server.machine.port}`]);
  return Number(/pid=(\d+)/.exec(stdout)?.[1]);
}
