import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { userPaths } from '../../../src-main/platform/paths.ts';
import { openVault } from '../../../src-main/platform/vault.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fieldkit-vault-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('the vault', () => {
  it('keeps keys over a restart, for who has the passphrase', async () => {
    const path = join(folder, 'deep', 'vault.json');
    const vault = await openVault(path, 'Schlüssel bund');
    await Promise.all([vault.put('a', Buffer.from('first secret')), vault.put('b', new Uint8Array([0, 255, 10]))]);
    await vault.put('constructor', Buffer.from('odd name'));
    expect(() => vault.put('__proto__', Buffer.from('lost'))).toThrow(/not a name/);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const text = await readFile(path, 'utf8');
    expect(text).not.toContain('first secret');
    expect(text).not.toContain(Buffer.from('first secret').toString('base64'));
    // The same passphrase in its other Unicode form.
    const again = await openVault(path, 'Schlu\u0308ssel bund');
    expect(Buffer.from((await again.get('a')) ?? []).toString()).toBe('first secret');
    expect([...((await again.get('b')) ?? [])]).toEqual([0, 255, 10]);
    expect(Buffer.from((await again.get('constructor')) ?? []).toString()).toBe('odd name');
    expect(await again.get('toString')).toBeNull();
    await again.remove('a');
    expect(await vault.names()).toEqual(['b', 'constructor']);
    await expect(openVault(path, 'another')).rejects.toMatchObject({ code: 'passphrase-wrong' });
  }, 60_000);

  it('loses nothing when two who opened it put something at one moment', async () => {
    const path = join(folder, 'shared.json');
    await (await openVault(path, 'x')).put('first', Buffer.from('0'));
    const both = await Promise.all([openVault(path, 'x'), openVault(path, 'x')]);
    const names = Array.from({ length: 8 }, (_, index) => `key-${index}`);
    await Promise.all(names.map((name, index) => both[index % 2]?.put(name, Buffer.from(name))));
    expect(await both[0]?.names()).toEqual(['first', ...names]);
  }, 60_000);

  it('loses nothing when several programs put something at one moment', async () => {
    const path = join(folder, 'programs.json');
    await (await openVault(path, 'x')).put('first', Buffer.from('0'));
    const script = `
      import { openVault } from ${JSON.stringify(new URL('../../../src-main/platform/vault.ts', import.meta.url).href)};
      const [path, mine] = process.argv.slice(1);
      const vault = await openVault(path, 'x');
      for (let index = 0; index < 10; index += 1) await vault.put(mine + index, Buffer.from(mine));`;
    const mine = ['a', 'b', 'c'];
    await Promise.all(
      mine.map((name) => promisify(execFile)(process.execPath, ['--input-type=module', '-e', script, path, name])),
    );
    const expected = mine.flatMap((name) => Array.from({ length: 10 }, (_, index) => `${name}${index}`));
    expect(await (await openVault(path, 'x')).names()).toEqual([...expected, 'first']);
    expect(await readdir(folder)).not.toContain('programs.json.lock');
  }, 60_000);

  it('tells damage from a wrong passphrase', async () => {
    const path = join(folder, 'damaged.json');
    const vault = await openVault(path, 'x');
    await vault.put('a', Buffer.from('secret'));
    const file = JSON.parse(await readFile(path, 'utf8')) as Record<string, string>;
    for (const change of [
      { data: Buffer.from('garbage').toString('base64') },
      { tag: Buffer.alloc(16).toString('base64') },
      { tag: '' },
      { kdf: { cost: 1 << 30, blockSize: 8, parallel: 1 } },
      { extra: 1 },
    ]) {
      await writeFile(path, JSON.stringify({ ...file, ...change }));
      await expect(openVault(path, 'x')).rejects.toMatchObject({ code: 'vault-damaged' });
    }
    await writeFile(path, 'not json');
    await expect(openVault(path, 'x')).rejects.toMatchObject({ code: 'vault-damaged' });
  }, 60_000);
});

describe('userPaths', () => {
  it('follows FIELDKIT_HOME, then XDG, then the system', () => {
    expect(userPaths({ FIELDKIT_HOME: '/k' }, 'linux', '/home/u').data).toBe('/k/data');
    expect(userPaths({}, 'linux', '/home/u')).toEqual({
      data: '/home/u/.local/share/slapos-field-kit',
      cache: '/home/u/.cache/slapos-field-kit',
      config: '/home/u/.config/slapos-field-kit',
    });
    expect(userPaths({ XDG_DATA_HOME: '/d', XDG_CACHE_HOME: 'relative' }, 'linux', '/home/u')).toMatchObject({
      data: '/d/slapos-field-kit',
      cache: '/home/u/.cache/slapos-field-kit',
    });
    expect(userPaths({}, 'darwin', '/Users/u').data).toContain('Library');
  });
});
