// A site's record checked by those who will check it: our own program, and openssl and sha256sum without it. Every byte counts.
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recordTexts } from '../../src-main/compose-texts.ts';
import { makeSigningKey } from '../../src-main/medium/keys.ts';
import {
  copyRecord,
  openRecord,
  recordNumbers,
  signedRecord,
  writeRecord,
} from '../../src-main/medium/record-files.ts';
import { buildDossier } from '../../src-main/runbook/dossier.ts';
import { planFromText } from '../../src-main/runbook/plan-file.ts';
import { Secrets } from '../../src-main/runbook/secrets.ts';
import { type AsBuilt, parts } from '../../src-shared/as-built.ts';
import { type Dossier, recordFiles } from '../../src-shared/dossier.ts';
import { emptyLock } from '../../src-shared/lock.ts';

const run = promisify(execFile);
const key = makeSigningKey();
const other = makeSigningKey();
let home: string;
let folder: string;
let record: Dossier;

const plan = planFromText(
  'format: 1\nname: plant\nmachines:\n  - { name: m1, roles: [master], address: 10.0.0.1, release: "12", interface: eth0 }\n',
  'site.yaml',
);

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'fieldkit-record-'));
  folder = join(home, 'record');
  record = buildDossier(
    {
      number: 1,
      madeAt: new Date(Date.UTC(2026, 10, 22)),
      who: 'joe',
      laptop: 'lap',
      program: 'kit',
      practice: false,
      remark: '',
      events: [],
      plan,
      lock: emptyLock,
      manifest: null,
      facts: { m1: Object.fromEntries(parts.map((part) => [part, {}])) as unknown as AsBuilt },
    },
    new Secrets(),
  );
  await writeRecord(folder, 1, signedRecord(record, recordTexts, key.privateKeyPem));
});
afterAll(() => rm(home, { recursive: true, force: true }));

/** The commands that the record's own text names, as a stranger would run them in its folder. */
async function byHand(place: string): Promise<{ sums: string; signature: string; fingerprint: string }> {
  const text = await readFile(join(place, recordFiles.howTo), 'utf8');
  const lines = [
    ...new Set(text.split('\n').flatMap((line) => /^ {4}((?:sha256sum|openssl) .*)$/.exec(line)?.[1] ?? [])),
  ];
  expect(lines).toHaveLength(3);
  const answers = await Promise.all(
    lines.map((line) =>
      run('sh', ['-c', line], { cwd: place }).then(
        ({ stdout }) => stdout.trim(),
        (error: { stdout: string }) => error.stdout.trim(),
      ),
    ),
  );
  return { sums: answers[0] ?? '', signature: answers[1] ?? '', fingerprint: answers[2] ?? '' };
}

const codeOf = (path: string, pinned: string | null = key.fingerprint) =>
  openRecord(path, pinned).then(
    () => null,
    (error: { data?: { code: string; params: Record<string, unknown> } }) => error.data ?? null,
  );

/** A copy of the record with something done to it. */
async function tampered(name: string, act: (place: string) => Promise<void>): Promise<string> {
  const place = join(home, name);
  await rm(place, { recursive: true, force: true });
  await cp(join(folder, '0001'), place, { recursive: true });
  await act(place);
  return place;
}

describe('a record', () => {
  it('is believed by our program, by its folder and by any file in it', async () => {
    for (const path of ['', ...Object.values(recordFiles.pages), recordFiles.json]) {
      const opened = await openRecord(join(folder, '0001', path), key.fingerprint);
      expect(opened).toMatchObject({ record, pinned: true, unlisted: [], fingerprint: key.fingerprint });
    }
  });

  it('is believed by openssl and sha256sum, with the commands that it names itself', async () => {
    const { sums, signature, fingerprint } = await byHand(join(folder, '0001'));
    expect(sums.split('\n').sort()).toEqual(
      [recordFiles.howTo, recordFiles.key, recordFiles.json, ...Object.values(recordFiles.pages)]
        .map((name) => `${name}: OK`)
        .sort(),
    );
    expect(signature).toContain('Verified Successfully');
    expect(fingerprint).toBe(`${key.fingerprint}  -`);
  });

  it('names the file in which one byte was changed, in our program and by hand', async () => {
    const names = [recordFiles.json, recordFiles.howTo, ...Object.values(recordFiles.pages)];
    for (const name of names) {
      const place = await tampered('one-byte', async (at) => {
        const bytes = await readFile(join(at, name));
        const middle = Math.floor(bytes.length / 2);
        bytes[middle] = (bytes[middle] ?? 0) ^ 1;
        await writeFile(join(at, name), bytes);
      });
      expect(await codeOf(place), name).toMatchObject({ code: 'record-damaged', params: { file: name } });
      // The commands come from the untouched one: who alters the text alters its commands as well.
      await cp(join(folder, '0001', recordFiles.howTo), join(place, recordFiles.howTo));
      if (name !== recordFiles.howTo) expect((await byHand(place)).sums).toContain(`${name}: FAILED`);
    }
  });

  it('is not believed when list and signature do not fit, nor when either is cut short', async () => {
    const sums = await tampered('sums', async (at) => {
      const text = await readFile(join(at, recordFiles.checksums), 'utf8');
      await writeFile(
        join(at, recordFiles.checksums),
        text.replace(/^[0-9a-f]/, (digit) => (digit === '0' ? '1' : '0')),
      );
    });
    expect(await codeOf(sums)).toMatchObject({ code: 'record-damaged', params: { file: recordFiles.checksums } });
    expect((await byHand(sums)).signature).toContain('Failure');
    for (const name of [recordFiles.signature, recordFiles.checksums, recordFiles.json, recordFiles.key]) {
      const short = await tampered('short', async (at) => {
        const bytes = await readFile(join(at, name));
        await writeFile(join(at, name), bytes.subarray(0, bytes.length - 10));
      });
      expect(await codeOf(short), name).toMatchObject({ code: 'record-damaged' });
      const gone = await tampered('gone', (at) => unlink(join(at, name)));
      expect(await codeOf(gone), name).toMatchObject({ code: 'record-damaged', params: { file: name } });
    }
  });

  it('of another key is told as such, also when it fits in itself', async () => {
    const foreign = join(home, 'foreign');
    await writeRecord(foreign, 1, signedRecord(record, recordTexts, other.privateKeyPem));
    expect(await codeOf(join(foreign, '0001'))).toMatchObject({
      code: 'fingerprint-differs',
      params: { expected: key.fingerprint, found: other.fingerprint },
    });
    expect((await openRecord(join(foreign, '0001'), null)).pinned).toBe(false);
  });

  it('of a newer program is told as such, and one that is no record is none', async () => {
    const newer = join(home, 'newer');
    const future = { ...record, format: 2, more: 'of it' } as unknown as Dossier;
    await writeRecord(newer, 1, signedRecord(future, recordTexts, key.privateKeyPem));
    expect(await codeOf(join(newer, '0001'))).toMatchObject({ code: 'record-newer', params: { found: 2, known: 1 } });
    const wrong = join(home, 'wrong');
    await writeRecord(
      wrong,
      1,
      signedRecord({ ...record, site: 1 } as unknown as Dossier, recordTexts, key.privateKeyPem),
    );
    expect(await codeOf(join(wrong, '0001'))).toMatchObject({
      code: 'record-damaged',
      params: { file: recordFiles.json },
    });
    for (const path of [home, join(home, 'nowhere'), join(folder, '0002')])
      expect(await codeOf(path), path).toMatchObject({ code: 'record-missing' });
  });

  it('says what lies beside it and does not belong to it', async () => {
    const beside = await tampered('beside', (at) => writeFile(join(at, 'note.txt'), 'hello'));
    expect((await openRecord(beside, key.fingerprint)).unlisted).toEqual(['note.txt']);
  });

  it('is copied whole or not at all, and never over another one', async () => {
    const to = join(home, 'medium');
    await copyRecord(folder, to, 1, key.fingerprint);
    expect(await recordNumbers(to)).toEqual([1]);
    expect((await openRecord(join(to, '0001'), key.fingerprint)).record).toEqual(record);
    await expect(writeRecord(folder, 1, {})).rejects.toMatchObject({ data: { code: 'file-changed-meanwhile' } });
    await writeFile(join(to, '0001', recordFiles.json), 'x');
    await copyRecord(folder, to, 1, key.fingerprint);
    expect(await readFile(join(to, '0001', recordFiles.json), 'utf8')).toBe('x');
    await expect(copyRecord(to, join(home, 'again'), 1, key.fingerprint)).rejects.toMatchObject({
      data: { code: 'record-damaged' },
    });
    expect(await recordNumbers(join(home, 'again'))).toEqual([]);
  });
});
