// Builds tar archives for the tests: good ones, and ones no honest tool would write.
import { pack as tarPack } from 'tar-stream';

export interface Item {
  readonly name: string;
  readonly type?: 'file' | 'directory' | 'symlink' | 'link' | 'fifo' | 'character-device' | 'block-device';
  readonly text?: string;
  readonly linkname?: string;
  readonly uname?: string;
  readonly gname?: string;
  readonly pax?: Record<string, string>;
}

/** A tar archive of the items, owned by slapsoft unless they say otherwise. */
export async function tarOf(items: readonly Item[]): Promise<Buffer> {
  const pack = tarPack();
  for (const { text, ...item } of items) {
    pack.entry({ uname: 'slapsoft', gname: 'slapsoft', mode: 0o644, mtime: new Date(0), ...item }, text ?? '');
  }
  pack.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of pack) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** One raw entry: a header with any type byte, and its data. */
export function rawEntry(header: {
  readonly name: string;
  readonly type: string;
  readonly data?: Buffer;
  readonly linkname?: string;
  readonly prefix?: string;
  readonly sizeBytes?: number;
}): Buffer {
  const data = header.data ?? Buffer.alloc(0);
  const block = Buffer.alloc(512);
  block.write(header.name, 0, 100, 'latin1');
  block.write('0000644\0', 100);
  block.write('0000000\0', 108);
  block.write('0000000\0', 116);
  block.write(`${(header.sizeBytes ?? data.length).toString(8).padStart(11, '0')}\0`, 124);
  block.write('00000000000\0', 136);
  block.write(header.type, 156, 1, 'latin1');
  block.write(header.linkname ?? '', 157, 100, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  block.write('slapsoft', 265);
  block.write('slapsoft', 297);
  block.write(header.prefix ?? '', 345, 155, 'latin1');
  return Buffer.concat([withChecksum(block), data, Buffer.alloc((512 - (data.length % 512)) % 512)]);
}

function withChecksum(block: Buffer): Buffer {
  block.fill(0x20, 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

export function paxRecord(key: string, value: string): Buffer {
  const body = ` ${key}=${value}\n`;
  let length = body.length + 1;
  while (`${length}${body}`.length !== length) length = `${length}${body}`.length;
  return Buffer.from(`${length}${body}`, 'latin1');
}

export const endMark = Buffer.alloc(1024);
