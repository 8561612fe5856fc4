// The order of a run over many machines: nodes go side by side, each at its own pace; everything else goes one after the other.
// Used by the runner. Knows no step by name; what may stand beside what comes from the plan and from the steps themselves.
import type { Instance } from './instances.ts';

/** `open`: neither done nor failed, such as what is awaited or was not agreed to. */
type Acted = 'done' | 'failed' | 'open';

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
  /** So many lanes have failed, of so many that were begun, that no further one is begun. */
  readonly tooMany: (failed: number, begun: number) => boolean;
  /** That came about: what is left of the lanes that were not begun, each by itself. Called once at most. */
  readonly heldBack: (lanes: readonly (readonly Instance[])[]) => Promise<void>;
  /** Runs one; unless it is done its lane goes no further. Must not throw but for faults of the program. */
  readonly act: (instance: Instance) => Promise<Acted>;
}

/**
 * Runs instances in order, lanes side by side. One lane's failure stops that lane, and what waits for it; too many failed ones keep
 * further ones from being begun, and leave those at work alone; a failure outside of lanes stops everything, since all stands on it.
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
  /** Lanes in which something was run. */
  const begun = new Set<Instance[]>();
  let failed = 0;
  const gate = turnstile();
  const waits = (instance: Instance, queue: readonly Instance[]): boolean =>
    parts.goesFirst(instance).some(({ key }) => pending.has(key) && !queue.some((other) => other.key === key));
  const isLost = (instance: Instance): boolean => parts.before(instance).some(({ key }) => lost.has(key));
  const lose = (instance: Instance): void => {
    lost.add(instance.key);
    pending.delete(instance.key);
  };

  /** Takes a queue as far as it goes: `done` also where it waits for others. */
  async function follow(queue: Instance[], onLost: 'stop' | 'leave-out'): Promise<Acted> {
    for (let next = queue[0]; next !== undefined && !waits(next, queue); next = queue[0]) {
      queue.shift();
      if (isLost(next)) {
        lose(next);
        if (onLost === 'leave-out') continue;
        return 'open';
      }
      const instance = next;
      const act = () => parts.act(instance);
      if (queue !== main) begun.add(queue);
      const acted = await (parts.alone(instance) ? gate.alone(act) : gate.shared(act));
      if (acted !== 'done') {
        lose(instance);
        return acted;
      }
      pending.delete(instance.key);
    }
    return 'done';
  }

  async function followLane(queue: Instance[]): Promise<void> {
    const acted = await follow(queue, 'stop');
    if (acted === 'done') return;
    for (const left of queue.splice(0)) lose(left);
    if (acted === 'open') return;
    failed += 1;
    if (parts.tooMany(failed, begun.size)) await holdBack();
  }

  async function holdBack(): Promise<void> {
    const left = [...lanes.values()].filter((queue) => queue.length > 0 && !begun.has(queue));
    if (left.length === 0) return;
    const held = left.map((queue) => queue.splice(0));
    for (const instance of held.flat()) lose(instance);
    await parts.heldBack(held);
  }

  let first = parts.firstAlone;
  for (;;) {
    const before = pending.size;
    if ((await follow(main, 'leave-out')) !== 'done') return;
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
