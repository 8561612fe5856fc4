import { describe, expect, it } from 'vitest';
import { performUntil, type TargetMeans } from '../../../src-main/performers/on-target.ts';
import type { Performing } from '../../../src-main/runbook/performer.ts';
import { problem } from '../../../src-shared/problem.ts';
import type { Sighting } from '../../../src-shared/sighting.ts';
import type { Answer, CommandOf } from '../../../src-shared/step.ts';

const signal = new AbortController().signal;

/** A wait over what a machine answers, look by look; the last answer stays. */
function waiting(
  outputs: readonly string[],
  more: Partial<CommandOf<'until'>> = {},
  room: readonly string[] = [],
  openLeases: () => Promise<void> = async () => undefined,
) {
  let nowMs = 0;
  let look = 0;
  const seen: (Sighting | null | undefined)[] = [];
  const probe = async (probes: readonly { readonly id: string }[]): Promise<Record<string, Answer>> =>
    Object.fromEntries(
      probes.map(({ id }) => {
        if (id === 'room')
          return [id, { exit: 1, out: room[Math.min(look, room.length - 1)] ?? '', err: 'df: /srv: no' }];
        const out = id === 'log' ? 'why it is not there' : (outputs[Math.min(look++, outputs.length - 1)] ?? '');
        return [id, { exit: out === 'ready' ? 0 : 1, out, err: '' }];
      }),
    );
  const means = {
    target: async () => ({ probe }),
    clock: {
      monotonicMs: () => nowMs,
      sleep: async (ms: number) => {
        nowMs += ms;
      },
    },
  } as unknown as TargetMeans;
  const context = {
    signal,
    openLeases,
    onAwaiting: (_since: number, _next: number, sighting?: Sighting | null) => seen.push(sighting),
  } as unknown as Performing;
  const command: CommandOf<'until'> = {
    kind: 'until',
    on: { machine: 'master-1' },
    probe: { id: 'ready', kind: 'run', argv: ['ask'] },
    wanted: { exit: 0 },
    hopeless: [
      { pattern: '^compiling .*$', finding: { code: 'cache-not-used', params: { machine: 'master-1', url: 'u' } } },
    ],
    everyMs: 1000,
    limitMs: 5000,
    awaited: { key: 'steps.install-master-software.waits.completed', params: { names: 'one' } },
    evidence: [{ id: 'log', kind: 'run', argv: ['tail'] }],
    ...more,
  };
  return { done: performUntil(means, 'master-1', command, context), seen };
}

const df = (srvKibibytes: number) => `Filesystem     1024-blocks     Used Available Capacity Mounted on
/dev/vda1         20000000 10000000  10000000      50% /
/dev/mapper/a b   20000000 20000000  ${srvKibibytes}     100% /srv
`;

describe('a wait', () => {
  it('ends when what is awaited is there, and tells what each look saw', async () => {
    const { done, seen } = waiting(['done 1 3\nline first', 'done 2 3', 'ready']);
    expect(await done).toEqual({ exit: 0, output: 'ready' });
    expect(seen).toEqual([
      { done: 1, total: 3, failing: [], line: 'first' },
      { done: 2, total: 3, failing: [], line: '' },
    ]);
  });

  it('is given up at once when it has become hopeless, and says why', async () => {
    await expect(waiting(['line begins', 'compiling 10:02']).done).rejects.toMatchObject({
      code: 'cache-not-used',
      data: { params: { machine: 'master-1', url: 'u' }, evidence: expect.stringContaining('why it is not there') },
    });
  });

  it('does not take an old line of a log for news', async () => {
    await expect(waiting(['compiling 10:02', 'compiling 10:02', 'ready']).done).resolves.toMatchObject({ exit: 0 });
    await expect(waiting(['compiling 10:02', 'compiling 10:03']).done).rejects.toMatchObject({
      code: 'cache-not-used',
    });
  });

  it('says after its limit what was awaited, in words, with the evidence', async () => {
    await expect(waiting(['line still'], {}, [df(5_000_000)]).done).rejects.toMatchObject({
      code: 'wait-too-long',
      data: {
        params: { awaited: 'install-master-software.waits.completed', names: 'one', limit: 5, machine: 'master-1' },
        evidence: expect.stringContaining('== log'),
      },
    });
  });

  it('does not wait on for what a full disk keeps from coming', async () => {
    const slow = { everyMs: 10_000, limitMs: 7_200_000 };
    await expect(waiting(['line still'], slow, [df(5_000_000), df(4)]).done).rejects.toMatchObject({
      code: 'target-disk-full',
      data: {
        params: { machine: 'master-1', command: 'df', detail: expect.stringContaining('100% /srv') },
        evidence: expect.stringContaining('why it is not there'),
      },
    });
    // Full for a moment only: what is awaited has made room itself.
    const looks = ['line 1', 'line 2', 'line 3', 'line 4', 'line 5', 'line 6', 'ready'];
    const rooms = [df(4), df(4), df(4), df(5_000_000), df(4), df(4), df(4)];
    await expect(waiting(looks, slow, rooms).done).resolves.toMatchObject({ exit: 0 });
    // What is awaited is the room.
    const removal = { ...slow, makesRoom: true };
    await expect(waiting(looks, removal, [df(4)]).done).resolves.toMatchObject({ exit: 0 });
    await expect(waiting(['line still'], removal, [df(4)]).done).rejects.toMatchObject({ code: 'wait-too-long' });
  });

  it('ends at once when the medium that lends the content was pulled, and passes over a lost connection', async () => {
    const failing = (thrown: Error) => {
      let looks = 0;
      return async () => {
        looks += 1;
        if (looks === 2) throw thrown;
      };
    };
    const lost = waiting(
      ['no', 'ready'],
      {},
      [],
      failing(problem('connection-lost', { machine: 'master-1', detail: '' })),
    );
    expect((await lost.done).output).toBe('ready');
    const pulled = waiting(['no', 'ready'], {}, [], failing(problem('medium-absent', { path: '/media/stick' })));
    await expect(pulled.done).rejects.toMatchObject({ code: 'medium-absent' });
  });
});
