// What stands around the work: the medium in its port, the battery. One look for every page of a site.
import type { OutputOf } from '../../src-shared/api.ts';
import type { InstanceView } from '../../src-shared/journal.ts';
import { call } from './bridge.ts';
import { useRepeated } from './repeat.ts';
import { useStore } from './store.ts';

export type LaptopNow = OutputOf<'laptop.now'>;

/** Looks now and every few seconds; what was known of another site is forgotten. Null until the first answer. */
export function useLaptop(site: string): LaptopNow | null {
  useRepeated(
    site,
    () => call('laptop.now', { site }),
    (laptop) => {
      const before = useStore.getState().laptop;
      if (JSON.stringify(before) !== JSON.stringify(laptop)) useStore.setState({ laptop });
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
