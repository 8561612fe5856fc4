// Serves the medium to the targets over HTTP: the software cache and the apt repositories, read-only.
// Called by the step that keeps content open; connections are handed in (an SSH forward's channels), so by itself it
// listens nowhere. It must never serve a file the manifest does not list, follow a link, list a folder or redirect:
// SlapOS follows no redirects, and resumes with Range.

import { constants } from 'node:fs';
import { type FileHandle, lstat, open } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { type Manifest, type ManifestFile, mediumPaths } from '../../src-shared/manifest.ts';
import { problem } from '../../src-shared/problem.ts';
import { rangeOf } from './byte-range.ts';
import { servedPaths } from './served-path.ts';

export interface Served {
  /** Relative to the medium's root; empty when the request named no file we serve. */
  readonly path: string;
  readonly status: number;
  /** Bytes of content sent, without headers. */
  readonly sentBytes: number;
  /** False when the client went away before the end. */
  readonly whole: boolean;
}

export interface ContentServerOptions {
  /** The medium's `fieldkit` folder. */
  readonly root: string;
  /** Only what it lists is served, and only at the size it lists. Null while a medium is being prepared. */
  readonly manifest: Manifest | null;
  readonly onServed?: (served: Served) => void;
  /** A listed file that is missing or of another size, or one that could not be read. */
  readonly onError?: (thrown: unknown) => void;
}

interface ContentTotals {
  readonly requests: number;
  readonly sentBytes: number;
  readonly byPath: ReadonlyMap<string, { readonly requests: number; readonly sentBytes: number }>;
}

export interface ContentServer {
  /** Serves one connection: a socket, or a forwarded channel. */
  accept(connection: Duplex): void;
  /** Listens on a loopback port (0: any); resolves to the port. */
  listen(port: number): Promise<number>;
  totals(): ContentTotals;
  /** Ends every connection and stops listening. */
  close(): Promise<void>;
}

const bufferBytes = 1024 * 1024;

export function contentServer(options: ContentServerOptions): ContentServer {
  const listed = options.manifest === null ? null : new Map(options.manifest.files.map((file) => [file.path, file]));
  const byPath = new Map<string, { requests: number; sentBytes: number }>();
  const connections = new Set<Duplex>();
  const buffers: Buffer[] = [];

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const done = (path: string, status: number, sentBytes: number, whole: boolean) => {
      const total = byPath.get(path) ?? { requests: 0, sentBytes: 0 };
      byPath.set(path, { requests: total.requests + 1, sentBytes: total.sentBytes + sentBytes });
      options.onServed?.({ path, status, sentBytes, whole });
    };
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      refuse(response, 405, { allow: 'GET, HEAD' });
      return done('', 405, 0, true);
    }
    const found = await find(options, listed, request.url ?? '');
    if (typeof found === 'number') {
      refuse(response, found);
      return done('', found, 0, true);
    }
    try {
      const range = rangeFor(request, found);
      if (range === 'unsatisfiable') {
        refuse(response, 416, { 'content-range': `bytes */${found.sizeBytes}` });
        return done(found.path, 416, 0, true);
      }
      const { start, end, status } = range;
      response.writeHead(status, headersOf(found, range));
      if (request.method === 'HEAD') {
        response.end();
        return done(found.path, status, 0, true);
      }
      const buffer = buffers.pop() ?? Buffer.allocUnsafe(bufferBytes);
      // A socket has sent what it called back for; another stream may have handed the same bytes on.
      const copies = !(request.socket instanceof Socket);
      const sentBytes = await send(found, response, { buffer, copies }, start, end);
      const whole = sentBytes === end - start;
      // A buffer whose last write may still be under way is left to the garbage collector.
      if (whole) buffers.push(buffer);
      done(found.path, status, sentBytes, whole);
    } finally {
      await found.handle.close();
    }
  };

  const server: Server = createServer((request, response) => {
    answer(request, response).catch((thrown: unknown) => {
      options.onError?.(thrown);
      if (response.headersSent) response.destroy();
      else refuse(response, 500);
    });
  });
  server.on('connection', (connection: Duplex) => {
    connections.add(connection);
    connection.once('close', () => connections.delete(connection));
    // A cut connection ends its request; it is no fault of the server.
    connection.on('error', () => undefined);
  });

  return {
    accept: (connection) => void server.emit('connection', connection),
    listen: (port) =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, '127.0.0.1', () => {
          server.off('error', reject);
          resolve((server.address() as AddressInfo).port);
        });
      }),
    totals: () => {
      const all = [...byPath.values()];
      const requests = all.reduce((sum, item) => sum + item.requests, 0);
      const sentBytes = all.reduce((sum, item) => sum + item.sentBytes, 0);
      return { requests, sentBytes, byPath: new Map(byPath) };
    },
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const connection of connections) connection.destroy();
      await closed;
    },
  };
}

interface Found {
  readonly path: string;
  readonly handle: FileHandle;
  readonly sizeBytes: number;
  /** Strong, quoted. */
  readonly tag: string;
  readonly modified: string;
}

/** Opens the file a target means, or the status that refuses it. */
async function find(
  { root, manifest, onError }: ContentServerOptions,
  listed: ReadonlyMap<string, ManifestFile> | null,
  target: string,
): Promise<Found | number> {
  for (const path of servedPaths(target)) {
    const file = listed?.get(path);
    if (listed !== null && file === undefined) continue;
    // What an update under way has kept of the sealed state goes before what it has written already.
    const kept = manifest === null ? null : await openPlain(root, mediumPaths.kept(manifest.generation, path));
    const handle = kept ?? (await openPlain(root, path));
    if (handle === null) {
      if (file === undefined) continue;
      onError?.(problem('medium-file-missing', { file: path }));
      return 500;
    }
    const { size, mtime, mtimeMs } = await handle.stat();
    if (file !== undefined && file.sizeBytes !== size) {
      await handle.close();
      onError?.(problem('medium-file-damaged', { file: path, offset: Math.min(size, file.sizeBytes) }));
      return 500;
    }
    const tag = `"${file?.sha256 ?? `${size.toString(16)}-${Math.round(mtimeMs).toString(16)}`}"`;
    return { path, handle, sizeBytes: size, tag, modified: mtime.toUTCString() };
  }
  return 404;
}

/** Opens a plain file below the root, refusing a link anywhere on the way; null when there is none. */
async function openPlain(root: string, path: string): Promise<FileHandle | null> {
  let place = root;
  for (const part of path.split('/')) {
    place = join(place, part);
    const found = await lstat(place).catch(() => null);
    if (found === null || found.isSymbolicLink()) return null;
  }
  const noFollow = constants.O_NOFOLLOW ?? 0;
  const handle = await open(place, constants.O_RDONLY | noFollow | (constants.O_NONBLOCK ?? 0)).catch(() => null);
  if (handle === null || (await handle.stat()).isFile()) return handle;
  await handle.close();
  return null;
}

type Answer = { readonly start: number; readonly end: number; readonly status: 200 | 206 };

function rangeFor(request: IncomingMessage, { sizeBytes, tag, modified }: Found): Answer | 'unsatisfiable' {
  const whole = { start: 0, end: sizeBytes, status: 200 } as const;
  const condition = request.headers['if-range'];
  if (condition !== undefined && condition !== tag && condition !== modified) return whole;
  const range = rangeOf(request.headers.range, sizeBytes);
  if (range === 'whole') return whole;
  return range === 'unsatisfiable' ? range : { ...range, status: 206 };
}

function headersOf(found: Found, { start, end, status }: Answer): Record<string, string | number> {
  return {
    'content-type': 'application/octet-stream',
    'content-length': end - start,
    'accept-ranges': 'bytes',
    etag: found.tag,
    'last-modified': found.modified,
    ...(status === 206 ? { 'content-range': `bytes ${start}-${end - 1}/${found.sizeBytes}` } : {}),
  };
}

function refuse(response: ServerResponse, status: number, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-length': 0, ...headers });
  response.end();
}

/**
 * Sends a range through one buffer that is filled again only when its last write has left: several times faster than
 * piping a stream, and flat in memory. Resolves to the bytes sent; fewer than asked when the client went away.
 */
async function send(
  { handle, path }: Found,
  response: ServerResponse,
  { buffer, copies }: { readonly buffer: Buffer; readonly copies: boolean },
  start: number,
  end: number,
): Promise<number> {
  let at = start;
  while (at < end) {
    const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, end - at), at);
    if (bytesRead === 0) throw problem('medium-file-damaged', { file: path, offset: at });
    const bytes = buffer.subarray(0, bytesRead);
    if (!(await written(response, copies ? Buffer.from(bytes) : bytes))) return at - start;
    at += bytesRead;
  }
  response.end();
  return at - start;
}

/** True once the bytes have left, false when the connection closed before. */
function written(response: ServerResponse, bytes: Uint8Array): Promise<boolean> {
  return new Promise((resolve) => {
    if (response.destroyed) return resolve(false);
    const gone = () => resolve(false);
    response.once('close', gone);
    response.write(bytes, (error) => {
      response.off('close', gone);
      resolve(error === null || error === undefined);
    });
  });
}
