import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkReleaseArchive } from '../../../src-main/software/release-archive.ts';
import type { Problem } from '../../../src-shared/problem.ts';
import { whyWithout } from '../../unless.ts';
import { endMark, type Item, paxRecord, rawEntry, tarOf } from './tar-archives.ts';

const md5 = '16d47c5ab38233146f11c11abdd14575';
const top: Item = { name: `${md5}/`, type: 'directory' };
const file = (name: string, more: Partial<Item> = {}): Item => ({ name: `${md5}/${name}`, text: 'content\n', ...more });
const good: readonly Item[] = [
  top,
  { name: `${md5}/bin/`, type: 'directory' },
  file('bin/buildout', { text: '#!/usr/bin/python3\n' }),
  file('bin/python', { type: 'symlink', linkname: '/opt/slapgrid/parts/python/bin/python3', text: '' }),
  file('bin/again', { type: 'link', linkname: `${md5}/bin/buildout`, text: '' }),
  file('instance.cfg'),
  file(`parts/${'long-folder-name/'.repeat(12)}file`),
];

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fieldkit-archive-'));
});
afterAll(() => rm(folder, { recursive: true }));

let count = 0;
async function saved(bytes: Buffer): Promise<string> {
  count += 1;
  const path = join(folder, `${count}.tar`);
  await writeFile(path, bytes);
  return path;
}
async function problemOf(bytes: Buffer): Promise<Problem> {
  const path = await saved(bytes);
  try {
    await checkReleaseArchive({ path, md5 });
  } catch (thrown) {
    return thrown as Problem;
  }
  throw new Error('the archive was accepted');
}

/** Zeroes the CRC that ends a gzip stream, four bytes before the length. */
const wrongSum = (bytes: Buffer): Buffer => Buffer.from(bytes).fill(0, bytes.length - 8, bytes.length - 4);

describe('a good archive', () => {
  test('is measured and hashed in one reading', async () => {
    const bytes = await tarOf(good);
    const path = await saved(bytes);
    const seen: number[] = [];
    const found = await checkReleaseArchive({ path, md5, onProgress: ({ doneBytes }) => seen.push(doneBytes) });
    expect(found).toEqual({
      sha512: createHash('sha512').update(bytes).digest('hex'),
      sizeBytes: bytes.length,
      compression: 'none',
      entries: 7,
      files: 3,
      unpackedBytes: 19 + 8 + 8,
      owners: ['slapsoft:slapsoft'],
      completed: false,
    });
    expect(seen.at(-1)).toBe(bytes.length);
  });

  test('gzip: the hash is of the file as it is; the builder mark is noted', async () => {
    const bytes = gzipSync(await tarOf([...good, file('.completed')]));
    const found = await checkReleaseArchive({ path: await saved(bytes), md5 });
    expect(found.compression).toBe('gzip');
    expect(found.completed).toBe(true);
    expect(found.sha512).toBe(createHash('sha512').update(bytes).digest('hex'));
  });

  test.for(['xz', 'bzip2'])('%s', async (program, { skip }) => {
    const why = whyWithout(program);
    if (why !== null) return skip(why);
    const path = await saved(execFileSync(program, ['-c'], { input: await tarOf(good) }));
    expect(await checkReleaseArchive({ path, md5 })).toMatchObject({ compression: program, entries: 7 });
  });

  test('xz without the xz program', async ({ skip }) => {
    const why = whyWithout('xz');
    if (why !== null) return skip(why);
    const path = await saved(execFileSync('xz', ['-c'], { input: await tarOf(good) }));
    const before = process.env.PATH;
    process.env.PATH = folder;
    try {
      expect(await checkReleaseArchive({ path, md5 })).toMatchObject({ compression: 'xz', entries: 7 });
    } finally {
      process.env.PATH = before;
    }
  });

  test.each(['gnu', 'pax', 'ustar'])('as GNU tar writes it, format %s', async (format) => {
    const tree = join(folder, `tree-${format}`);
    const deep = join(tree, md5, 'd'.repeat(90), 'e'.repeat(format === 'ustar' ? 60 : 120));
    execFileSync('mkdir', ['-p', deep]);
    await writeFile(join(deep, 'café'), 'x'.repeat(700));
    execFileSync('ln', ['-s', '/usr/bin/env', join(deep, 'link')]);
    const owned = ['--owner=slapsoft', '--group=slapsoft', `--format=${format}`];
    const bytes = execFileSync('tar', [...owned, '-C', tree, '-cf', '-', md5]);
    const found = await checkReleaseArchive({ path: await saved(bytes), md5 });
    expect(found).toMatchObject({ entries: 5, files: 1, unpackedBytes: 700, owners: ['slapsoft:slapsoft'] });
  });

  test('reading it can be stopped', async () => {
    const path = await saved(await tarOf([...good, file('big', { text: 'x'.repeat(4 * 1024 * 1024) })]));
    const stop = new AbortController();
    const onProgress = () => stop.abort();
    await expect(checkReleaseArchive({ path, md5, onProgress, signal: stop.signal })).rejects.toMatchObject({
      data: { code: 'cancelled' },
    });
  });
});

describe('what it may not hold', () => {
  const link = (name: string, linkname: string) => file(name, { type: 'symlink', linkname, text: '' });
  const cases: readonly (readonly [string, readonly Item[], string])[] = [
    ['another top folder', [{ name: 'other/', type: 'directory' }], 'release-archive-wrong-folder'],
    ['two top folders', [...good, { name: 'other/x', text: 'x' }], 'release-archive-wrong-folder'],
    ['a file beside the folder', [...good, { name: 'x', text: 'x' }], 'release-archive-wrong-folder'],
    ['the root itself', [{ name: './', type: 'directory' }, ...good], 'release-archive-wrong-folder'],
    ['an upper-case name of it', [{ name: `${md5.toUpperCase()}/x`, text: 'x' }], 'release-archive-wrong-folder'],
    ['an absolute name', [top, { name: `/opt/slapgrid/${md5}/x`, text: 'x' }], 'release-archive-unsafe-name'],
    ['a way out', [top, file('../../../etc/cron.d/x')], 'release-archive-unsafe-name'],
    ['a way out at the end', [top, { name: `${md5}/..`, type: 'directory' }], 'release-archive-unsafe-name'],
    ['the folder as a link', [{ name: md5, type: 'symlink', linkname: '/etc' }], 'release-archive-unsafe-name'],
    ['a file through a link', [top, link('a', '/etc'), file('a/passwd')], 'release-archive-unsafe-name'],
    ['a file over a link', [top, link('a', '/etc/passwd'), file('a')], 'release-archive-unsafe-name'],
    ['a name that hides it', [top, link('a', '/etc'), file('./b/.././a')], 'release-archive-unsafe-name'],
    ['a dotted way through a link', [top, link('a', '/etc'), file('.//a/./x')], 'release-archive-unsafe-name'],
    [
      'a hard link out',
      [top, file('x', { type: 'link', linkname: '/etc/shadow', text: '' })],
      'release-archive-unsafe-name',
    ],
    [
      'a hard link up',
      [top, file('x', { type: 'link', linkname: `${md5}/../../etc/shadow`, text: '' })],
      'release-archive-unsafe-name',
    ],
    [
      'a hard link to a sister',
      [top, file('x', { type: 'link', linkname: 'other/file', text: '' })],
      'release-archive-unsafe-name',
    ],
    [
      'a hard link through a link',
      [top, link('a', '/etc'), file('x', { type: 'link', linkname: `${md5}/a/shadow`, text: '' })],
      'release-archive-unsafe-name',
    ],
    [
      'a file over a hard link to a link',
      [top, link('a', '/etc/passwd'), file('b', { type: 'link', linkname: `${md5}/a`, text: '' }), file('b')],
      'release-archive-unsafe-name',
    ],
    ['a device', [top, file('null', { type: 'character-device', text: '' })], 'release-archive-special-file'],
    ['a disk', [top, file('sda', { type: 'block-device', text: '' })], 'release-archive-special-file'],
    ['a pipe', [top, file('pipe', { type: 'fifo', text: '' })], 'release-archive-special-file'],
    ['shared parts', [...good, file('.shared')], 'release-archive-shared-parts'],
    ['a folder of shared parts', [...good, file('.shared/x')], 'release-archive-shared-parts'],
    ['an owner by number', [top, file('x', { uname: '1001' })], 'release-archive-owner-not-name'],
    ['an owner without a name', [top, file('x', { uname: '' })], 'release-archive-owner-not-name'],
    ['a group without a name', [top, file('x', { gname: '' })], 'release-archive-owner-not-name'],
    ['nothing but the folder', [top], 'release-archive-incomplete'],
  ];

  test.each(cases)('%s', async (_name, items, code) => {
    expect((await problemOf(await tarOf(items))).code).toBe(code);
    expect((await problemOf(gzipSync(await tarOf(items)))).code).toBe(code);
  });

  test('the problem names the entry and what was found', async () => {
    const owner = await problemOf(await tarOf([top, file('x', { uname: '1001' })]));
    expect(owner.data.params).toMatchObject({ name: `${md5}/x`, owner: '1001' });
    const other = await problemOf(await tarOf([{ name: 'elsewhere/x', text: 'x' }]));
    expect(other.data.params).toMatchObject({ expected: md5, found: 'elsewhere' });
  });
});

describe('what could be read in two ways, or is broken', () => {
  const start = async () => (await tarOf(good)).subarray(0, -1024);
  const inside = (name: string) => `${md5}/${name}`;
  const cases: readonly (readonly [string, () => Promise<Buffer>])[] = [
    ['cut in an entry', async () => (await tarOf(good)).subarray(0, 1100)],
    ['cut between entries', async () => start()],
    ['one changed byte in a header', async () => Buffer.from(await tarOf(good)).fill(0x41, 520, 521)],
    ['text', async () => Buffer.from('not an archive at all\n')],
    ['an empty file', async () => Buffer.alloc(0)],
    ['zeros', async () => Buffer.alloc(10_240)],
    ['zstd', async () => Buffer.from('28b52ffd0458', 'hex')],
    ['gzip that is cut', async () => gzipSync(await tarOf(good)).subarray(0, -12)],
    ['gzip with a wrong sum', async () => wrongSum(gzipSync(await tarOf(good)))],
    ['something behind the gzip stream', async () => Buffer.concat([gzipSync(await tarOf(good)), Buffer.from('more')])],
    ['entries behind the end mark', async () => Buffer.concat([await tarOf(good), await tarOf(good)])],
    [
      'a global header that renames',
      async () =>
        Buffer.concat([rawEntry({ name: 'g', type: 'g', data: paxRecord('path', '/etc/passwd') }), await tarOf(good)]),
    ],
    [
      'data after a link, holding a header',
      async () => {
        const hidden = rawEntry({ name: '/etc/cron.d/x', type: '0', data: Buffer.from('x') });
        const shown = rawEntry({ name: inside('a'), type: '2', linkname: 'b', data: hidden });
        return Buffer.concat([await start(), shown, endMark]);
      },
    ],
    [
      'two long names',
      async () =>
        Buffer.concat([
          await start(),
          rawEntry({ name: 'l', type: 'L', data: Buffer.from(`${inside('a')}\0`) }),
          rawEntry({ name: 'x', type: 'x', data: paxRecord('path', '/etc/passwd') }),
          rawEntry({ name: inside('b'), type: '0' }),
          endMark,
        ]),
    ],
    [
      'a sparse file',
      async () =>
        Buffer.concat([
          await start(),
          rawEntry({ name: 'x', type: 'x', data: paxRecord('GNU.sparse.name', '/etc/passwd') }),
          rawEntry({ name: inside('b'), type: '0' }),
          endMark,
        ]),
    ],
    [
      'an old sparse file',
      async () => Buffer.concat([await start(), rawEntry({ name: inside('b'), type: 'S' }), endMark]),
    ],
    [
      'a broken extended record',
      async () =>
        Buffer.concat([await start(), rawEntry({ name: 'x', type: 'x', data: Buffer.from('99 path=a\n') }), endMark]),
    ],
    ['an extended header of a gigabyte', async () => rawEntry({ name: 'x', type: 'x', sizeBytes: 2 ** 30 })],
    [
      'an extended header without an entry',
      async () =>
        Buffer.concat([await start(), rawEntry({ name: 'x', type: 'x', data: paxRecord('comment', 'a') }), endMark]),
    ],
  ];

  test.each(cases)('%s', async (_name, build) => {
    expect((await problemOf(await build())).code).toBe('release-archive-malformed');
  });

  test('names hidden in extended headers and prefixes are checked too', async () => {
    const cases = [
      [
        rawEntry({ name: 'x', type: 'x', data: paxRecord('path', '/etc/passwd') }),
        rawEntry({ name: inside('b'), type: '0' }),
      ],
      [
        rawEntry({ name: 'l', type: 'L', data: Buffer.from('/etc/passwd\0') }),
        rawEntry({ name: inside('b'), type: '0' }),
      ],
      [rawEntry({ name: `${md5}/x`, type: '0', prefix: '/etc' })],
      [
        rawEntry({ name: 'k', type: 'K', data: Buffer.from('/etc/shadow\0') }),
        rawEntry({ name: inside('b'), type: '1', linkname: inside('instance.cfg') }),
      ],
    ];
    for (const blocks of cases) {
      const found = await problemOf(Buffer.concat([await start(), ...blocks, endMark]));
      expect(found.code).toBe('release-archive-unsafe-name');
    }
  });

  test('a missing archive, and a folder in its place', async () => {
    for (const path of [join(folder, 'nowhere'), folder]) {
      await expect(checkReleaseArchive({ path, md5 })).rejects.toMatchObject({
        data: { code: 'release-archive-missing' },
      });
    }
  });
});
