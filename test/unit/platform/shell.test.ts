import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../src-main/platform/clock.ts';
import { runLocal, spawnLocal } from '../../../src-main/platform/shell.ts';
import { commandLines } from '../../processes.ts';

const sh = (script: string, ...args: string[]) => ['/bin/sh', '-c', script, 'sh', ...args];

describe('runLocal', () => {
  it('passes words, input, folder, environment, and gives exit code and outputs', async () => {
    const result = await runLocal(sh('printf "%s|" "$@"; cat; pwd; echo "$A$LC_ALL" >&2; exit 3', 'a b', '$x', ''), {
      stdin: 'input ',
      cwd: '/',
      env: { A: 'a', PATH: process.env.PATH },
    });
    expect(result).toEqual({ exit: 3, stdout: 'a b|$x||input /\n', stderr: 'aC.UTF-8\n' });
    expect((await runLocal(sh('kill -9 $$'))).exit).toBe(137);
    expect((await runLocal(sh('exit 0'), { stdin: 'x'.repeat(1_000_000) })).exit).toBe(0);
  });

  it('hands out whole lines as they come', async () => {
    const lines: string[] = [];
    await runLocal(sh('printf "a\\r\\nb"; sleep 0.1; echo c; printf d; echo e >&2'), {
      onLine: (stream, line) => lines.push(`${stream}:${line}`),
    });
    expect(lines.filter((line) => line.startsWith('stdout'))).toEqual(['stdout:a', 'stdout:bc', 'stdout:d']);
    expect(lines).toContain('stderr:e');
  });

  it('ends the program and its children at the limit and on request', async () => {
    const late = runLocal(sh('sleep 971 & sleep 972'), { limitMs: 300 });
    await expect(late).rejects.toMatchObject({ code: 'command-timed-out' });
    const controller = new AbortController();
    const run = runLocal(sh('trap "" TERM; echo up; sleep 973 & sleep 974 & wait; sleep 975'), {
      signal: controller.signal,
      onLine: () => controller.abort(),
    });
    await expect(run).rejects.toMatchObject({ code: 'cancelled' });
    expect((await commandLines()).filter((line) => /sleep 97[1-5]/.test(line))).toEqual([]);
    await expect(runLocal(['true'], { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'cancelled' });
  });

  it('names a program that is not there, and what to do', async () => {
    await expect(runLocal(['no-such-program-here'], { remedy: 'install it' })).rejects.toMatchObject({
      code: 'program-missing',
      data: { params: { program: 'no-such-program-here', remedy: 'install it' } },
    });
  });
});

describe('spawnLocal', () => {
  it('streams through a program', async () => {
    const input = Readable.from([Buffer.from('one '), Buffer.from('two')]);
    const run = spawnLocal(['tr', 'a-z', 'A-Z'], { stdin: input });
    expect((await buffer(run.stdout)).toString()).toBe('ONE TWO');
    expect((await run.ended).exit).toBe(0);
  });

  it('ends the program when its source fails', async () => {
    const input = new Readable({
      read() {
        this.destroy(new Error('source broke'));
      },
    });
    const run = spawnLocal(['cat'], { stdin: input });
    run.stdout.resume();
    expect((await run.ended).exit).not.toBe(0);
  });
});

describe('systemClock', () => {
  it('sleeps, and wakes on request', async () => {
    const before = systemClock.monotonicMs();
    await systemClock.sleep(30);
    expect(systemClock.monotonicMs() - before).toBeGreaterThan(25);
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 10);
    await expect(systemClock.sleep(60_000, controller.signal)).rejects.toMatchObject({ code: 'cancelled' });
    await expect(systemClock.sleep(60_000, AbortSignal.abort())).rejects.toMatchObject({ code: 'cancelled' });
  });
});
