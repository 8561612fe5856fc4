// Unpacking of what archives and .debs are packed with. Called by the archive reader and the .deb reader.
// Everything runs in this process: no program of the laptop is needed. It must never unpack without a limit.

import { Readable } from 'node:stream';
import * as zlib from 'node:zlib';
import { createGunzip } from 'node:zlib';
import xzDecompress from 'xz-decompress';
import { Problem, problem } from '../../src-shared/problem.ts';

export type Packing = 'none' | 'gz' | 'xz' | 'zst';

/** The packing that a file name's end says. */
export function packingOf(name: string): Packing {
  if (name.endsWith('.xz')) return 'xz';
  if (name.endsWith('.gz')) return 'gz';
  return name.endsWith('.zst') ? 'zst' : 'none';
}

/**
 * Unpacks bytes. `file` names the thing for the error.
 * Throws `index-malformed` when the packing is damaged or holds more than `limitBytes`,
 * `program-missing` for zst where this Node.js cannot read it (before 22.15).
 */
export async function unpack(
  bytes: Uint8Array,
  packing: Packing,
  file: string,
  limitBytes: number,
): Promise<Uint8Array> {
  if (packing === 'none') return bytes;
  const parts: Uint8Array[] = [];
  let doneBytes = 0;
  try {
    for await (const part of unpackedParts(bytes, packing)) {
      doneBytes += part.length;
      if (doneBytes > limitBytes) break;
      parts.push(part);
    }
  } catch (cause) {
    if (cause instanceof Problem) throw cause;
    throw problem('index-malformed', { file, detail: `${packing}: ${cause instanceof Error ? cause.message : cause}` });
  }
  if (doneBytes > limitBytes) throw problem('index-malformed', { file, detail: `more than ${limitBytes} bytes` });
  return Buffer.concat(parts);
}

function unpackedParts(bytes: Uint8Array, packing: Exclude<Packing, 'none'>): AsyncIterable<Uint8Array> {
  const whole = () => Readable.from([Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)]);
  if (packing === 'gz') return whole().pipe(createGunzip());
  if (packing === 'zst') return whole().pipe(zstdReader());
  // The WebAssembly reader copies what it is given: small blocks keep its memory small.
  const source = new ReadableStream<Uint8Array>({
    start(controller) {
      for (let at = 0; at < bytes.length; at += xzBlockBytes) controller.enqueue(bytes.subarray(at, at + xzBlockBytes));
      controller.close();
    },
  });
  return new xzDecompress.XzReadableStream(source) as AsyncIterable<Uint8Array> & ReadableStream<Uint8Array>;
}

const xzBlockBytes = 64 * 1024;

/** Zstandard came to Node.js with 22.15; the types of older releases do not know it. */
function zstdReader(): NodeJS.ReadWriteStream & AsyncIterable<Uint8Array> {
  const make: unknown = Reflect.get(zlib, 'createZstdDecompress');
  if (typeof make !== 'function') throw problem('program-missing', { program: 'zstd', remedy: 'Node.js 22.15' });
  return make();
}
