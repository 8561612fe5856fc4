// The network of the practice site: answers the practice archives' addresses from the practice folder, without a socket.
// Handed to the jobs in place of the real network. It must answer for no other address: practice stays on this laptop.
import { createHash } from 'node:crypto';
import { readFile, rename, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { problem } from '../../src-shared/problem.ts';
import type { DownloadRequest, Fetch, FetchOptions } from '../platform/fetch.ts';
import { ensureFolder, exists, hashFile } from '../platform/files.ts';
import { practiceHosts, practiceSources, servedFolder } from './archives.ts';
import { activeFaults } from './faults.ts';
import { type PracticeOptions, take } from './pace.ts';

/** A slow office line: what makes progress visible. */
const bytesPerSecond = 1_500_000;
const answersAfterMs = 60;
const pieceBytes = 64 * 1024;

export function practiceFetch(folder: string, options: PracticeOptions): Fetch {
  const content = async (url: string, signal?: AbortSignal): Promise<Uint8Array | null> => {
    await take(options, answersAfterMs, signal);
    const path = pathOf(folder, url);
    const bytes = path === null ? null : await readFile(path).catch(() => null);
    if (bytes === null) return null;
    return (await isTampered(folder, url)) ? tampered(bytes) : bytes;
  };

  const fetchIfThere = async (url: string, { limitBytes, signal }: FetchOptions): Promise<Uint8Array | null> => {
    const bytes = await content(url, signal);
    if (bytes !== null && bytes.length > limitBytes) throw failed(url, `longer than ${limitBytes} bytes`);
    return bytes;
  };

  return {
    fetchIfThere,
    fetchBytes: async (url, fetchOptions) => {
      const bytes = await fetchIfThere(url, fetchOptions);
      if (bytes === null) throw failed(url, 'HTTP 404');
      return bytes;
    },
    sizeOf: async (url, { signal }) => (await content(url, signal))?.length ?? null,
    download: async (request) => {
      const { url, to, onProgress, signal } = request;
      if (await alreadyThere(request)) return;
      const bytes = await content(url, signal);
      if (bytes === null) throw failed(url, 'HTTP 404');
      for (let done = 0; done < bytes.length; done += pieceBytes) {
        onProgress?.({ doneBytes: done, totalBytes: bytes.length });
        await take(options, (Math.min(pieceBytes, bytes.length - done) / bytesPerSecond) * 1000, signal);
      }
      check(request, bytes);
      await ensureFolder(dirname(to));
      await writeFile(`${to}.part`, bytes);
      await rename(`${to}.part`, to);
      onProgress?.({ doneBytes: bytes.length, totalBytes: bytes.length });
    },
  };
}

/** The file that stands for an address; null for an address that is not of the practice site. */
function pathOf(folder: string, url: string): string | null {
  const { protocol, host, pathname } = new URL(url);
  const known = Object.values(practiceHosts).some((one) => one === host);
  const parts = decodeURIComponent(pathname).split('/').slice(1);
  if (protocol !== 'http:' || !known || parts.some((part) => part === '' || part === '..')) return null;
  return join(servedFolder(folder, host), ...parts);
}

async function isTampered(folder: string, url: string): Promise<boolean> {
  const active = await activeFaults(folder);
  if (url.startsWith(`${practiceSources.blobs}/`)) return active.has('tampered-cache-archive');
  return /\/(Packages(\.gz)?|by-hash\/.*)$/.test(url) && active.has('tampered-package-index');
}

/** One byte other than signed, and no other length. */
function tampered(bytes: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const middle = Math.floor(copy.length / 2);
  copy[middle] = (copy[middle] ?? 0) ^ 1;
  return copy;
}

async function alreadyThere({ to, sizeBytes, sha256, sha512, onProgress }: DownloadRequest): Promise<boolean> {
  if (!(await exists(to))) return false;
  const { size } = await stat(to);
  if (sizeBytes !== undefined && size !== sizeBytes) return false;
  if (sha256 !== undefined && (await hashFile(to, 'sha256')) !== sha256) return false;
  if (sha512 !== undefined && (await hashFile(to, 'sha512')) !== sha512) return false;
  onProgress?.({ doneBytes: size, totalBytes: size });
  return true;
}

function check({ url, sizeBytes, sha256, sha512 }: DownloadRequest, bytes: Uint8Array): void {
  if (sizeBytes !== undefined && bytes.length !== sizeBytes)
    throw problem('download-wrong-size', { url, expected: sizeBytes, found: bytes.length });
  for (const [algorithm, expected] of [['sha256', sha256] as const, ['sha512', sha512] as const]) {
    const found = createHash(algorithm).update(bytes).digest('hex');
    if (expected !== undefined && found !== expected) throw problem('download-wrong-hash', { url, expected, found });
  }
}

const failed = (url: string, detail: string) => problem('download-failed', { url, detail });
