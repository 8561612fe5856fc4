// Unpacking of what archives and .debs are packed with. Called by the archive reader and the .deb reader.
// Everything runs in this process, but for zst on an older Node.js. It must never unpack without a limit.

import { Readable, type Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import { createGunzip } from 'node:zlib';
import xzDecompress from 'xz-decompress';
import { Problem, problem } from '../../src-shared/problem.ts';
import { spawnLocal } from '../platform/shell.ts';

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
 * `program-missing` for zst where neither Node.js (before 22.15) nor the laptop can read it.
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
  if (packing === 'zst') return zstParts(bytes, whole());
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

/** Zstandard came to Node.js with 22.15, and the types of older releases do not know it; before, the program zstd is asked. */
async function* zstParts(bytes: Uint8Array, whole: Readable): AsyncIterable<Uint8Array> {
  const make: unknown = Reflect.get(zlib, 'createZstdDecompress');
  if (typeof make === 'function') {
    yield* whole.pipe(make() as Transform);
    return;
  }
  const program = spawnLocal(['zstd', '-dc'], { stdin: bytes, remedy: 'apt-get install zstd' });
  yield* program.stdout as AsyncIterable<Uint8Array>;
  const { exit, stderr } = await program.ended;
  if (exit !== 0) throw new Error(stderr.trim());
}
