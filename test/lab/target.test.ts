/** The target room against real machines: runs as systemd units that outlive their connection, probes and forwards on a bare system. */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Connection, openConnection } from '../../src-main/target/connection.ts';
import { unless } from '../unless.ts';
import { Lab, type LabMachine, labUnavailable } from './index.ts';

const reason = labUnavailable();

const connectTo = async (machine: LabMachine): Promise<Connection> => {
  const { user, keyPath, password } = machine.login;
  const privateKey = { path: keyPath, text: await readFile(keyPath, 'utf8') };
  return openConnection({
    machine: { name: machine.name, address: machine.address, port: machine.sshPort, user },
    pinnedHostKey: await machine.hostKeyFingerprint(),
    login: password === null ? { privateKey } : { privateKey, sudoPassword: password },
  });
};

const tick = 'n=0; while [ $n -lt 40 ]; do n=$((n+1)); echo "line $n"; sleep 0.1; done; exit 5';

describe('the target room on real machines', unless(reason), () => {
  let lab: Lab;
  let machines: readonly LabMachine[];
  beforeAll(async () => {
    lab = await Lab.open();
    const specs = [{ name: 'by-key' }, { name: 'by-sudo', login: 'sudo' }] as const;
    machines = await Promise.all(specs.map((spec) => lab.bootMachine(spec)));
  });
  afterAll(() => lab?.close());

  describe.each([0, 1])('machine %i', (index) => {
    let machine: LabMachine;
    let connection: Connection;
    beforeAll(async () => {
      machine = machines[index] as LabMachine;
      connection = await connectTo(machine);
    });

    it('answers probes with nothing but what a bare system has', async () => {
      const answers = await connection.probe([
        { id: 'release', kind: 'read', path: '/etc/os-release' },
        { id: 'boot', kind: 'list', path: '/etc/apt' },
        { id: 'shadow', kind: 'stat', path: '/etc/shadow' },
        { id: 'who', kind: 'run', argv: ['id', '-un'] },
        { id: 'nobody', kind: 'run', argv: ['id', '-un'], as: 'nobody' },
        { id: 'python', kind: 'run', argv: ['python3', '--version'] },
      ]);
      expect(answers.release?.out).toContain('ID=debian');
      expect(answers.boot?.out).toMatch(/^d \d+ apt\.conf\.d$/m);
      expect(answers.shadow?.out).toMatch(/^f 640 root:shadow \d+$/);
      expect([answers.who?.out, answers.nobody?.out, answers.python?.exit]).toEqual(['root\n', 'nobody\n', 127]);
    });

    it('finds a run again after its connection was cut, and repeats no line', async () => {
      const id = `cut@machine:${machine.name}`;
      await connection.startUnit(id, ['sh', '-c', tick]);
      await connection.startUnit(id, ['sh', '-c', 'echo a second start']);
      const lines: string[] = [];
      let offset = 0;
      let cutting: Promise<unknown> | null = null;
      const following = connection.followUnit(id, {
        pollMs: 100,
        onOffset: (bytes) => {
          offset = bytes;
        },
        onLine: (line) => {
          lines.push(line);
          if (lines.length === 5) cutting = machine.cutConnections();
        },
      });
      await expect(following).rejects.toMatchObject({ code: 'connection-lost' });
      await cutting;
      expect((await connection.closed).code).toBe('connection-lost');
      connection = await connectTo(machine);
      expect(await connection.unitState(id)).toEqual({ state: 'running' });
      const end = await connection.followUnit(id, {
        fromByte: offset,
        pollMs: 100,
        onLine: (line) => lines.push(line),
      });
      expect(end.exit).toBe(5);
      expect(lines).toEqual([...Array(40).keys()].map((n) => `line ${n + 1}`));
      expect(end.tail.endsWith('line 40\n')).toBe(true);
      expect(await connection.unitState(id)).toEqual({ state: 'ended', exit: 5 });
      await connection.forgetUnit(id);
      expect(await connection.unitState(id)).toEqual({ state: 'absent' });
    });

    it('hands a run its input through memory, as the user asked for, and leaves none of it', async () => {
      const id = 'with-input';
      await connection.startUnit(id, ['sh', '-c', 'id -un; cat; echo "$HOME"'], {
        as: 'nobody',
        stdin: 'a secret line\n',
      });
      const end = await connection.followUnit(id, { pollMs: 100 });
      expect(end).toEqual({ exit: 0, tail: 'nobody\na secret line\n/nonexistent\n' });
      expect(await machine.mustShell('ls /run/fieldkit')).not.toContain('stdin');
      await connection.forgetUnit(id);
      expect(await machine.mustShell('ls /var/lib/fieldkit/runs')).toBe('');
    });

    it('runs a script as it is written: systemd puts nothing of its own in the place of a variable', async () => {
      const id = 'written';
      const script = 'set -- "$1" "${1%x}"; echo "$@"; [ "$$" -gt 1 ] && echo own; exit 3';
      for (const as of ['root', 'nobody']) {
        await connection.startUnit(id, ['sh', '-c', script, 'sh', '$HOME-${HOME}-$$-x'], { as });
        const end = await connection.followUnit(id, { pollMs: 100 });
        expect(end).toEqual({ exit: 3, tail: '$HOME-${HOME}-$$-x $HOME-${HOME}-$$-\nown\n' });
        await connection.forgetUnit(id);
      }
    });

    it('stops a run with all it started, and refuses to forget a running one', async () => {
      const id = 'stopped';
      await connection.startUnit(id, ['sh', '-c', 'sleep 983 & sleep 984']);
      await expect(connection.forgetUnit(id)).rejects.toMatchObject({ code: 'command-failed' });
      await connection.stopUnit(id);
      expect(await connection.unitState(id)).toEqual({ state: 'ended', exit: null });
      expect(await machine.mustShell('ps -e -o args')).not.toMatch(/sleep 98[34]/);
      await connection.forgetUnit(id);
    });

    it('knows that a reboot ended a run', async () => {
      const id = 'rebooted';
      await connection.startUnit(id, ['sleep', '985']);
      await machine.reboot();
      expect((await connection.closed).code).toBe('connection-lost');
      connection = await connectTo(machine);
      expect(await connection.unitState(id)).toEqual({ state: 'ended', exit: null });
      await connection.forgetUnit(id);
    });

    it('says that a run cannot start when its program is missing, by its exit code', async () => {
      await connection.startUnit('missing', ['no-such-program']);
      expect((await connection.followUnit('missing', { pollMs: 100 })).exit).toBe(127);
      await connection.forgetUnit('missing');
    });

    it('takes its port back when the cable was out for a while', async () => {
      const port = 5050;
      const web = createServer((_request, response) => response.end('content'));
      const onStream = (stream: unknown) => web.emit('connection', stream);
      await connection.reverseForward({ port, onStream });
      await machine.cable('out');
      connection.close();
      await machine.cable('in');
      connection = await connectTo(machine);
      const forward = await connection.reverseForward({ port, onStream });
      const ask = `exec 3<>/dev/tcp/127.0.0.1/${port}; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3`;
      expect(await machine.mustShell(`bash -c '${ask.replaceAll("'", `'\\''`)}'`)).toMatch(/200 OK[\s\S]*content$/);
      await forward.close();
      connection.close();
    });
  });
});
