/** The zip reader of the set-up, against archives that Python's own writer made. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { withZip } from '../../../tools/unzip.mjs';

const writer = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], 'w') as archive:
    def add(name, data, mode, method):
        entry = zipfile.ZipInfo(name)
        entry.external_attr = mode << 16
        archive.writestr(entry, data, method)
    add('dist/', b'', 0o40755, zipfile.ZIP_STORED)
    add('dist/program', b'#!/bin/sh\\n' * 5000, 0o100755, zipfile.ZIP_DEFLATED)
    add('dist/stored', bytes(range(256)), 0o100644, zipfile.ZIP_STORED)
    add('dist/empty', b'', 0o100644, zipfile.ZIP_DEFLATED)
    add('dist/\\u00e9t\\u00e9', b'x', 0o100600, zipfile.ZIP_DEFLATED)
    archive.comment = b'PK\\x05 a comment'
`;

import { unless, whyWithout } from '../../unless.ts';

describe('reading a zip archive', unless(whyWithout('python3')), () => {
  let folder = '';
  let archive = '';
  let bytes = Buffer.alloc(0);

  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'fieldkit-zip-'));
    archive = path.join(folder, 'whole.zip');
    execFileSync('python3', ['-c', writer, archive]);
    bytes = readFileSync(archive);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const readAll = (content: Buffer): Record<string, { mode: number; text: string }> => {
    const file = path.join(folder, 'read.zip');
    writeFileSync(file, content);
    const found: Record<string, { mode: number; text: string }> = {};
    withZip(file, (entries) => {
      for (const { name, mode, read } of entries) found[name] = { mode, text: read().toString('latin1') };
    });
    return found;
  };

  test('gives every name, mode and content', () => {
    expect(readAll(bytes)).toEqual({
      'dist/': { mode: 0o755, text: '' },
      'dist/program': { mode: 0o755, text: '#!/bin/sh\n'.repeat(5000) },
      'dist/stored': { mode: 0o644, text: Buffer.from(Array.from({ length: 256 }, (_, n) => n)).toString('latin1') },
      'dist/empty': { mode: 0o644, text: '' },
      'dist/été': { mode: 0o600, text: 'x' },
    });
  });

  test('refuses a changed byte of a content', () => {
    const changed = Buffer.from(bytes);
    const at = changed.indexOf(Buffer.from([10, 11, 12, 13, 14]));
    changed.writeUInt8(99, at);
    expect(() => readAll(changed)).toThrow('dist/stored: checksum differs');
  });

  test.each([0.1, 0.5, 0.9])('refuses an archive cut off at %d', (share) => {
    expect(() => readAll(bytes.subarray(0, Math.floor(bytes.length * share)))).toThrow();
  });

  test('refuses what is no archive', () => {
    expect(() => readAll(Buffer.from('a page that says the file was not found'))).toThrow('not a zip archive');
  });
});
