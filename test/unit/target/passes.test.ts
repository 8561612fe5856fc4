/** Which passes of slapos are ended, by the shell's own text on processes that sleep as these do. It takes as long as the shell waits. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { runLocal } from '../../../src-main/platform/shell.ts';
import { endAsleep } from '../../../src-main/target/passes.ts';
import { unless, whyWithout } from '../../unless.ts';

const begun: ChildProcess[] = [];
afterEach(() => {
  // With what they began, which would outlast them.
  for (const { pid } of begun.splice(0)) spawnSync('kill', ['-KILL', '--', `-${pid}`]);
});

/** Perl, as slapos is Python: it sleeps without a child. */
const pass = (program: string, ...words: readonly string[]): ChildProcess => {
  const child = spawn('perl', ['-e', program, 'slapos', 'node', ...words], { stdio: 'ignore', detached: true });
  begun.push(child);
  return child;
};

/** Of all that is on this machine only children of this process are looked at. */
const ownPgrep = `pgrep() { if [ "$1" = -f ]; then command pgrep -P ${process.pid} "$@"; else command pgrep "$@"; fi; }`;

describe('end_asleep', unless(whyWithout('dash', 'perl', 'pgrep')), () => {
  it('ends what sleeps before its work, and nothing that is at work', { timeout: 90_000 }, async () => {
    const asleep = pass('sleep 600', 'format');
    const ended = once(asleep, 'exit');
    const kept = {
      'works, and sleeps two seconds after each child': pass('while (1) { system("true"); sleep 2 }', 'format'),
      'sleeps two seconds again and again': pass('while (1) { sleep 2 }', 'report'),
      'was begun with --now': pass('sleep 600', 'format', '--now'),
      'waits for a child': pass('system("sleep 600")', 'format'),
      'is another pass': pass('sleep 600', 'instance'),
    };
    const look = `${ownPgrep}\nset -e\n${endAsleep}\nwhile kill -0 "$1" 2>/dev/null; do end_asleep; sleep 1; done`;
    const startedMs = performance.now();
    const { exit, stderr } = await runLocal(['dash', '-c', look, 'dash', String(asleep.pid)], { limitMs: 80_000 });
    expect([exit, stderr]).toEqual([0, '']);
    expect(await ended).toEqual([null, 'SIGTERM']);
    expect(performance.now() - startedMs).toBeGreaterThan(14_000);
    for (const [what, { exitCode, signalCode }] of Object.entries(kept))
      expect([what, exitCode, signalCode]).toEqual([what, null, null]);
  });
});
