import { describe, expect, it } from 'vitest';
import type { Instance } from '../../../src-main/runbook/instances.ts';
import { inLanes, type LaneParts } from '../../../src-main/runbook/lanes.ts';

/** `step@machine`; a machine whose name begins with n is a node. What comes before it stands after the colon. */
const list = (...lines: readonly string[]) => {
  const before = new Map(lines.map((line) => line.split(': ')).map(([key = '', rest = '']) => [key, rest.split(' ')]));
  const instances = [...before.keys()].map((key) => ({ key }) as Instance);
  return { instances, before: ({ key }: Instance) => instances.filter((one) => before.get(key)?.includes(one.key)) };
};

/** Runs them on a clock of turns: each instance takes as many as it is given, one without. */
async function walk(
  { instances, before }: ReturnType<typeof list>,
  more: Partial<LaneParts> & {
    readonly turns?: Readonly<Record<string, number>>;
    readonly failing?: readonly string[];
  } = {},
) {
  const log: string[] = [];
  let most = 0;
  let now = 0;
  await inLanes(instances, {
    atOnce: 5,
    laneOf: ({ key }) => (key.includes('@n') ? key.slice(key.indexOf('@')) : null),
    before,
    goesFirst: before,
    alone: () => false,
    firstAlone: false,
    tooMany: () => false,
    heldBack: async () => undefined,
    act: async ({ key }) => {
      now += 1;
      most = Math.max(most, now);
      log.push(key);
      for (let turn = 0; turn < (more.turns?.[key] ?? 1); turn += 1) await new Promise(setImmediate);
      now -= 1;
      log.push(`/${key}`);
      return (more.failing ?? []).includes(key) ? 'failed' : 'done';
    },
    ...more,
  });
  return { log, most, begun: log.filter((line) => !line.startsWith('/')) };
}

describe('a run over many machines', () => {
  it('goes one after the other where there are no nodes, and stops at the first that fails', async () => {
    const all = list('a@m', 'b@m', 'c@m');
    expect((await walk(all)).log).toEqual(['a@m', '/a@m', 'b@m', '/b@m', 'c@m', '/c@m']);
    expect((await walk(all, { failing: ['b@m'] })).begun).toEqual(['a@m', 'b@m']);
  });

  const nodes = list(
    ...['n1', 'n2', 'n3', 'n4', 'n5', 'n6', 'n7'].map((name) => `a@${name}: m@m`),
    ...['n1', 'n2', 'n3', 'n4', 'n5', 'n6', 'n7'].map((name) => `b@${name}: a@${name}`),
    'm@m',
  );

  it('lets nodes go side by side after what they stand on, so many at once and no more', async () => {
    const { most, begun } = await walk(nodes);
    expect(begun[0]).toBe('m@m');
    expect(begun.toSorted()).toEqual(nodes.instances.map(({ key }) => key).toSorted());
    expect(most).toBe(5);
    expect((await walk(nodes, { atOnce: 2 })).most).toBe(2);
  });

  it('takes the first to its end before the others begin', async () => {
    const { log } = await walk(nodes, { firstAlone: true });
    expect(log.slice(0, 6)).toEqual(['m@m', '/m@m', 'a@n1', '/a@n1', 'b@n1', '/b@n1']);
  });

  it('stops a node that fails, and what waits for it, and nothing else', async () => {
    const all = list('a@n1', 'a@n2', 'b@n1: a@n1', 'b@n2: a@n2', 'c@m: b@n1 b@n2', 'd@m: b@n2', 'e@n2: d@m');
    expect((await walk(all, { failing: ['a@n1'] })).begun).toEqual(['a@n1', 'a@n2', 'b@n2', 'd@m', 'e@n2']);
    expect((await walk(all, { failing: ['a@n1'], firstAlone: true })).begun).toEqual([
      'a@n1',
      'a@n2',
      'b@n2',
      'd@m',
      'e@n2',
    ]);
  });

  it('lets a node wait for what the master does after another node', async () => {
    const all = list('a@n1', 'x@m: a@n1', 'b@n2: x@m', 'c@n1: b@n2');
    expect((await walk(all)).begun).toEqual(['a@n1', 'x@m', 'b@n2', 'c@n1']);
  });

  it('works on nothing else while a step must be alone', async () => {
    const all = list('a@n1', 'a@n2', 'a@n3', 'x@n1: a@n1', 'x@n2: a@n2', 'x@n3: a@n3', 'z@n1: x@n1', 'z@n2: x@n2');
    const { log } = await walk(all, {
      alone: ({ key }) => key.startsWith('x@'),
      turns: { 'a@n1': 1, 'a@n2': 5, 'a@n3': 9, 'x@n1': 6, 'z@n1': 12 },
    });
    for (const [at, line] of log.entries()) if (line.startsWith('x@')) expect(log[at + 1]).toBe(`/${line}`);
    expect(log).toHaveLength(all.instances.length * 2);
  });

  it('begins no further node once too many have failed; those at work go on, and what stands on none of them', async () => {
    const all = list(
      ...nodes.instances.map(({ key }) => `${key}: ${key.startsWith('b') ? key.replace('b', 'a') : ''}`),
      'z@m',
    );
    const held: string[][] = [];
    const { begun } = await walk(all, {
      atOnce: 3,
      failing: ['a@n1', 'a@n2'],
      turns: { 'a@n3': 6, 'b@n3': 6 },
      tooMany: (failed, tried) => failed >= 2 && failed * 100 > tried * 40,
      heldBack: async (lanes) => {
        held.push(...lanes.map((lane) => lane.map(({ key }) => key)));
      },
    });
    // The fourth took the place of the first that failed: it was begun.
    expect(begun.toSorted()).toEqual(['a@n1', 'a@n2', 'a@n3', 'a@n4', 'b@n3', 'b@n4', 'm@m', 'z@m']);
    expect(held).toEqual(['n5', 'n6', 'n7'].map((name) => [`a@${name}`, `b@${name}`]));
  });

  it('counts those that were begun: the same number of failed ones among more of them holds nothing back', async () => {
    const seen: string[] = [];
    await walk(nodes, {
      atOnce: 1,
      failing: ['a@n1', 'a@n7'],
      tooMany: (failed, tried) => {
        seen.push(`${failed} of ${tried}`);
        return failed * 100 > tried * 40 && failed >= 2;
      },
      heldBack: async () => {
        throw new Error('two of seven are not more than forty of a hundred');
      },
    });
    expect(seen).toEqual(['1 of 1', '2 of 7']);
  });

  it('holds nobody back for what was not done and did not fail', async () => {
    const { begun } = await walk(nodes, {
      act: async () => 'open',
      tooMany: () => true,
      heldBack: async () => {
        throw new Error('nothing failed');
      },
    });
    expect(begun).toEqual([]);
    let tried = 0;
    await walk(list('a@n1', 'a@n2', 'a@n3'), {
      act: async () => {
        tried += 1;
        return 'open';
      },
      tooMany: () => true,
    });
    expect(tried).toBe(3);
  });

  it('ends where everything waits for everything', async () => {
    expect((await walk(list('a@n1: b@m', 'b@m: a@n1'))).begun).toEqual([]);
  });
});
