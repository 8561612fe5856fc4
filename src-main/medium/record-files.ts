// Records on a disk: one folder each, written whole or not at all, and checked before anything in it is believed. Called by the
// record's jobs and sights, the desk and the command line. A record that is there is never changed and never replaced.
import { randomBytes } from 'node:crypto';
import { readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import {
  type Dossier,
  dossier,
  dossierFormat,
  recordFiles,
  recordName,
  recordNumber,
} from '../../src-shared/dossier.ts';
import { canonicalJson, parseJson } from '../../src-shared/json.ts';
import { problem } from '../../src-shared/problem.ts';
import { ensureFolder, errnoOf, exists, sha256Of, syncFolder, writeAtomic } from '../platform/files.ts';
import { fingerprintOf, publicHalf, signBytes, verifyBytes } from './keys.ts';
import { writeProblem } from './medium-problem.ts';
import { howToCheck, type RecordTexts, recordPage } from './record-page.ts';

/** Larger than any record; a larger file is not read. */
const limitBytes = 64 * 1024 * 1024;

/** Everything of a record by file name, signed. Throws `key-missing`. */
export function signedRecord(
  record: Dossier,
  languages: readonly RecordTexts[],
  privateKeyPem: string,
): Readonly<Record<string, string | Uint8Array>> {
  const files: Record<string, string> = {
    [recordFiles.json]: `${canonicalJson(record)}\n`,
    [recordFiles.howTo]: howToCheck(record, languages),
    [recordFiles.key]: publicHalf(privateKeyPem),
  };
  for (const texts of languages) files[recordFiles.pages[texts.language]] = recordPage(record, texts);
  const checksums = Object.entries(files)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, text]) => `${sha256Of(text)}  ${name}\n`)
    .join('');
  return {
    ...files,
    [recordFiles.checksums]: checksums,
    [recordFiles.signature]: Buffer.from(signBytes(Buffer.from(checksums), privateKeyPem), 'base64'),
  };
}

/**
 * Writes a record's folder below `folder`: under another name first, so that a cut leaves either all of it or nothing.
 * Throws `medium-full`, `medium-read-only`, `medium-write-failed`; `file-changed-meanwhile` when there is one of this number.
 */
export async function writeRecord(
  folder: string,
  number: number,
  files: Readonly<Record<string, string | Uint8Array>>,
): Promise<void> {
  const final = join(folder, recordName(number));
  if (await exists(final)) throw problem('file-changed-meanwhile', { path: final, machine: 'laptop' });
  const part = join(folder, `.fieldkit-${randomBytes(6).toString('hex')}.part`);
  try {
    await ensureFolder(part);
    for (const [name, data] of Object.entries(files)) await writeAtomic(join(part, name), data);
    await rename(part, final);
    await syncFolder(folder);
  } catch (thrown) {
    await rm(part, { recursive: true, force: true }).catch(() => undefined);
    throw await writeProblem(thrown, final, 0);
  }
}

/** The same record in another folder, checked on the way. Does nothing where one of this number is. */
export async function copyRecord(from: string, to: string, number: number, pinned: string | null): Promise<void> {
  if (await exists(join(to, recordName(number)))) return;
  const source = join(from, recordName(number));
  const { files } = await openRecord(source, pinned);
  const contents = await Promise.all(files.map(async (name) => [name, await readFile(join(source, name))] as const));
  await writeRecord(to, number, Object.fromEntries(contents));
}

/** Numbers of the records in a folder, the oldest first; none when there is no such folder. */
export async function recordNumbers(folder: string): Promise<readonly number[]> {
  const names = await readdir(folder).catch((thrown: unknown) => {
    if (errnoOf(thrown) === 'ENOENT' || errnoOf(thrown) === 'ENOTDIR') return [];
    throw thrown;
  });
  return names.flatMap((name) => recordNumber(name) ?? []).sort((a, b) => a - b);
}

export interface OpenedRecord {
  readonly record: Dossier;
  readonly folder: string;
  /** Of the key that signed it. */
  readonly fingerprint: string;
  /** False: no fingerprint was given to compare with, and a person must do that. */
  readonly pinned: boolean;
  /** Its own files, all checked. */
  readonly files: readonly string[];
  /** Other files in its folder: they belong to nobody's record. */
  readonly unlisted: readonly string[];
}

const checksumLine = /^([0-9a-f]{64}) [ *]([a-z0-9][a-z0-9.-]*)$/;
const known: readonly string[] = [
  recordFiles.json,
  recordFiles.howTo,
  recordFiles.key,
  ...Object.values(recordFiles.pages),
];
const formatOf = z.looseObject({ format: z.number() });

/**
 * Opens and checks a record: its folder, or any file in it. `pinned` is the fingerprint that the site's plan holds, null when
 * nobody knows it. Throws `record-missing`, `fingerprint-differs` (another key), `record-damaged` with the file that is not as
 * it was signed, `record-newer`.
 */
export async function openRecord(path: string, pinned: string | null): Promise<OpenedRecord> {
  const folder = await folderOf(path);
  const read = async (name: string): Promise<Buffer> => {
    const bytes = await readLimited(join(folder, name));
    if (bytes === null) throw problem('record-damaged', { path: folder, file: name });
    return bytes;
  };
  const damaged = (file: string) => problem('record-damaged', { path: folder, file });
  const key = (await read(recordFiles.key)).toString('utf8');
  const fingerprint = fingerprintOrNull(key);
  if (fingerprint === null) throw damaged(recordFiles.key);
  const checksums = await read(recordFiles.checksums);
  const signature = await read(recordFiles.signature);
  // A key that is not the one that was compared is told as such before anything it signed is looked at.
  if (pinned !== null && fingerprint !== pinned)
    throw problem('fingerprint-differs', { what: join(folder, recordFiles.key), expected: pinned, found: fingerprint });
  if (signature.length !== 64) throw damaged(recordFiles.signature);
  if (!verifyBytes(checksums, signature.toString('base64'), key)) throw damaged(recordFiles.checksums);
  const sums = checksumsOf(checksums.toString('latin1'));
  if (sums === null) throw damaged(recordFiles.checksums);
  for (const [name, sum] of sums) if (sha256Of(await read(name)) !== sum) throw damaged(name);
  const parsed: unknown = parseJson((await read(recordFiles.json)).toString('utf8'));
  const format = formatOf.safeParse(parsed).data?.format;
  if (format !== undefined && format > dossierFormat)
    throw problem('record-newer', { path: folder, found: format, known: dossierFormat });
  const record = dossier.safeParse(parsed).data;
  if (record === undefined) throw damaged(recordFiles.json);
  const own = [...sums.keys(), recordFiles.checksums, recordFiles.signature];
  const unlisted = (await readdir(folder)).filter((name) => !own.includes(name)).sort();
  return { record, folder, fingerprint, pinned: pinned !== null, files: own, unlisted };
}

/** Sums by file name; null for a list that is not of the form we write, or that leaves out what must be in it. */
function checksumsOf(text: string): ReadonlyMap<string, string> | null {
  const lines = text
    .split('\n')
    .slice(0, -1)
    .map((line) => checksumLine.exec(line));
  const sums = new Map(lines.map((match) => [match?.[2] ?? '', match?.[1] ?? '']));
  const whole = lines.every((match) => match !== null) && sums.has(recordFiles.json) && sums.has(recordFiles.key);
  return whole ? sums : null;
}

/** The folder of a record by its own path or by that of a file in it. */
async function folderOf(path: string): Promise<string> {
  const found = await stat(path).catch(() => null);
  const folder = found?.isDirectory() ? path : dirname(path);
  const names = await readdir(folder).catch(() => []);
  // A folder that holds nothing of a record is no damaged record, and neither is a file beside it.
  const ours = [recordFiles.checksums, recordFiles.signature, ...known];
  const asked = found?.isDirectory() || ours.includes(basename(path));
  if (found === null || !asked || !names.some((name) => ours.includes(name))) throw problem('record-missing', { path });
  return folder;
}

const fingerprintOrNull = (pem: string): string | null => {
  try {
    return fingerprintOf(pem);
  } catch {
    return null;
  }
};

async function readLimited(path: string): Promise<Buffer | null> {
  const found = await stat(path).catch(() => null);
  if (found === null || !found.isFile() || found.size > limitBytes) return null;
  return readFile(path).catch(() => null);
}
