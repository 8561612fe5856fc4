import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { answersOf, parseFrames, probeScript } from '../../../src-main/target/probe.ts';
import type { Probe } from '../../../src-shared/step.ts';
import { whyWithoutRoot } from '../../unless.ts';

const folder = mkdtempSync(join(tmpdir(), 'fieldkit-probe-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The script through a real shell, as it runs on a target. */
function ask(probes: readonly Probe[]) {
  const { stdout, stderr } = spawnSync('/bin/sh', ['-s'], {
    input: probeScript(probes, 'root'),
    maxBuffer: 1 << 28,
    env: { PATH: process.env.PATH, LC_ALL: 'C.UTF-8' },
  });
  expect(stderr.toString()).toBe('');
  return { text: stdout.toString('latin1'), raw: parseFrames(stdout.toString('latin1'), probes.length) ?? [] };
}

describe('the script in a real shell', () => {
  it('brings back any bytes of any file', () => {
    const contents = fc.sample(
      fc.oneof(
        fc.uint8Array({ maxLength: 300 }),
        fc.string({ maxLength: 50 }).map((text) => Buffer.from(text)),
        fc.constantFrom(
          Buffer.alloc(0),
          Buffer.from('\n'),
          Buffer.from('\n\n0'),
          Buffer.alloc(100_000, 0),
          Buffer.from('P 1\n-\n.\nE\n'),
        ),
      ),
      { numRuns: 150 },
    );
    const probes = contents.map((bytes, index): Probe => {
      writeFileSync(join(folder, `file ${index}'s`), bytes);
      return { id: String(index), kind: 'read', path: join(folder, `file ${index}'s`) };
    });
    const { raw } = ask(probes);
    expect(raw).toHaveLength(contents.length);
    raw.forEach((answer, index) => {
      expect(answer.exit).toBe(0);
      expect(Buffer.compare(Buffer.from(answer.out), Buffer.from(contents[index] ?? []))).toBe(0);
    });
  }, 60_000);

  it('keeps outputs, errors and exit codes apart', () => {
    const { raw } = ask([
      { id: 'a', kind: 'run', argv: ['sh', '-c', 'printf out; printf err >&2; exit 7'] },
      { id: 'b', kind: 'run', argv: ['no-such-program'] },
      { id: 'c', kind: 'run', argv: ['sh', '-c', 'cat; printf end'] },
      { id: 'd', kind: 'run', argv: ['sleep', '20'], limitMs: 1000 },
      { id: 'e', kind: 'run', argv: ['printf', '%s', `a'b"c$d\`e\\f\ng`] },
    ]);
    expect(raw.map(({ exit }) => exit)).toEqual([7, 127, 0, 124, 0]);
    expect(Buffer.from(raw[0]?.out ?? []).toString()).toBe('out');
    expect(Buffer.from(raw[0]?.err ?? []).toString()).toBe('err');
    expect(Buffer.from(raw[2]?.out ?? []).toString()).toBe('end');
    expect(Buffer.from(raw[4]?.out ?? []).toString()).toBe(`a'b"c$d\`e\\f\ng`);
  });

  it('lists and describes files in fixed forms', () => {
    const place = join(folder, 'tree');
    mkdirSync(join(place, 'sub'), { recursive: true });
    writeFileSync(join(place, 'two words'), '12345');
    writeFileSync(join(place, 'line\nfeed'), '1');
    writeFileSync(join(place, 'B'), '');
    symlinkSync('nowhere', join(place, 'link'));
    execFileSync('mkfifo', [join(place, 'pipe')]);
    execFileSync('chmod', ['4750', join(place, 'B')]);
    const probes: Probe[] = [
      { id: 'list', kind: 'list', path: place },
      { id: 'file', kind: 'list', path: join(place, 'B') },
      { id: 'absent', kind: 'list', path: join(place, 'x') },
      { id: 'stat', kind: 'stat', path: join(place, 'B') },
      { id: 'link', kind: 'stat', path: join(place, 'link') },
      { id: 'gone', kind: 'stat', path: join(place, 'x') },
      { id: 'missing', kind: 'read', path: join(place, 'x') },
    ];
    const answers = answersOf(probes, ask(probes).raw);
    expect(answers.list?.out).toMatch(/^f 0 B\nl 7 link\no 0 pipe\nd \d+ sub\nf 5 two words\n$/);
    expect(answers.file?.exit).toBe(1);
    expect(answers.absent?.exit).toBe(1);
    expect(answers.stat?.out).toMatch(/^f 4750 \w+:\w+ 0$/);
    expect(answers.link?.out).toMatch(/^l 777 /);
    expect(answers.gone?.exit).toBe(1);
    expect(answers.missing).toMatchObject({ exit: 1, out: '' });
  });

  it('runs as another user when it may', ({ skip }) => {
    const why = whyWithoutRoot('becoming another user');
    if (why !== null) return skip(why);
    const { raw } = ask([{ id: 'a', kind: 'run', argv: ['id', '-un'], as: 'nobody' }]);
    expect(Buffer.from(raw[0]?.out ?? []).toString()).toBe('nobody\n');
    return undefined;
  });

  it('writes no file, whatever it is asked', ({ skip }) => {
    const why = whyWithoutRoot('mounting a tree read-only');
    if (why !== null) return skip(why);
    // In a tree that is mounted read-only, and with no writable folder at all, the answers are the same.
    const script = probeScript([{ id: 'a', kind: 'run', argv: ['sh', '-c', 'echo out; echo err >&2'] }], 'root');
    const seal =
      'mount -o remount,bind,ro / 2>/dev/null || mount --bind -o ro / / ; for d in /tmp /run /var/tmp /dev/shm; do mount -t tmpfs -o ro none $d; done; exec sh -s';
    const { status, stdout, stderr } = spawnSync('unshare', ['--mount', 'sh', '-c', seal], { input: script });
    if (status !== 0) return skip(`no read-only tree here: ${stderr.toString()}`);
    const raw = parseFrames(stdout.toString('latin1'), 1);
    expect(Buffer.from(raw?.[0]?.out ?? []).toString()).toBe('out\n');
    expect(Buffer.from(raw?.[0]?.err ?? []).toString()).toBe('err\n');
    return undefined;
  });
});

describe('parseFrames', () => {
  it('refuses what is cut short or foreign', () => {
    const { text } = ask([{ id: 'a', kind: 'run', argv: ['echo', 'hello'] }]);
    expect(parseFrames(text, 1)).toHaveLength(1);
    for (let length = 0; length < text.length - 1; length += 1)
      expect(parseFrames(text.slice(0, length), 1)).toBeNull();
    expect(parseFrames(text, 2)).toBeNull();
    expect(parseFrames(`welcome\n${text}`, 1)).toBeNull();
  });
});

describe('probeScript', () => {
  it('refuses a relative path', () => {
    expect(() => probeScript([{ id: 'a', kind: 'read', path: '-x' }], 'root')).toThrow(/absolute/);
  });
});
