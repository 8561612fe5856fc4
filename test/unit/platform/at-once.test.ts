import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { eachAtOnce, places } from '../../../src-main/platform/at-once.ts';

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('several things at once', () => {
  it('does each once, within both limits', async () => {
    const hosts = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 30 });
    const limit = fc.integer({ min: 1, max: 6 });
    await fc.assert(
      fc.asyncProperty(hosts, limit, limit, async (items, total, perHost) => {
        const busy: string[] = [];
        let done = 0;
        const limits = { limit: () => total, perHost, hostOf: (host: string) => host };
        await eachAtOnce(items, limits, async (host) => {
          busy.push(host);
          expect(busy.length).toBeLessThanOrEqual(total);
          expect(busy.filter((one) => one === host).length).toBeLessThanOrEqual(perHost);
          await turn();
          busy.splice(busy.indexOf(host), 1);
          done += 1;
        });
        expect(done).toBe(items.length);
      }),
      { numRuns: 60 },
    );
  });

  it('stops the others at the first error, waits for them, and starts no more', async () => {
    const started: number[] = [];
    let ended = 0;
    const limits = { limit: () => 3, perHost: 3, hostOf: () => 'a' };
    const all = eachAtOnce([0, 1, 2, 3, 4], limits, async (item, signal) => {
      started.push(item);
      const stopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      await turn();
      if (item === 1) throw new Error('no');
      await stopped;
      ended += 1;
    });
    await expect(all).rejects.toThrow('no');
    expect(started).toEqual([0, 1, 2]);
    expect(ended).toBe(2);
  });

  it('hands a stop on', async () => {
    const stop = new AbortController();
    const limits = { limit: () => 2, perHost: 2, hostOf: () => 'a' };
    const all = eachAtOnce(
      [1, 2, 3],
      limits,
      (_, signal) =>
        new Promise<void>((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('stopped')))),
      stop.signal,
    );
    stop.abort();
    await expect(all).rejects.toThrow('stopped');
  });
});

describe('places', () => {
  it('are never taken by more than there are, and come to everybody in turn', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 5 }),
        fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 20 }),
        async (count, stays) => {
          const take = places(count);
          const order: number[] = [];
          let inside = 0;
          await Promise.all(
            stays.map(async (turns, index) => {
              const leave = await take();
              order.push(index);
              inside += 1;
              expect(inside).toBeLessThanOrEqual(count);
              for (let at = 0; at < turns; at += 1) await turn();
              inside -= 1;
              leave();
              leave();
            }),
          );
          expect(order).toEqual(stays.map((_, index) => index));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('go to the next when somebody stops waiting', async () => {
    const take = places(1);
    const leave = await take();
    const stop = new AbortController();
    const second = take(stop.signal);
    const third = take();
    stop.abort(new Error('enough'));
    await expect(second).rejects.toThrow('enough');
    await expect(take(stop.signal)).rejects.toThrow('enough');
    leave();
    await third;
  });
});
