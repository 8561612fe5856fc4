// One 512-byte tar header and the records of an extended header, read strictly. Pure; called by tar-scan alone.
// Format: POSIX.1-1988 ustar, POSIX.1-2001 pax records. Read as Python's tarfile reads it, since that is what unpacks.

/** Thrown for what is not a tar archive, or one that could be read in two ways. The message is for the evidence. */
export class TarError extends Error {}

export const blockBytes = 512;

export interface TarHeader {
  readonly type: string;
  /** Names are one character a byte (latin-1), so that different bytes stay different. */
  readonly name: string;
  readonly linkName: string;
  readonly userName: string;
  readonly groupName: string;
  readonly sizeBytes: number;
  readonly mode: number;
}

/** The text before the first zero byte. */
export function untilZero(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return Buffer.from(bytes.subarray(0, end < 0 ? bytes.length : end)).toString('latin1');
}

/** Reads a header block. Throws TarError when its checksum, magic or numbers are wrong. */
export function readHeader(block: Uint8Array): TarHeader {
  const text = (from: number, length: number) => untilZero(block.subarray(from, from + length));
  const number = (from: number, length: number, what: string) => readNumber(block.subarray(from, from + length), what);
  if (number(148, 8, 'checksum') !== checksum(block)) throw new TarError('wrong header checksum');
  if (text(257, 5) !== 'ustar') throw new TarError('no ustar header');
  // tarfile stops without a word at a header with a number it cannot read, and unpacks half.
  number(108, 8, 'owner');
  number(116, 8, 'group');
  number(136, 12, 'time');
  number(329, 8, 'device');
  number(337, 8, 'device');
  const prefix = text(345, 155);
  const name = text(0, 100);
  const type = String.fromCharCode(block[156] ?? 0);
  const gnu = type === 'L' || type === 'K';
  return {
    type,
    // tarfile joins the prefix whatever the magic says, so we do.
    name: prefix === '' || gnu ? name : `${prefix}/${name}`,
    linkName: text(157, 100),
    userName: text(265, 32),
    groupName: text(297, 32),
    sizeBytes: number(124, 12, 'size'),
    mode: number(100, 8, 'mode'),
  };
}

/** Sum of the header's bytes with the checksum field taken as spaces. */
function checksum(block: Uint8Array): number {
  let sum = 8 * 0x20;
  for (let index = 0; index < blockBytes; index += 1) {
    if (index < 148 || index >= 156) sum += block[index] ?? 0;
  }
  return sum;
}

/** Octal digits, or GNU's big-endian binary marked by 0x80. */
function readNumber(field: Uint8Array, what: string): number {
  if (field[0] === 0x80) {
    let value = 0;
    for (const byte of field.subarray(1)) value = value * 256 + byte;
    if (!Number.isSafeInteger(value)) throw new TarError(`${what} out of range`);
    return value;
  }
  const digits = /^ *([0-7]*) *$/.exec(untilZero(field))?.[1];
  if (digits === undefined) throw new TarError(`${what} is not octal`);
  return digits === '' ? 0 : Number.parseInt(digits, 8);
}

/** Records `LENGTH KEY=VALUE\n`. Throws TarError on anything else, and on sparse files. */
export function readPax(data: Uint8Array): ReadonlyMap<string, string> {
  const records = new Map<string, string>();
  let at = 0;
  while (at < data.length) {
    const space = data.indexOf(0x20, at);
    const digits = space < 0 ? '' : Buffer.from(data.subarray(at, space)).toString('latin1');
    const length = /^[1-9]\d{0,8}$/.test(digits) ? Number(digits) : 0;
    const end = at + length;
    if (length === 0 || end <= space || end > data.length || data[end - 1] !== 0x0a) throw new TarError('pax record');
    const record = Buffer.from(data.subarray(space + 1, end - 1)).toString('latin1');
    const equals = record.indexOf('=');
    if (equals < 1) throw new TarError('pax record');
    const key = record.slice(0, equals);
    if (key.startsWith('GNU.sparse')) throw new TarError('sparse file');
    if (records.has(key)) throw new TarError(`pax record ${key} twice`);
    records.set(key, record.slice(equals + 1));
    at = end;
  }
  return records;
}
