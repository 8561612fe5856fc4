// Walks the headers of a tar stream without unpacking it. Called by the release archive check alone.
// Targets unpack these archives with Python's tarfile, as root: whatever tarfile might read in another way than we do
// (global or double headers, sparse files, data after a link, things behind the end mark) is refused here, never guessed.
import { blockBytes, readHeader, readPax, TarError, type TarHeader, untilZero } from './tar-header.ts';

type TarKind = 'file' | 'hard-link' | 'symbolic-link' | 'folder' | 'character-device' | 'block-device' | 'pipe';

export interface TarEntry {
  /** One character a byte (latin-1); `readableName` shows it. */
  readonly name: string;
  readonly linkName: string;
  readonly kind: TarKind;
  readonly sizeBytes: number;
  readonly userName: string;
  readonly groupName: string;
  readonly mode: number;
}

export interface TarScan {
  /** Feeds the next bytes; the chunk is not kept. Throws TarError, and whatever `onEntry` throws. */
  push(chunk: Uint8Array): void;
  /** Says that the stream ended. Throws TarError when it was cut. */
  end(): void;
}

const extendedLimitBytes = 1024 * 1024;

const kinds: Readonly<Record<string, TarKind>> = {
  '\0': 'file',
  '0': 'file',
  '7': 'file',
  '1': 'hard-link',
  '2': 'symbolic-link',
  '3': 'character-device',
  '4': 'block-device',
  '5': 'folder',
  '6': 'pipe',
};

const extendedTypes = new Set(['L', 'K', 'x', 'g']);

/** What extended headers said about the entry that follows them. */
interface Pending {
  readonly name?: string;
  readonly linkName?: string;
  readonly pax?: ReadonlyMap<string, string>;
}

/** A name as people read it. */
export const readableName = (name: string): string => Buffer.from(name, 'latin1').toString('utf8');

const padded = (sizeBytes: number): number => Math.ceil(sizeBytes / blockBytes) * blockBytes;

export function scanTar(onEntry: (entry: TarEntry) => void): TarScan {
  const block = Buffer.alloc(blockBytes);
  /** What is being gathered: a header block, or the data of an extended header. */
  let gathering = block;
  let filled = 0;
  let extended: TarHeader | null = null;
  let pending: Pending = {};
  let skipBytes = 0;
  let ended = false;

  const gathered = () => {
    const data = gathering;
    gathering = block;
    filled = 0;
    if (extended !== null) {
      pending = withExtended(pending, extended.type, data.subarray(0, extended.sizeBytes));
      extended = null;
    } else if (block.every((byte) => byte === 0)) {
      if (Object.keys(pending).length > 0) throw new TarError('extended header without an entry');
      ended = true;
    } else {
      const header = readHeader(block);
      if (extendedTypes.has(header.type)) {
        if (header.sizeBytes === 0 || header.sizeBytes > extendedLimitBytes) throw new TarError('extended header size');
        extended = header;
        gathering = Buffer.alloc(padded(header.sizeBytes));
      } else {
        const entry = entryOf(header, pending);
        pending = {};
        skipBytes = padded(entry.sizeBytes);
        onEntry(entry);
      }
    }
  };

  return {
    push(chunk) {
      let at = 0;
      while (at < chunk.length) {
        if (ended) {
          if (chunk.subarray(at).some((byte) => byte !== 0)) throw new TarError('data behind the end mark');
          return;
        }
        const wanted = skipBytes > 0 ? skipBytes : gathering.length - filled;
        const step = Math.min(wanted, chunk.length - at);
        if (skipBytes > 0) {
          skipBytes -= step;
        } else {
          gathering.set(chunk.subarray(at, at + step), filled);
          filled += step;
          if (filled === gathering.length) gathered();
        }
        at += step;
      }
    },
    end() {
      if (!ended) throw new TarError('no end mark: the archive is cut');
    },
  };
}

function entryOf(header: TarHeader, { name, linkName, pax }: Pending): TarEntry {
  const kind = header.type === '\0' && header.name.endsWith('/') ? 'folder' : kinds[header.type];
  if (kind === undefined) throw new TarError(`entry of type ${JSON.stringify(header.type)}`);
  const size = pax?.get('size');
  if (size !== undefined && !/^\d{1,15}$/.test(size)) throw new TarError('size in extended header');
  const sizeBytes = size === undefined ? header.sizeBytes : Number(size);
  // tarfile does not skip such data and would read it as further headers.
  if (kind !== 'file' && sizeBytes !== 0) throw new TarError(`${kind} with data`);
  const fullName = pax?.get('path') ?? name ?? header.name;
  if (kind !== 'folder' && fullName.endsWith('/')) throw new TarError(`${kind} named as a folder`);
  return {
    name: fullName,
    linkName: pax?.get('linkpath') ?? linkName ?? header.linkName,
    kind,
    sizeBytes,
    userName: pax?.get('uname') ?? header.userName,
    groupName: pax?.get('gname') ?? header.groupName,
    mode: header.mode,
  };
}

function withExtended(pending: Pending, type: string, data: Uint8Array): Pending {
  if (type === 'g') {
    // tarfile lets a global header change every later entry; git's plain comment is the only one that changes nothing.
    for (const key of readPax(data).keys()) if (key !== 'comment') throw new TarError(`global header ${key}`);
    return pending;
  }
  const free = type === 'x' ? Object.keys(pending).length === 0 : pending.pax === undefined;
  const key = type === 'L' ? 'name' : 'linkName';
  if (!free || (type !== 'x' && pending[key] !== undefined)) throw new TarError('two extended headers for one entry');
  return type === 'x' ? { pax: readPax(data) } : { ...pending, [key]: untilZero(data) };
}
