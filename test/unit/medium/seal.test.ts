import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { writeToMedium } from '../../../src-main/medium/copy.ts';
import { nextGeneration } from '../../../src-main/medium/generations.ts';
import { bindMedium } from '../../../src-main/medium/identity.ts';
import { makeSigningKey } from '../../../src-main/medium/keys.ts';
import { openManifest } from '../../../src-main/medium/manifest-store.ts';
import { scanMedium } from '../../../src-main/medium/scan.ts';
import { sealMedium } from '../../../src-main/medium/seal.ts';
import { verifyMedium } from '../../../src-main/medium/verify.ts';
import { whyWithout } from '../../unless.ts';
import { problemOf, put } from './scratch.ts';
import { filledMedium, large, pathOf, sealedMedium, sealRequest, small } from './sealed-medium.ts';

describe('sealing', () => {
  test('lists every file with its hash, in order, and opens again under the pinned key', async () => {
    const { root, key, sealed } = await sealedMedium(large);
    const opened = await openManifest(root, key.fingerprint);
    expect(opened).toEqual({ manifest: sealed.manifest, fingerprint: key.fingerprint, pinned: true });
    const paths = opened.manifest.files.map(({ path }) => path);
    expect(paths).toEqual([...paths].sort());
    expect(paths).toHaveLength(10);
    expect(paths).toContain('trust/manifest-key.pem');
    const blob = opened.manifest.files.find(({ path }) => path === pathOf(large));
    expect(blob).toMatchObject({ sizeBytes: large.length, sha256: createHash('sha256').update(large).digest('hex') });
    expect(blob?.blocks).toHaveLength(2);
    expect(opened.manifest.files.find(({ path }) => path === 'medium-id')?.blocks).toBeUndefined();
  });

  test('a whole medium has no finding', async () => {
    const { root, sealed } = await sealedMedium();
    const seen: number[] = [];
    const found = await verifyMedium(root, sealed.manifest, { onProgress: ({ doneBytes }) => seen.push(doneBytes) });
    expect(found.findings).toEqual([]);
    expect(found.readBytes).toBe(sealed.manifest.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0));
    expect(seen[0]).toBe(0);
    expect(seen.at(-1)).toBe(found.readBytes);
  });

  test('reading back is given up before its first byte as well', async () => {
    const { root, sealed } = await sealedMedium();
    const signal = AbortSignal.abort();
    const seen: number[] = [];
    const onProgress = ({ doneBytes }: { readonly doneBytes: number }) => seen.push(doneBytes);
    const going = verifyMedium(root, sealed.manifest, { onProgress, signal });
    expect((await problemOf(going)).code).toBe('cancelled');
    expect(seen).toEqual([0]);
    expect((await problemOf(scanMedium(root, signal))).code).toBe('cancelled');
  });

  test('the signature is an ordinary Ed25519 one: openssl verifies it', async ({ skip }) => {
    const { root } = await sealedMedium();
    const signature = await readFile(join(root, 'manifest.json.sig'), 'utf8');
    expect(signature.trim().split('\n')).toHaveLength(1);
    const raw = await put(join(root, '../signature'), Buffer.from(signature, 'base64'));
    try {
      const options = ['-pubin', '-inkey', join(root, 'trust/manifest-key.pem'), '-sigfile', raw];
      const out = execFileSync('openssl', [
        'pkeyutl',
        '-verify',
        ...options,
        '-rawin',
        '-in',
        join(root, 'manifest.json'),
      ]);
      expect(out.toString()).toMatch(/Verified Successfully/);
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT') throw thrown;
      skip(whyWithout('openssl') ?? 'openssl does not start');
    }
  });

  test('our own unfinished files go, strange ones stay unsigned and are told', async () => {
    const root = await filledMedium();
    await put(join(root, 'bcache/x.part'), 'half');
    await put(join(root, 'debian/.fieldkit-0011.tmp'), 'half');
    await put(join(root, 'debian/naïve'), 'x');
    await symlink('/etc/passwd', join(root, 'debian/link'));
    const sealed = await sealMedium(sealRequest(root, makeSigningKey(), 1));
    expect(sealed.unlisted).toEqual(['debian/link', 'debian/naïve']);
    expect(sealed.manifest.files.some(({ path }) => /part|tmp|link/.test(path))).toBe(false);
    expect((await verifyMedium(root, sealed.manifest)).findings.map(({ file }) => file)).toEqual(sealed.unlisted);
  });

  test('with expectations: only those are signed, besides its own key and id', async () => {
    const root = await filledMedium();
    const sealed = await sealMedium({
      ...sealRequest(root, makeSigningKey(), 1),
      expected: [{ path: pathOf(small), sizeBytes: small.length }, { path: 'readme.html' }],
    });
    expect(sealed.manifest.files.map(({ path }) => path)).toEqual([
      pathOf(small),
      'medium-id',
      'readme.html',
      'trust/manifest-key.pem',
    ]);
    expect(sealed.unlisted).toContain('debian/debian-12-amd64/InRelease');
  });

  test.each([
    ['missing', { path: 'bdir/nothing' }, 'medium-file-missing'],
    ['of another size', { path: 'readme.html', sizeBytes: 1 }, 'medium-file-damaged'],
    ['of another hash', { path: 'readme.html', sha256: 'f'.repeat(64) }, 'medium-file-damaged'],
  ])('an expected file that is %s: nothing is signed', async (_name, file, code) => {
    const root = await filledMedium();
    const sealing = sealMedium({ ...sealRequest(root, makeSigningKey(), 1), expected: [file] });
    expect((await problemOf(sealing)).code).toBe(code);
    expect((await problemOf(openManifest(root, null))).code).toBe('medium-unsealed');
  });

  test('a blob that is not what its name says is never signed', async () => {
    const root = await filledMedium();
    await writeFile(join(root, pathOf(small)), Buffer.from(small).fill(0, 100, 101));
    const found = await problemOf(sealMedium(sealRequest(root, makeSigningKey(), 1)));
    expect(found).toMatchObject({ code: 'medium-file-damaged', params: { file: pathOf(small) } });
  });

  test('two names that differ in case alone are not signed together', async () => {
    const root = await filledMedium();
    await put(join(root, 'README.html'), 'x');
    expect((await problemOf(sealMedium(sealRequest(root, makeSigningKey(), 1)))).code).toBe('medium-name-unfit');
    const expected = [{ path: 'readme.html' }];
    const sealed = await sealMedium({ ...sealRequest(root, makeSigningKey(), 1), expected });
    expect(sealed.unlisted).toContain('README.html');
  });

  test('another medium in its place: not one byte is written', async () => {
    const root = await filledMedium();
    const identity = await bindMedium(join(root, '..'));
    await rm(join(root, 'medium-id'));
    await put(join(root, 'medium-id'), 'another');
    const found = await problemOf(sealMedium({ ...sealRequest(root, makeSigningKey(), 1), identity }));
    expect(found.code).toBe('medium-swapped');
    expect((await problemOf(openManifest(root, null))).code).toBe('medium-unsealed');
    await expect(readFile(join(root, 'trust/manifest-key.pem'))).rejects.toThrow('ENOENT');
  });

  test('swapped while it was read back: the manifest is not written', async () => {
    const root = await filledMedium();
    const identity = await bindMedium(join(root, '..'));
    let swapped = false;
    const onProgress = () => {
      if (!swapped) execFileSync('sh', ['-c', 'echo another > "$1"', '-', join(root, 'medium-id')]);
      swapped = true;
    };
    const found = await problemOf(sealMedium({ ...sealRequest(root, makeSigningKey(), 1), identity, onProgress }));
    expect(['medium-swapped', 'medium-file-damaged']).toContain(found.code);
    expect((await problemOf(openManifest(root, null))).code).toBe('medium-unsealed');
  });

  test('stopped: the old seal stands', async () => {
    const { root, key } = await sealedMedium();
    const stop = new AbortController();
    const sealing = sealMedium({ ...sealRequest(root, key, 2), onProgress: () => stop.abort(), signal: stop.signal });
    expect((await problemOf(sealing)).code).toBe('cancelled');
    expect((await openManifest(root, key.fingerprint)).manifest.generation).toBe(1);
  });

  test('generations count up under the same key, and start again under another', async () => {
    const { root, key } = await sealedMedium();
    expect(await nextGeneration(root, key.fingerprint)).toBe(2);
    expect(await nextGeneration(root, makeSigningKey().fingerprint)).toBe(1);
    expect(await nextGeneration(await filledMedium(), key.fingerprint)).toBe(1);
  });

  test('without a pinned fingerprint it opens, and says that nobody compared it', async () => {
    const { root, key } = await sealedMedium();
    expect(await openManifest(root, null)).toMatchObject({ fingerprint: key.fingerprint, pinned: false });
  });
});

describe('the power is cut', () => {
  /** Seals a second generation and dies at the given write: before it, or right after. */
  async function cutAt(write: number, when: 'before' | 'after'): Promise<{ generation: number; writes: number }> {
    const { root, key } = await sealedMedium();
    await put(join(root, 'bdir', 'd'.repeat(32)), 'new');
    let writes = 0;
    const sealing = sealMedium(sealRequest(root, key, 2), async (path, data) => {
      writes += 1;
      if (writes === write && when === 'before') throw new Error('power');
      await writeToMedium(path, data);
      if (writes === write) throw new Error('power');
    });
    await sealing.catch((thrown: Error) => expect(thrown.message).toBe('power'));
    const { manifest } = await openManifest(root, key.fingerprint);
    const damaged = (await verifyMedium(root, manifest)).findings.filter(({ code }) => code !== 'medium-file-unlisted');
    expect(damaged).toEqual([]);
    // And it can be sealed again from there.
    await sealMedium(sealRequest(root, key, manifest.generation + 1));
    expect((await openManifest(root, key.fingerprint)).manifest.generation).toBe(manifest.generation + 1);
    expect((await readFile(join(root, 'manifest.json.sig'), 'utf8')).trim().split('\n')).toHaveLength(1);
    return { generation: manifest.generation, writes };
  }

  test('at any write: what is there is the old seal or the new one, whole', async () => {
    const uncut = await cutAt(99, 'before');
    expect(uncut).toEqual({ generation: 2, writes: 3 });
    const generations: number[] = [];
    for (const when of ['before', 'after'] as const) {
      for (let write = 1; write <= uncut.writes; write += 1) generations.push((await cutAt(write, when)).generation);
    }
    expect(generations).toEqual([1, 1, 2, 1, 2, 2]);
  });
});
