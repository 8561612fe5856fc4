// Debian binary packages: reading what one says of itself, and writing small ones. Called by the repository writer, by the
// import of packages, and by the practice site, which makes its packages here.
// Format: deb(5) (an `ar` archive of debian-binary, control.tar.*, data.tar.*), ar members with 60-byte headers.
// It must never unpack a package's files: only its control part is read.
import { type FileHandle, open } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { extract, pack } from 'tar-stream';
import { Problem, problem } from '../../src-shared/problem.ts';
import { packingOf, unpack } from './compression.ts';
import { fieldOf, formatStanza, parseStanza, type Stanza } from './control.ts';

/** Control parts are some kilobytes; the largest of the archive (a kernel's) stay below this. */
const controlLimitBytes = 64 * 1024 * 1024;

const magic = '!<arch>\n';
const headerBytes = 60;

/**
 * The fields of a package's control file. Throws `deb-malformed`, or the system's error when the file cannot be opened.
 * A zst control part (Ubuntu's) needs Node.js 22.15 or the program zstd, else `program-missing`.
 */
export async function readControl(path: string): Promise<Stanza> {
  const handle = await open(path, 'r');
  try {
    const member = await findControl(handle, path);
    const packed = await readExactly(handle, path, member.at, member.sizeBytes);
    const tar = await unpack(packed, packingOf(member.name), path, controlLimitBytes);
    const text = await controlFile(tar, path);
    const stanza = parseStanza(text, path);
    for (const name of ['Package', 'Version', 'Architecture']) {
      if (!fieldOf(stanza, name)) throw malformed(path, `control: ${name}`);
    }
    return stanza;
  } catch (thrown) {
    // The readers below speak of an index; here it is the package that is wrong.
    if (thrown instanceof Problem && thrown.code === 'index-malformed') {
      throw problem('deb-malformed', { file: path, detail: thrown.message }, { cause: thrown });
    }
    throw thrown;
  } finally {
    await handle.close();
  }
}

interface Member {
  readonly name: string;
  readonly at: number;
  readonly sizeBytes: number;
}

async function findControl(handle: FileHandle, path: string): Promise<Member> {
  const start = await readExactly(handle, path, 0, magic.length);
  if (start.toString('latin1') !== magic) throw malformed(path, 'not an ar archive');
  let at = magic.length;
  for (let place = 0; place < 8; place += 1) {
    const header = (await readExactly(handle, path, at, headerBytes)).toString('latin1');
    const name = header.slice(0, 16).trimEnd().replace(/\/$/, '');
    const size = header.slice(48, 58).trimEnd();
    if (header.slice(58) !== '`\n' || !/^\d+$/.test(size)) throw malformed(path, `ar header at byte ${at}`);
    const member = { name, at: at + headerBytes, sizeBytes: Number(size) };
    if (place === 0) await checkFormat(handle, path, member);
    else if (/^control\.tar(\.(gz|xz|zst))?$/.test(name)) return member;
    else if (!name.startsWith('_')) throw malformed(path, `${name} instead of control.tar`);
    at = member.at + member.sizeBytes + (member.sizeBytes % 2);
  }
  throw malformed(path, 'no control.tar');
}

async function checkFormat(handle: FileHandle, path: string, member: Member): Promise<void> {
  if (member.name !== 'debian-binary' || member.sizeBytes > 64) throw malformed(path, 'no debian-binary');
  const format = (await readExactly(handle, path, member.at, member.sizeBytes)).toString('latin1');
  if (!/^2\.\d+\n/.test(format)) throw malformed(path, `format ${format.trim()}`);
}

async function readExactly(handle: FileHandle, path: string, at: number, sizeBytes: number): Promise<Buffer> {
  if (sizeBytes > controlLimitBytes) throw malformed(path, `member of ${sizeBytes} bytes`);
  const buffer = Buffer.alloc(sizeBytes);
  const { bytesRead } = await handle.read(buffer, 0, sizeBytes, at);
  if (bytesRead !== sizeBytes) throw malformed(path, `ends at byte ${at + bytesRead}`);
  return buffer;
}

async function controlFile(tar: Uint8Array, path: string): Promise<string> {
  const reader = extract();
  const found = new Promise<string | null>((resolve, reject) => {
    let text: string | null = null;
    reader.on('entry', (header, stream, next) => {
      const parts: Buffer[] = [];
      stream.on('data', (part) => parts.push(part as Buffer));
      stream.on('error', reject);
      stream.on('end', () => {
        if (header.name.replace(/^\.\//, '') === 'control') text = Buffer.concat(parts).toString('utf8');
        next();
      });
    });
    reader.on('error', reject);
    reader.on('finish', () => resolve(text));
  });
  reader.end(Buffer.from(tar));
  const text = await found.catch((cause: unknown) => {
    throw malformed(path, `control.tar: ${cause instanceof Error ? cause.message : String(cause)}`);
  });
  if (text === null) throw malformed(path, 'no control file');
  return text;
}

/** One file inside a package that is written. */
interface DebFile {
  /** Absolute path on the target, e.g. `/usr/bin/hello`. */
  readonly path: string;
  readonly data: string | Uint8Array;
  /** Permission bits; 0644 when left out. */
  readonly mode?: number;
}

export interface DebContent {
  /** Field order is kept; `Package`, `Version`, `Architecture`, `Maintainer` and `Description` are needed. */
  readonly control: Stanza;
  readonly files: readonly DebFile[];
  /** Maintainer scripts by name: `preinst`, `postinst`, `prerm`, `postrm`. */
  readonly scripts?: Readonly<Record<string, string>>;
}

/** A whole .deb as bytes. Equal content gives equal bytes: times are zero, owners are root, names are sorted. */
export async function writeDeb({ control, files, scripts = {} }: DebContent): Promise<Uint8Array> {
  const names = Object.entries(scripts).map(([name, data]) => ({ path: `/${name}`, data, mode: 0o755 }));
  const controlTar = await tarOf([{ path: '/control', data: formatStanza(control) }, ...names]);
  const dataTar = await tarOf(files);
  return Buffer.concat([
    Buffer.from(magic),
    arMember('debian-binary', Buffer.from('2.0\n')),
    arMember('control.tar.gz', gzipSync(controlTar, { level: 9 })),
    arMember('data.tar.gz', gzipSync(dataTar, { level: 9 })),
  ]);
}

/** A tar of regular files with every folder above them listed first, as dpkg expects. */
async function tarOf(files: readonly DebFile[]): Promise<Buffer> {
  const writer = pack();
  const parts: Buffer[] = [];
  writer.on('data', (part) => parts.push(part as Buffer));
  const ended = new Promise<void>((resolve, reject) => {
    writer.on('end', resolve);
    writer.on('error', reject);
  });
  const common = { mtime: new Date(0), uid: 0, gid: 0, uname: 'root', gname: 'root' };
  const folders = new Set<string>(['./']);
  for (const { path } of files) {
    const steps = path.split('/').slice(1, -1);
    for (let depth = 1; depth <= steps.length; depth += 1) folders.add(`./${steps.slice(0, depth).join('/')}/`);
  }
  for (const name of [...folders].sort()) writer.entry({ ...common, name, type: 'directory', mode: 0o755 });
  for (const file of [...files].sort((a, b) => (a.path < b.path ? -1 : 1))) {
    const data = typeof file.data === 'string' ? Buffer.from(file.data) : Buffer.from(file.data);
    writer.entry({ ...common, name: `.${file.path}`, mode: file.mode ?? 0o644 }, data);
  }
  writer.finalize();
  await ended;
  return Buffer.concat(parts);
}

function arMember(name: string, data: Uint8Array): Buffer {
  const header = `${name.padEnd(16)}${'0'.padEnd(12)}${'0'.padEnd(6)}${'0'.padEnd(6)}${'100644'.padEnd(8)}${String(data.length).padEnd(10)}\`\n`;
  return Buffer.concat([Buffer.from(header, 'latin1'), data, Buffer.from(data.length % 2 === 0 ? '' : '\n')]);
}

const malformed = (file: string, detail: string) => problem('deb-malformed', { file, detail });
