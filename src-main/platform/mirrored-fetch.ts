// The same files from several places, tried in turn. Used by compose between the jobs and the network. The first place names a file,
// in the lock and wherever it is told of; what comes from any of them is believed by signature and hash alone.
// It must never go on to another place after a cancel, and never hide that none of them has a file.
import { Problem } from '../../src-shared/problem.ts';
import type { Fetch } from './fetch.ts';
import { isNoSuchFile } from './http.ts';

export interface Mirrored {
  /** Base of the files, as the site plan names it. */
  readonly url: string;
  /** Where the same files lie below the same names. */
  readonly mirrors: readonly string[];
}

const base = (url: string): string => url.replace(/\/+$/, '');

/** What another place may heal: the server, the line, or a copy that is behind or broken. */
const placesFault: ReadonlySet<string> = new Set([
  'download-failed',
  'download-stalled',
  'download-wrong-size',
  'download-wrong-hash',
]);
/** What says that a place is out of reach; the others go first from then on. One that lacks a file is not. */
const outOfReach = (trouble: Problem): boolean =>
  trouble.code === 'download-stalled' || (trouble.code === 'download-failed' && !isNoSuchFile(trouble));

/** `mirrored` is asked before each request: the plan may change under way. */
export function mirroredFetch(fetch: Fetch, mirrored: () => readonly Mirrored[]): Fetch {
  /** Places that failed, in the order in which they did. */
  const failed: string[] = [];

  function placesOf(url: string): readonly string[] {
    const known = mirrored().find((one) => one.mirrors.length > 0 && url.startsWith(`${base(one.url)}/`));
    if (known === undefined) return [url];
    const rest = url.slice(base(known.url).length);
    const places = [known.url, ...known.mirrors].map((place) => ({ place: base(place), url: `${base(place)}${rest}` }));
    return places.sort((one, other) => failed.indexOf(one.place) - failed.indexOf(other.place)).map((one) => one.url);
  }

  function remember(url: string): void {
    const place = mirrored()
      .flatMap((one) => [one.url, ...one.mirrors].map(base))
      .find((one) => url.startsWith(`${one}/`));
    if (place !== undefined && !failed.includes(place)) failed.push(place);
  }

  /** The first answer that is one; else null when all that answered have no such file, else the first failure. */
  async function inTurn<T>(url: string, ask: (url: string) => Promise<T>): Promise<T | null> {
    const troubles: Problem[] = [];
    for (const place of placesOf(url)) {
      try {
        const found = await ask(place);
        if (found !== null) return found;
      } catch (thrown) {
        if (!(thrown instanceof Problem) || !placesFault.has(thrown.code)) throw thrown;
        if (outOfReach(thrown)) remember(place);
        troubles.push(thrown);
      }
    }
    const [first] = troubles;
    if (first !== undefined) throw first;
    return null;
  }

  return {
    fetchBytes: async (url, options) => {
      // A place without the file is as good as one that is out of reach, as long as another has it.
      const found = await inTurn(url, (place) => fetch.fetchIfThere(place, options));
      return found ?? fetch.fetchBytes(url, options);
    },
    fetchIfThere: (url, options) => inTurn(url, (place) => fetch.fetchIfThere(place, options)),
    sizeOf: (url, options) => inTurn(url, (place) => fetch.sizeOf(place, options)),
    download: async (request) => {
      await inTurn(request.url, async (place) => {
        await fetch.download({ ...request, url: place });
        return true;
      });
    },
  };
}
