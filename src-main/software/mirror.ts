// The public software cache as a source of compiled releases: look up by address, choose per target system, download by hash.
// Called by the mirror jobs. Protocol: shadir and shacache, as slapos.libnetworkcache 0.25 to 0.28 asks them; like it, this
// follows no redirect. It must never give out an entry that no trusted certificate verifies, or change a byte of one.
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { LockedEntry } from '../../src-shared/lock.ts';
import { problem } from '../../src-shared/problem.ts';
import { type AllProgress, downloadAll, type Wanted } from '../platform/download-all.ts';
import type { Fetch } from '../platform/fetch.ts';
import { targetOf } from './compatibility.ts';
import { chooseEntry, parseIndexDocument, readEntry, type SignedEntry, urlKey } from './entry.ts';

export interface SoftwareSource {
  /** Base address of the index: `INDEX/<md5 of the release's address>`. */
  readonly index: string;
  /** Base address of the archives: `BLOBS/<sha512>`. */
  readonly blobs: string;
}

export interface MirrorMeans {
  readonly fetch: Fetch;
  readonly signal: AbortSignal;
}

/** At most this much of an index document is fetched: real ones are some kilobytes. */
const documentLimitBytes = 16 * 1024 * 1024;

export const indexAddress = (source: SoftwareSource, url: string): string => below(source.index, urlKey(url));
const blobAddress = (source: SoftwareSource, sha512: string): string => below(source.blobs, sha512);
/** As the client does: the query part of a base address is dropped, and so are slashes at its end. */
const below = (base: string, name: string): string => `${base.replace(/[?#].*$/, '').replace(/\/+$/, '')}/${name}`;

export interface LookUpRequest {
  readonly source: SoftwareSource;
  /** PEM of those whose signature is believed. */
  readonly certificates: readonly string[];
  readonly url: string;
  /** E.g. `debian-12-amd64`. */
  readonly systems: readonly string[];
}

/**
 * The entry each target system would take, byte for byte as upstream signed it, with the size of its archive.
 * Throws `release-not-in-cache`, `entry-malformed`, `entry-of-another-release`, `entry-signature-bad`,
 * `entry-not-for-target`, and what fetching throws.
 */
export async function lookUpRelease(
  { source, certificates, url, systems }: LookUpRequest,
  { fetch, signal }: MirrorMeans,
): Promise<readonly LockedEntry[]> {
  const address = indexAddress(source, url);
  const common = { redirects: 'refuse', signal } as const;
  const bytes = await fetch.fetchIfThere(address, { limitBytes: documentLimitBytes, ...common });
  if (bytes === null) throw problem('release-not-in-cache', { url, address });
  const entries = entriesOf(parseIndexDocument(Buffer.from(bytes).toString('utf8'), url), url);
  const chosen = systems.map((system) => ({
    system,
    ...chooseEntry(entries, targetOf(system), certificates, url),
  }));
  const locked: LockedEntry[] = [];
  for (const { system, entry, signature, certificate, fields } of chosen) {
    const blob = blobAddress(source, fields.sha512);
    const sizeBytes = await fetch.sizeOf(blob, common);
    if (sizeBytes === null) throw problem('release-not-in-cache', { url, address: blob });
    locked.push({ system, sha512: fields.sha512, sizeBytes, entry, signature, certificate });
  }
  return locked;
}

/**
 * Those that do not say to be another release. A signature covers the entry and not the key it is filed under, so whoever
 * answers for the index could offer a genuine entry of another release.
 */
function entriesOf(entries: readonly SignedEntry[], url: string): readonly SignedEntry[] {
  const others: string[] = [];
  const own = entries.filter(({ entry }) => {
    const says = statedUrl(entry, url);
    if (says === null || says === url) return true;
    others.push(says);
    return false;
  });
  const [first] = others;
  if (own.length === 0 && first !== undefined) throw problem('entry-of-another-release', { url, found: first });
  return own;
}

function statedUrl(entry: string, url: string): string | null {
  try {
    return readEntry(entry, url).softwareUrl;
  } catch {
    return null;
  }
}

/** Where an archive lies in the laptop's cache. */
export const cachedBlob = (cacheFolder: string, sha512: string): string => join(cacheFolder, 'blobs', sha512);

/** How much of an archive is still to be fetched, in bytes. What lies there is checked when it is downloaded. */
export async function missingBytes(cacheFolder: string, { sha512, sizeBytes }: LockedEntry): Promise<number> {
  const path = cachedBlob(cacheFolder, sha512);
  const sizes = await Promise.all([path, `${path}.part`].map((file) => stat(file).catch(() => null)));
  return Math.max(0, sizeBytes - Math.max(...sizes.map((found) => found?.size ?? 0)));
}

/**
 * Downloads archives into the laptop's cache, or goes on where an earlier download was cut. Those that are there are checked.
 * Throws `download-wrong-hash`, `download-wrong-size`, and what fetching throws.
 */
export async function downloadBlobs(
  { source, entries, cacheFolder }: { source: SoftwareSource; entries: readonly LockedEntry[]; cacheFolder: string },
  { fetch, signal, onProgress }: MirrorMeans & { readonly onProgress: (progress: AllProgress) => void },
): Promise<void> {
  const items = [...new Map(entries.map((entry) => [entry.sha512, entry])).values()].map(
    ({ sha512, sizeBytes, system }): Wanted => ({
      url: blobAddress(source, sha512),
      to: cachedBlob(cacheFolder, sha512),
      sha512,
      sizeBytes,
      redirects: 'refuse',
      what: system,
    }),
  );
  await downloadAll(fetch, items, { onProgress }, signal);
}
