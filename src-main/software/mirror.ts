// The public software cache as a source of compiled releases: look up by address, choose per target system, download by hash.
// Called by the mirror jobs. Protocol: shadir and shacache, as slapos.libnetworkcache 0.25 to 0.28 asks them; like it, this
// follows no redirect. It must never give out an entry that no trusted certificate verifies, or change a byte of one.
import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { LockedEntry } from '../../src-shared/lock.ts';
import { problem } from '../../src-shared/problem.ts';
import { type AllProgress, downloadAll, type Wanted } from '../platform/download-all.ts';
import type { Fetch } from '../platform/fetch.ts';
import { ensureFolder, readTextOrNull, writeAtomic } from '../platform/files.ts';
import { targetOf } from './compatibility.ts';
import { chooseEntry, parseIndexDocument, type SignedEntry, urlKey } from './entry.ts';

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
  readonly cacheFolder: string;
}

/**
 * The entry each target system would take, byte for byte as upstream signed it, with the size of its archive.
 * Throws `release-not-in-cache`, `entry-malformed`, `entry-of-another-release`, `entry-signature-bad`,
 * `entry-not-for-target`, and what fetching throws.
 */
export async function lookUpRelease(
  { source, certificates, url, systems, cacheFolder }: LookUpRequest,
  { fetch, signal }: MirrorMeans,
): Promise<readonly LockedEntry[]> {
  const address = indexAddress(source, url);
  const common = { redirects: 'refuse', signal } as const;
  const bytes = await fetch.fetchIfThere(address, { limitBytes: documentLimitBytes, ...common });
  if (bytes === null) throw problem('release-not-in-cache', { url, address });
  const text = Buffer.from(bytes).toString('utf8');
  const entries = parseIndexDocument(text, url);
  await ensureFolder(dirname(keptIndex(cacheFolder, url)));
  await writeAtomic(keptIndex(cacheFolder, url), text);
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

/** Where the index document of a release is kept as it was last fetched: what was chosen from can be shown without a network. */
const keptIndex = (cacheFolder: string, url: string): string => join(cacheFolder, 'entries', urlKey(url));

/** The entries of a release as they were last fetched; none when it was not looked up on this laptop. */
export async function keptEntries(cacheFolder: string, url: string): Promise<readonly SignedEntry[]> {
  const text = await readTextOrNull(keptIndex(cacheFolder, url));
  return text === null ? [] : parseIndexDocument(text, url);
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
