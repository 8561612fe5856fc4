import { createHash, randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  ensureFolder,
  errnoOf,
  exists,
  freeBytes,
  hashFile,
  readTextOrNull,
  writeAtomic,
} from '../../../src-main/platform/files.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fieldkit-files-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('writeAtomic', () => {
  it('replaces the whole content, sets the mode whatever the umask, and leaves nothing beside it', async () => {
    const place = await mkdtemp(join(folder, 'write-'));
    const path = join(place, 'x');
    const old = process.umask(0o077);
    try {
      await writeAtomic(path, 'first', { mode: 0o644 });
      await writeAtomic(path, 'second, longer', { mode: 0o666 });
      await writeAtomic(path, '3');
    } finally {
      process.umask(old);
    }
    expect(await readFile(path, 'utf8')).toBe('3');
    await writeAtomic(path, new Uint8Array([0, 255]), { mode: 0o600 });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect([...(await readFile(path))]).toEqual([0, 255]);
    expect(await readdir(place)).toEqual(['x']);
  });

  it('keeps the old content when it fails, and says why', async () => {
    const place = await mkdtemp(join(folder, 'fail-'));
    await mkdir(join(place, 'x'));
    const failed = await writeAtomic(join(place, 'x'), 'text').catch((thrown: unknown) => thrown);
    expect(failed).toMatchObject({ code: 'folder-not-writable', data: { params: { path: join(place, 'x') } } });
    expect(errnoOf(failed)).toBe('EISDIR');
    expect(await readdir(place)).toEqual(['x']);
    const missing = await writeAtomic(join(place, 'no', 'y'), 'text').catch((thrown: unknown) => thrown);
    expect(errnoOf(missing)).toBe('ENOENT');
  });

  it('survives many writers of one file: some whole content wins', async () => {
    const path = join(folder, 'race');
    const contents = [...Array(30).keys()].map((n) => String(n).repeat(10_000));
    await Promise.all(contents.map((content) => writeAtomic(path, content)));
    expect(contents).toContain(await readFile(path, 'utf8'));
  });
});

describe('hashFile', () => {
  it.each([0, 1, 1024 * 1024 - 1, 1024 * 1024, 3 * 1024 * 1024 + 7])('is right for %i bytes', async (sizeBytes) => {
    const content = randomBytes(sizeBytes);
    const path = join(folder, `hash-${sizeBytes}`);
    await writeFile(path, content);
    for (const algorithm of ['sha256', 'sha512', 'md5'] as const) {
      const seen: number[] = [];
      const found = await hashFile(path, algorithm, { onProgress: (bytes) => seen.push(bytes) });
      expect(found).toBe(createHash(algorithm).update(content).digest('hex'));
      expect(seen.at(-1) ?? 0).toBe(sizeBytes);
    }
  });

  it('stops on request', async () => {
    const path = join(folder, 'hash-stop');
    await writeFile(path, randomBytes(4 * 1024 * 1024));
    const controller = new AbortController();
    const hashing = hashFile(path, 'sha256', { signal: controller.signal, onProgress: () => controller.abort() });
    await expect(hashing).rejects.toMatchObject({ code: 'cancelled' });
  });
});

describe('the rest', () => {
  it('tells an absent file from an unreadable one', async () => {
    expect(await readTextOrNull(join(folder, 'absent'))).toBeNull();
    expect(await readTextOrNull(join(folder, 'hash-1', 'below a file'))).toBeNull();
    await expect(readTextOrNull(folder)).rejects.toMatchObject({ code: 'EISDIR' });
    expect(await exists(folder)).toBe(true);
    expect(await exists(join(folder, 'absent'))).toBe(false);
  });

  it('makes folders, and refuses where a file is in the way', async () => {
    await ensureFolder(join(folder, 'a/b/c'));
    await ensureFolder(join(folder, 'a/b/c'));
    await writeFile(join(folder, 'file'), '');
    await expect(ensureFolder(join(folder, 'file/x'))).rejects.toMatchObject({ code: 'folder-not-writable' });
    await chmod(join(folder, 'a'), 0o755);
  });

  it('knows the room left', async () => {
    expect(await freeBytes(folder)).toBeGreaterThan(0);
  });
});
