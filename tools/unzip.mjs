// @ts-check
/**
 * Reads the files of a zip archive: enough for a program's distribution (stored or deflated entries below 4 GiB, no
 * encryption, no links). Format: PKWARE APPNOTE 4.3. Called by tools/electron.mjs before any package can be relied on.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { inflateRawSync, crc32 as zlibCrc32 } from 'node:zlib';

const endOfDirectory = 0x06054b50;
const directoryEntry = 0x02014b50;

/**
 * @typedef {object} ZipEntry
 * @property {string} name with forward slashes; folders end with one
 * @property {number} mode the Unix permission bits, 0 when the archive has none
 * @property {() => Buffer} read the content; throws when the archive is damaged
 */

/** Opens an archive, hands its entries to `use`, closes it. @param {string} file @param {(entries: ZipEntry[]) => void} use */
export function withZip(file, use) {
  const descriptor = openSync(file, 'r');
  try {
    use(readDirectory(descriptor));
  } finally {
    closeSync(descriptor);
  }
}

/** @param {number} descriptor @param {number} position @param {number} sizeBytes */
function readAt(descriptor, position, sizeBytes) {
  const buffer = Buffer.alloc(sizeBytes);
  let done = 0;
  while (done < sizeBytes) {
    const count = readSync(descriptor, buffer, done, sizeBytes - done, position + done);
    if (count === 0) throw new Error('the archive is cut short');
    done += count;
  }
  return buffer;
}

/** @param {number} descriptor @returns {ZipEntry[]} */
function readDirectory(descriptor) {
  const sizeBytes = fstatSync(descriptor).size;
  const tailSizeBytes = Math.min(sizeBytes, 65_557);
  const tail = readAt(descriptor, sizeBytes - tailSizeBytes, tailSizeBytes);
  let end = tail.length - 22;
  while (end >= 0 && tail.readUInt32LE(end) !== endOfDirectory) end -= 1;
  if (end < 0) throw new Error('not a zip archive, or cut short');
  const directory = readAt(descriptor, tail.readUInt32LE(end + 16), tail.readUInt32LE(end + 12));
  const entries = [];
  let at = 0;
  for (let left = tail.readUInt16LE(end + 10); left > 0; left -= 1) {
    if (directory.readUInt32LE(at) !== directoryEntry) throw new Error('the archive has a damaged directory');
    const nameSize = directory.readUInt16LE(at + 28);
    const method = directory.readUInt16LE(at + 10);
    const crc = directory.readUInt32LE(at + 16);
    const packedSize = directory.readUInt32LE(at + 20);
    const mode = (directory.readUInt32LE(at + 38) >>> 16) & 0o777;
    const offset = directory.readUInt32LE(at + 42);
    const name = directory.toString('utf8', at + 46, at + 46 + nameSize);
    entries.push({ name, mode, read: () => readEntry(descriptor, { name, method, crc, packedSize, offset }) });
    at += 46 + nameSize + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
  }
  return entries;
}

/** @param {number} descriptor @param {{ name: string, method: number, crc: number, packedSize: number, offset: number }} entry */
function readEntry(descriptor, entry) {
  const header = readAt(descriptor, entry.offset, 30);
  const start = entry.offset + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
  const packed = readAt(descriptor, start, entry.packedSize);
  if (entry.method !== 0 && entry.method !== 8)
    throw new Error(`${entry.name}: packed in a way this reader does not know`);
  const content = entry.method === 0 ? packed : inflateRawSync(packed);
  // zlib's crc32 came with Node 20.15.
  if (zlibCrc32(content) !== entry.crc) throw new Error(`${entry.name}: checksum differs`);
  return content;
}
