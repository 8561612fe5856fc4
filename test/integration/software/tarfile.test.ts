// The release archive check against what unpacks on a target: Python's tarfile. An archive that we accept must be read by
// tarfile as the very same entries, however it was twisted.
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { scanTar, type TarEntry } from '../../../src-main/software/tar-scan.ts';
import { endMark, type Item, paxRecord, rawEntry, tarOf } from '../../unit/software/tar-archives.ts';

const run = promisify(execFile);
/** The samples are the same on every run; another number tries others. */
const seed = 20_260_301;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fieldkit-tarfile-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** Entries as tarfile sees them; null where it refuses the archive. */
const reader = `
import json, sys, tarfile
kinds = {tarfile.REGTYPE: 'file', tarfile.AREGTYPE: 'file', tarfile.CONTTYPE: 'file', tarfile.LNKTYPE: 'hard-link',
         tarfile.SYMTYPE: 'symbolic-link', tarfile.DIRTYPE: 'folder', tarfile.CHRTYPE: 'character-device',
         tarfile.BLKTYPE: 'block-device', tarfile.FIFOTYPE: 'pipe'}
raw = lambda text: text.encode('utf-8', 'surrogateescape').decode('latin-1')
def read(path):
    try:
        with tarfile.open(path) as archive:
            return [[kinds.get(m.type, '?'), raw(m.name), raw(m.linkname) if m.islnk() or m.issym() else '',
                     m.size if m.isreg() else 0, raw(m.uname), raw(m.gname)] for m in archive]
    except Exception as e:
        return None
print(json.dumps([read(path) for path in sys.argv[1:]]))
`;

type Row = readonly [kind: string, name: string, link: string, size: number, user: string, group: string];

const rowOf = ({ kind, name, linkName, sizeBytes, userName, groupName }: TarEntry): Row => {
  const link = kind === 'hard-link' || kind === 'symbolic-link' ? linkName : '';
  // tarfile takes the slashes off the end of names.
  return [kind, name.replace(/\/+$/, ''), link, sizeBytes, userName, groupName];
};

/** What we read, or null when we refuse. */
function ours(bytes: Buffer): readonly Row[] | null {
  const rows: Row[] = [];
  try {
    const scan = scanTar((entry) => rows.push(rowOf(entry)));
    scan.push(bytes);
    scan.end();
    return rows;
  } catch {
    return null;
  }
}

async function theirs(archives: readonly Buffer[]): Promise<readonly (readonly Row[] | null)[]> {
  const paths = archives.map((_bytes, index) => join(folder, `${index}.tar`));
  await Promise.all(archives.map((bytes, index) => writeFile(paths[index] as string, bytes)));
  const { stdout } = await run('python3', ['-c', reader, ...paths], { maxBuffer: 64 * 1024 * 1024 });
  return JSON.parse(stdout) as (readonly Row[] | null)[];
}

const name = fc.oneof(fc.stringMatching(/^[a-z./]{1,20}$/), fc.string({ minLength: 1, maxLength: 150 }));
const item: fc.Arbitrary<Item> = fc.record(
  {
    name: name.map((text) => text.replaceAll('\0', '')).filter((text) => /[^/]$/.test(text)),
    type: fc.constantFrom('file' as const, 'directory' as const, 'symlink' as const, 'link' as const),
    linkname: fc.stringMatching(/^[a-z./]{1,120}$/),
    uname: fc.constantFrom('slapsoft', '1001', ''),
  },
  { requiredKeys: ['name', 'type', 'linkname'] },
);
const archive = fc.array(item, { minLength: 1, maxLength: 5 });

test('good archives are read alike', async () => {
  const samples = fc.sample(archive, { numRuns: 150, seed });
  const archives = await Promise.all(
    samples.map((items) => tarOf(items.map((one) => (one.type === 'file' ? { ...one, text: 'some text' } : one)))),
  );
  const found = await theirs(archives);
  let read = 0;
  archives.forEach((bytes, index) => {
    const mine = ours(bytes);
    if (mine === null) return;
    read += 1;
    expect(mine).toEqual(found[index]);
  });
  expect(read).toBeGreaterThan(140);
});

test('archives with changed bytes are read alike, or refused by us', async () => {
  const base = Buffer.concat([
    (
      await tarOf([
        { name: 'top/', type: 'directory' },
        { name: 'top/file', text: 'x'.repeat(600) },
        { name: `top/${'n'.repeat(120)}`, text: 'y', pax: { comment: 'some' } },
        { name: 'top/link', type: 'symlink', linkname: '/usr/bin/env' },
      ])
    ).subarray(0, -1024),
    rawEntry({ name: '././@LongLink', type: 'L', data: Buffer.from(`top/${'g'.repeat(150)}\0`) }),
    rawEntry({ name: 'top/g', type: '0', data: Buffer.from('z') }),
    rawEntry({ name: 'x', type: 'x', data: paxRecord('path', 'top/renamed') }),
    rawEntry({ name: 'top/h', type: '1', linkname: 'top/file' }),
    endMark,
  ]);
  const headers = Array.from({ length: base.length / 512 }, (_, index) => index * 512);
  const change = fc.record({
    at: fc.constantFrom(...headers),
    offset: fc.oneof(fc.constantFrom(156, 124, 345, 257, 0, 100, 135), fc.nat(511)),
    value: fc.oneof(fc.constantFrom(0, 0x20, 0x2f, 0x30, 0x31, 0x35, 0x37, 0x4c, 0x53, 0x67, 0x78, 0x80), fc.nat(255)),
  });
  const archives = fc
    .sample(fc.array(change, { minLength: 1, maxLength: 3 }), { numRuns: 900, seed })
    .map((changes) => {
      const bytes = Buffer.from(base);
      for (const { at, offset, value } of changes) {
        bytes[at + offset] = value;
        fixChecksum(bytes.subarray(at, at + 512));
      }
      return bytes;
    });
  const found = await theirs(archives);
  let accepted = 0;
  archives.forEach((bytes, index) => {
    const mine = ours(bytes);
    if (mine === null) return;
    accepted += 1;
    expect(mine).toEqual(found[index]);
  });
  // Neither everything nor nothing: the test would say little.
  expect(accepted).toBeGreaterThan(60);
  expect(accepted).toBeLessThan(590);
});

/** A checksum that fits the change, so that it is not the checksum that saves us. */
function fixChecksum(block: Buffer): void {
  if (block.toString('latin1', 257, 262) !== 'ustar') return;
  block.fill(0x20, 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
}
