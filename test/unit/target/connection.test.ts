import { getEventListeners } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { openConnection, scanHostKey } from '../../../src-main/target/connection.ts';
import { ConnectionPool } from '../../../src-main/target/connection-pool.ts';
import { Problem, problem } from '../../../src-shared/problem.ts';
import { begin, type Illness, type SickServer, sickServer } from './sick-server.ts';

let server: SickServer | null = null;
afterEach(async () => {
  await server?.close();
  server = null;
});
const sick = async (illness: Illness = {}): Promise<SickServer> => {
  server = await sickServer(illness);
  return server;
};
const problemOf = async (act: Promise<unknown>): Promise<Problem> => {
  const thrown = await act.then(
    () => new Error('no problem'),
    (error: unknown) => error,
  );
  if (thrown instanceof Problem) return thrown;
  throw thrown;
};

describe('opening', () => {
  it('sends nothing of the login to a machine with another host key', async () => {
    const { port, fingerprint, tried } = await sick();
    const machine = { name: 'box', address: '127.0.0.1', port, user: 'root' };
    const login = { password: 'right' };
    for (const [pinnedHostKey, code] of [
      [null, 'host-key-unknown'],
      [`SHA256:${'x'.repeat(43)}`, 'host-key-changed'],
    ] as const) {
      expect((await problemOf(openConnection({ machine, pinnedHostKey, login }))).code).toBe(code);
    }
    expect(await scanHostKey(machine)).toEqual({ fingerprint, type: 'ssh-rsa' });
    expect(tried).toEqual([]);
  });

  it('tells of another host key also when the line fails while the pinned one is looked for', async () => {
    const { port } = await sick();
    const machine = { name: 'box', address: '127.0.0.1', port, user: 'root' };
    const unreachable = problem('host-unreachable', { machine: 'box', address: 'elsewhere', detail: 'ETIMEDOUT' });
    for (const [failure, told] of [
      [unreachable, 'host-key-changed'],
      [problem('cancelled', { what: 'box' }), 'cancelled'],
    ] as const) {
      let dialled = 0;
      const through = async (): Promise<Socket> => {
        dialled += 1;
        if (dialled > 1) throw failure;
        return connect(port, '127.0.0.1');
      };
      const request = { machine, through, pinnedHostKey: `SHA256:${'x'.repeat(43)}`, login: { password: 'right' } };
      expect((await problemOf(openConnection(request))).code).toBe(told);
      expect(dialled).toBe(2);
    }
  });

  it('is refused by name when no way in is left, and offers only what it was given', async () => {
    const { open, tried } = await sick();
    expect((await problemOf(open({ password: 'wrong' }))).data).toMatchObject({
      code: 'login-refused',
      params: { machine: 'box', user: 'root' },
    });
    expect(new Set(tried)).toEqual(new Set(['password', 'keyboard-interactive']));
  });

  it('answers a dialogue that hides its answer with the password, and no other question', async () => {
    const answers: string[][] = [];
    const { open } = await sick({
      login: (context) => {
        if (context.method !== 'keyboard-interactive') context.reject(['keyboard-interactive']);
        else {
          const prompts = [
            { prompt: 'Password: ', echo: false },
            { prompt: 'Your name: ', echo: true },
          ];
          context.prompt(prompts, (given) => {
            answers.push(given);
            context.accept();
          });
        }
      },
    });
    (await open()).close();
    expect(answers).toEqual([['right', '']]);
  });

  it.each([
    ['closes at once', (socket: { end(): void }) => socket.end()],
    ['talks nonsense', (socket: { end(text: string): void }) => socket.end('220 mail.example ESMTP\r\n'.repeat(500))],
    ['breaks off in the handshake', (socket: { end(text: string): void }) => socket.end('SSH-2.0-OpenSSH_9.2\r\n')],
  ])('names a machine that %s', async (_what, greeting) => {
    const { open } = await sick({ greeting: greeting as NonNullable<Illness['greeting']> });
    expect((await problemOf(open())).code).toBe('handshake-failed');
  });

  it('can be given up while the machine is silent', async () => {
    const { port, fingerprint } = await sick({ greeting: () => undefined });
    const controller = new AbortController();
    const opening = openConnection({
      machine: { name: 'box', address: '127.0.0.1', port, user: 'root' },
      pinnedHostKey: fingerprint,
      login: { password: 'right' },
      signal: controller.signal,
    });
    setTimeout(() => controller.abort(), 100);
    expect((await problemOf(opening)).code).toBe('cancelled');
  });
});

describe('a line that is cut', () => {
  it.each([
    ['before a command begins', 0],
    ['in the middle of its output', 1],
  ])('%s, it is a lost connection and not an exit code', async (_what, when) => {
    const { open } = await sick({
      command: (line, channel, sockets) => {
        if (when === 1) {
          begin(line, channel);
          channel.write('half a li');
        }
        setTimeout(() => {
          for (const socket of sockets) socket.resetAndDestroy();
        }, 50);
      },
    });
    const connection = await open();
    expect((await problemOf(connection.exec(['id']))).code).toBe('connection-lost');
    const reason = await connection.closed;
    expect([reason.code, reason.data.retryable]).toEqual(['connection-lost', true]);
    expect(connection.gone()).toBe(reason);
    expect((await problemOf(connection.exec(['id']))).code).toBe('connection-lost');
  });

  it('is told by the exit code when the end comes in one packet with the start', async () => {
    const { open } = await sick({
      command: (line, channel) => {
        begin(line, channel);
        channel.write('all at once\n');
        channel.exit(6);
        channel.end();
      },
    });
    const connection = await open();
    for (let time = 0; time < 20; time += 1) {
      expect(await connection.exec(['id'])).toEqual({ exit: 6, stdout: 'all at once\n', stderr: '' });
    }
    connection.close();
    expect((await connection.closed).code).toBe('cancelled');
  });

  it('hands on the beginning of a line that does not end, and the lines after it', async () => {
    const long = 'x'.repeat(3 * 1024 * 1024);
    const { open } = await sick({
      command: (line, channel) => {
        begin(line, channel);
        channel.write(`${long}\nnext\n${long}`, () => {
          channel.exit(0);
          channel.end();
        });
      },
    });
    const connection = await open();
    const lines: string[] = [];
    const { stdout } = await connection.exec(['id'], { onLine: (_stream, line) => lines.push(line) });
    expect(lines.map((line) => (line.length > 100 ? line.length : line))).toEqual([1024 * 1024, 'next', 1024 * 1024]);
    expect(stdout.length).toBe(2 * long.length + 6);
    connection.close();
  });

  it('never takes answers that were cut short for facts', async () => {
    const { open } = await sick({
      command: (line, channel) => {
        begin(line, channel);
        channel.write('P 0\nCjA=\n-\n');
        channel.exit(0);
        channel.end();
      },
    });
    const connection = await open();
    const probing = connection.probe([{ id: 'a', kind: 'read', path: '/etc/hostname' }]);
    expect((await problemOf(probing)).code).toBe('command-failed');
    connection.close();
  });
});

describe('a command that is told to end', () => {
  it.each([
    ['is killed soon', {}, '-k 5 600'],
    ['is left the time it asked for', { endsWithinMs: 30_000 }, '-k 30 600'],
  ])('%s', async (_what, options, words) => {
    const { open, commands } = await sick({
      command: (line, channel) => {
        begin(line, channel);
        channel.exit(0);
        channel.end();
      },
    });
    const connection = await open();
    await connection.exec(['join'], { limitMs: 600_000, ...options });
    expect(commands.at(-1)).toContain(` timeout ${words} join`);
    connection.close();
  });
});

describe('a machine that runs no commands', () => {
  it('is a refused login with what it said', async () => {
    const { open } = await sick({
      command: (_line, channel) => {
        channel.write('This account is \u001b[5mnot available\u001b[0m.\n');
        channel.exit(1);
        channel.end();
      },
    });
    const connection = await open();
    const refused = await problemOf(connection.exec(['id']));
    expect([refused.code, refused.data.evidence]).toEqual(['login-refused', 'This account is not available.']);
    connection.close();
  });
});

describe('forwarding', () => {
  const answering =
    (holder: string): NonNullable<Illness['command']> =>
    (line, channel) => {
      begin(line, channel);
      channel.write(line.includes('ss -Hltnp') ? `${holder}\n` : '4000\n');
      channel.exit(0);
      channel.end();
    };

  it('tells a forbidden forward from a taken port', async () => {
    const first = await sick({ forwarding: 'refused', command: answering('free') });
    const connection = await first.open();
    const forward = (port: number) => connection.reverseForward({ port, onStream: () => undefined });
    expect((await problemOf(forward(5050))).code).toBe('forwarding-forbidden');
    await first.close();
    const second = await sick({ forwarding: 'refused', command: answering('held 77 no nginx') });
    const other = await second.open();
    const taken = await problemOf(other.reverseForward({ port: 5050, onStream: () => undefined }));
    expect(taken.data).toMatchObject({ code: 'forward-port-taken', params: { holder: 'nginx 77', port: 5050 } });
    expect(second.commands.some((line) => line.includes('kill -TERM'))).toBe(false);
    other.close();
  });
});

describe('a stream to an address behind the machine', () => {
  afterEach(() => vi.useRealTimers());

  for (const [name, giveUp, code] of [
    ['that opens after its time was up', () => vi.advanceTimersByTime(15_000), 'host-unreachable'],
    ['that opens after it was given up', (controller: AbortController) => controller.abort(), 'cancelled'],
  ] as const)
    it(`${name} is closed, and leaves no listener behind`, async () => {
      const behind = vi.fn<NonNullable<Illness['behind']>>();
      const place = await sick({ behind });
      const controller = new AbortController();
      const connection = await place.open();
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      const dialled = problemOf(connection.dial('192.0.2.7', 22, controller.signal));
      await vi.waitFor(() => expect(behind).toHaveBeenCalled());
      giveUp(controller);
      expect((await dialled).code).toBe(code);
      expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
      vi.useRealTimers();
      await new Promise<void>((resolve) => behind.mock.calls[0]?.[0]().once('close', resolve).resume());
      expect(connection.gone()).toBeNull();
      connection.close();
    });

  it('leaves no listener behind when a host key was scanned, or a login refused', async () => {
    const place = await sick();
    const machine = { name: 'box', address: '127.0.0.1', port: place.port, user: 'root' };
    const { signal } = new AbortController();
    await scanHostKey(machine, signal);
    const login = { password: 'wrong' };
    await problemOf(openConnection({ machine, pinnedHostKey: place.fingerprint, login, signal }));
    await expect.poll(() => getEventListeners(signal, 'abort')).toEqual([]);
  });
});

describe('the pool', () => {
  const poolOf = (place: SickServer, losses: string[] = []) =>
    new ConnectionPool({
      requestOf: async (name) => ({
        machine: { name, address: '127.0.0.1', port: place.port, user: 'root' },
        pinnedHostKey: place.fingerprint,
        login: { password: 'right' },
      }),
      onLoss: (name) => losses.push(name),
    });

  it('opens once for many, again after a loss, and never after its end', async () => {
    const place = await sick();
    const losses: string[] = [];
    const pool = poolOf(place, losses);
    const [first, same] = await Promise.all([pool.get('box'), pool.get('box')]);
    expect(same).toBe(first);
    expect(place.tried).toHaveLength(1);
    place.cut();
    await first.closed;
    const second = await pool.get('box');
    expect(second).not.toBe(first);
    await pool.close();
    expect((await second.closed).code).toBe('cancelled');
    expect(losses).toEqual(['box']);
    expect((await problemOf(pool.get('box'))).code).toBe('cancelled');
  });

  it('does not keep a failed opening, and one who gives up does not take the others along', async () => {
    let refuse = true;
    const place = await sick({ login: (context) => (refuse ? context.reject(['password']) : context.accept()) });
    const pool = poolOf(place);
    expect((await problemOf(pool.get('box'))).code).toBe('login-refused');
    refuse = false;
    const controller = new AbortController();
    const leaving = problemOf(pool.get('box', controller.signal));
    const staying = pool.get('box');
    controller.abort();
    expect((await leaving).code).toBe('cancelled');
    expect((await staying).gone()).toBeNull();
    await pool.close();
  });
});
