// What stands around the work: the medium in its port, the battery. One look for every page of a site.
import type { OutputOf } from '../../src-shared/api.ts';
import type { InstanceView } from '../../src-shared/journal.ts';
import { call } from './bridge.ts';
import { useRepeated } from './repeat.ts';
import { useStore } from './store.ts';

export type LaptopNow = OutputOf<'laptop.now'>;

/** A drive that hangs is no medium that is there. */
const longestMs = 10_000;

/** Looks now and every few seconds. Null until the first answer, and when none comes: nothing is said then that nobody knows. */
export function useLaptop(site: string): LaptopNow | null {
  useRepeated(
    site,
    async () => {
      const late = new Promise<null>((resolve) => setTimeout(() => resolve(null), longestMs));
      return { now: await Promise.race([call('laptop.now', { site }).catch(() => null), late]) };
    },
    ({ now }) => {
      const before = useStore.getState().laptop;
      if (JSON.stringify(before) !== JSON.stringify(now)) useStore.setState({ laptop: now });
    },
  );
  return useStore(({ laptop }) => laptop);
}

/** What is said of the site's medium: chosen at all, and plugged in now. Before the first look, what the record knows. */
export function mediumWord(
  choosing: InstanceView | null,
  laptop: LaptopNow | null,
): 'unbound' | 'bound' | 'here' | 'away' {
  if (laptop === null) return choosing?.everDone ? 'bound' : 'unbound';
  return laptop.medium === 'none' ? 'unbound' : laptop.medium;
}
