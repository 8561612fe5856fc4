// Files on the laptop and the medium: reading, atomic writing, hashing. Called by every room of the main process.
// It must never leave a half-written file under its final name, and never follow its own guess when a write failed.
import { createHash, randomBytes } from 'node:crypto';
import { access, type FileHandle, mkdir, open, readFile, rename, rm, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { problem } from '../../src-shared/problem.ts';

/** Code of the operating system's error (`ENOENT`, `ENOSPC`…) in a thrown thing or in its causes; empty when there is none. */
export function errnoOf(thrown: unknown): string {
  let seen: unknown = thrown;
  for (let depth = 0; depth < 5 && seen instanceof Error; depth += 1) {
    const code: unknown = (seen as NodeJS.ErrnoException).code;
    if (typeof code === 'string' && /^E[A-Z0-9]+$/.test(code)) return code;
    seen = seen.cause;
  }
  return '';
}

/** Content of a UTF-8 text file, or null when there is no such file. */
export async function readTextOrNull(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT' || errnoOf(thrown) === 'ENOTDIR') return null;
    throw thrown;
  }
}

export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Makes a folder and its parents. Throws `folder-not-writable`. */
export async function ensureFolder(path: string, mode = 0o755): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode });
  } catch (thrown) {
    throw notWritable(path, thrown);
  }
}

/**
 * Makes a folder on the device that is expected there, and on no other: below a drive that has gone, the bare mount point
 * is a folder of the laptop's own disk. Without `device`: anywhere. Throws `medium-absent`, `folder-not-writable`.
 */
export async function ensureFolderOn(device: number | undefined, path: string): Promise<void> {
  if (device !== undefined) {
    let place = path;
    let found = await stat(place).catch(() => null);
    while (found === null && place !== dirname(place)) {
      place = dirname(place);
      found = await stat(place).catch(() => null);
    }
    if (found?.dev !== device) throw problem('medium-absent', { path });
  }
  await ensureFolder(path);
}

/** Flushes a folder's entries, so that a rename survives a power cut. Systems that cannot do it (Windows, some FUSE) are left alone. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => null);
  if (folder === null) return;
  try {
    await folder.sync();
  } catch (thrown) {
    const code = errnoOf(thrown);
    if (code !== 'EINVAL' && code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EISDIR') throw thrown;
  } finally {
    await folder.close();
  }
}

/**
 * Writes a whole file: temporary name in the same folder, fsync, rename, fsync of the folder.
 * The old content stays until the new one is complete. `mode` is octal permission bits (default 0644).
 * With `device`, a file that lands on another one (see `ensureFolderOn`) is removed before a byte is in it.
 * Throws `folder-not-writable` (the system's error is its cause, see `errnoOf`), `medium-absent`.
 */
export async function writeAtomic(
  path: string,
  data: string | Uint8Array,
  options: { mode?: number; device?: number | undefined } = {},
): Promise<void> {
  const folder = dirname(path);
  const temporary = join(folder, `.fieldkit-${randomBytes(6).toString('hex')}.tmp`);
  let handle: FileHandle | null = null;
  try {
    handle = await open(temporary, 'wx', options.mode ?? 0o644);
    const { device } = options;
    if (device !== undefined && (await handle.stat()).dev !== device) {
      throw problem('medium-absent', { path: folder });
    }
    // The mode given to open is cut by the umask; a secret must not be wider and a shared file not narrower than asked.
    if (options.mode !== undefined) await handle.chmod(options.mode).catch(ignoreMissingModes);
    await handle.writeFile(data);
    await handle.sync();
    await handle.close();
    handle = null;
    await rename(temporary, path);
    await syncFolder(folder);
  } catch (thrown) {
    await handle?.close().catch(() => undefined);
    await rm(temporary, { force: true }).catch(() => undefined);
    throw notWritable(path, thrown);
  }
}

/** FAT and exFAT have no modes: a mount may refuse chmod, and that changes nothing. */
function ignoreMissingModes(thrown: unknown): void {
  const code = errnoOf(thrown);
  if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'ENOSYS') throw thrown;
}

const hashBufferBytes = 1024 * 1024;

/** Lower-case hex sha256 of bytes, or of a text as UTF-8. */
export const sha256Of = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex');

export type HashName = 'sha256' | 'sha512' | 'md5';

export interface HashOptions {
  readonly onProgress?: (doneBytes: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * Lower-case hex digest of a file. Reads 1 MiB at a time into two buffers, so that the disk reads one while the other is hashed.
 * Throws `cancelled`, or the system's error.
 */
export async function hashFile(path: string, algorithm: HashName, options: HashOptions = {}): Promise<string> {
  const hash = createHash(algorithm);
  const handle = await open(path, 'r');
  try {
    await readBlocks(handle, options, (block) => hash.update(block));
  } finally {
    await handle.close();
  }
  return hash.digest('hex');
}

/** Feeds a file's blocks in order to `take`, reading one ahead. The block is only valid during the call. Returns the bytes read. */
export async function readBlocks(
  handle: FileHandle,
  options: HashOptions,
  take: (block: Uint8Array) => void,
): Promise<number> {
  const buffers = [Buffer.allocUnsafe(hashBufferBytes), Buffer.allocUnsafe(hashBufferBytes)] as const;
  let doneBytes = 0;
  let turn: 0 | 1 = 0;
  let reading = handle.read(buffers[turn], 0, hashBufferBytes, 0);
  for (;;) {
    const { bytesRead } = await reading;
    if (options.signal?.aborted) throw problem('cancelled', { what: 'read' });
    if (bytesRead === 0) return doneBytes;
    const full = buffers[turn].subarray(0, bytesRead);
    doneBytes += bytesRead;
    turn = turn === 0 ? 1 : 0;
    reading = handle.read(buffers[turn], 0, hashBufferBytes, doneBytes);
    // If `take` throws, the read ahead must not become an unhandled rejection.
    reading.catch(() => undefined);
    take(full);
    options.onProgress?.(doneBytes);
  }
}

/** Size of a file in bytes; null when there is none that can be seen. */
export const fileSize = (path: string): Promise<number | null> =>
  stat(path).then(
    (found) => (found.isFile() ? found.size : null),
    () => null,
  );

/** Bytes an ordinary user may still write on the file system that holds `path`. */
export async function freeBytes(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(path);
  return bavail * bsize;
}

const unwritable = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'EDQUOT', 'ENOTDIR', 'EEXIST', 'EISDIR', 'ENOENT']);

function notWritable(path: string, thrown: unknown): unknown {
  const code = errnoOf(thrown);
  return unwritable.has(code) ? problem('folder-not-writable', { path, detail: code }, { cause: thrown }) : thrown;
}
