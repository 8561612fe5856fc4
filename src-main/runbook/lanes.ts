// The order of a run over many machines: nodes go side by side, each at its own pace; everything else goes one after the other.
// Used by the runner. Knows no step by name; what may stand beside what comes from the plan and from the steps themselves.
import type { Instance } from './instances.ts';

export interface LaneParts {
  /** Machines worked on side by side, at most. */
  readonly atOnce: number;
  /** The lane of an instance, null for what goes one after the other. */
  readonly laneOf: (instance: Instance) => string | null;
  /** What must be done before it. */
  readonly before: (instance: Instance) => readonly Instance[];
  /** What goes before it where it is part of the run, whatever becomes of it; that includes what must be done. */
  readonly goesFirst: (instance: Instance) => readonly Instance[];
  /** Nothing else may be worked on meanwhile. */
  readonly alone: (instance: Instance) => boolean;
  /** The first lane goes to its end before the others begin: what is wrong for all of them shows once. */
  readonly firstAlone: boolean;
  /** Runs one; false when its lane can go no further. Must not throw but for faults of the program. */
  readonly act: (instance: Instance) => Promise<boolean>;
}

/**
 * Runs instances in order, lanes side by side. One lane's failure stops that lane, and what waits for it; a failure outside of
 * lanes stops everything, since all stands on it.
 */
export async function inLanes(instances: readonly Instance[], parts: LaneParts): Promise<void> {
  const main: Instance[] = [];
  const lanes = new Map<string, Instance[]>();
  for (const instance of instances) {
    const lane = parts.laneOf(instance);
    if (lane === null) main.push(instance);
    else lanes.set(lane, [...(lanes.get(lane) ?? []), instance]);
  }
  const pending = new Set(instances.map(({ key }) => key));
  /** Not done in this run: what comes after them is left alone. */
  const lost = new Set<string>();
  const gate = turnstile();
  const waits = (instance: Instance, queue: readonly Instance[]): boolean =>
    parts.goesFirst(instance).some(({ key }) => pending.has(key) && !queue.some((other) => other.key === key));
  const isLost = (instance: Instance): boolean => parts.before(instance).some(({ key }) => lost.has(key));
  const lose = (instance: Instance): void => {
    lost.add(instance.key);
    pending.delete(instance.key);
  };

  /** Takes a queue as far as it goes; false when something in it failed. */
  async function follow(queue: Instance[], onLost: 'stop' | 'leave-out'): Promise<boolean> {
    for (let next = queue[0]; next !== undefined && !waits(next, queue); next = queue[0]) {
      queue.shift();
      if (isLost(next)) {
        lose(next);
        if (onLost === 'leave-out') continue;
        return false;
      }
      const instance = next;
      const act = () => parts.act(instance);
      if (!(await (parts.alone(instance) ? gate.alone(act) : gate.shared(act)))) {
        lose(instance);
        return false;
      }
      pending.delete(instance.key);
    }
    return true;
  }

  async function followLane(queue: Instance[]): Promise<void> {
    if (await follow(queue, 'stop')) return;
    for (const left of queue.splice(0)) lose(left);
  }

  let first = parts.firstAlone;
  for (;;) {
    const before = pending.size;
    if (!(await follow(main, 'leave-out'))) return;
    const open = [...lanes.values()].filter((queue) => queue.length > 0);
    if (first && open.length > 1) {
      const [alone] = open.splice(0, 1);
      if (alone !== undefined) await followLane(alone);
      first = false;
    }
    const workers = Array.from({ length: Math.max(1, parts.atOnce) }, async () => {
      for (let queue = open.shift(); queue !== undefined; queue = open.shift()) await followLane(queue);
    });
    await Promise.all(workers);
    if (pending.size === before) return;
  }
}

/** Many beside each other, or one alone; who asks to be alone is let in before those who come after. */
function turnstile() {
  let inside = 0;
  let tail: Promise<unknown> = Promise.resolve();
  let empty: (() => void) | null = null;
  const enter = async <T>(act: () => Promise<T>): Promise<T> => {
    inside += 1;
    try {
      return await act();
    } finally {
      inside -= 1;
      if (inside === 0) empty?.();
    }
  };
  return {
    shared: async <T>(act: () => Promise<T>): Promise<T> => {
      // Whoever was promised to be alone ends first.
      for (let seen: Promise<unknown> | null = null; seen !== tail; ) {
        seen = tail;
        await seen;
      }
      return enter(act);
    },
    alone: <T>(act: () => Promise<T>): Promise<T> => {
      const turn = tail.then(async () => {
        if (inside > 0)
          await new Promise<void>((resolve) => {
            empty = resolve;
          });
        empty = null;
        return enter(act);
      });
      tail = turn.catch(() => undefined);
      return turn;
    },
  };
}
