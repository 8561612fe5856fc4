// Backups of a machine: streamed over its connection, encrypted on this laptop before they touch a disk, numbered, read back.
// Called as jobs by the backup and restore steps. They lie in the site's folder, and with its copy on the medium; none is ever
// removed. Nothing unencrypted is written here.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { z } from 'zod';
import { sha256 } from '../../src-shared/lock.ts';
import { problem } from '../../src-shared/problem.ts';
import { type Bytes, decryptBytes, encryptBytes } from '../platform/age.ts';
import { ensureFolder, hashFile, readTextOrNull, syncFolder, writeAtomic } from '../platform/files.ts';
import { type OpenSite, siteFiles } from '../runbook/open-site.ts';
import { takeBackupArgv, unpackArgv } from '../target/backup.ts';
import type { Target } from '../target/target.ts';
import type { JobContext } from './jobs.ts';

const backupRecord = z.strictObject({
  format: z.literal(1),
  machine: z.string(),
  number: z.int().positive(),
  at: z.string(),
  program: z.string(),
  /** Of the encrypted file, and of what is in it. */
  sizeBytes: z.int(),
  sha256,
  plainBytes: z.int(),
  plainSha256: sha256,
});
export type BackupRecord = z.infer<typeof backupRecord>;

/** The question whose answer encrypts and opens backups. */
export const backupSecret = 'backup-passphrase';

const folderOf = (site: OpenSite): string => join(site.folder, siteFiles.backups);
const nameOf = (machine: string, number: number): string => `${machine}-${String(number).padStart(4, '0')}`;

/** The backups of a machine that are whole here, the oldest first. */
export async function listBackups(site: OpenSite, machine: string): Promise<readonly BackupRecord[]> {
  const names: readonly string[] = await readdir(folderOf(site)).catch(() => []);
  const records: BackupRecord[] = [];
  for (const name of names) {
    if (!name.endsWith('.json') || !names.includes(name.replace(/json$/, 'age'))) continue;
    const parsed = backupRecord.safeParse(jsonIn((await readTextOrNull(join(folderOf(site), name))) ?? ''));
    if (parsed.success && parsed.data.machine === machine) records.push(parsed.data);
  }
  return records.sort((one, other) => one.number - other.number);
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function passphraseOf(site: OpenSite): string {
  const given = site.secrets.get(backupSecret);
  if (given === undefined) throw problem('question-unanswered', { question: backupSecret });
  return given;
}

type Context = Pick<JobContext, 'site' | 'onProgress' | 'signal'>;

/** Takes backup `number`. Throws `command-failed`, `backup-damaged` when it does not read back, and what the connection throws. */
export async function takeBackup(
  target: Target,
  { number, caFolder, program }: { readonly number: number; readonly caFolder: string; readonly program: string },
  { site, onProgress, signal }: Context,
): Promise<void> {
  const folder = folderOf(site);
  await ensureFolder(folder, 0o700);
  const name = nameOf(target.name, number);
  const part = join(folder, `${name}.age.part`);
  const passphrase = passphraseOf(site);
  const plain = createHash('sha256');
  let plainBytes = 0;
  const { bytes, ended } = printed(target, takeBackupArgv(caFolder), signal, (chunk) => {
    plain.update(chunk);
    plainBytes += chunk.length;
    onProgress({ done: plainBytes, total: null, unit: 'bytes', what: name });
  });
  const cipher = createHash('sha256');
  let sizeBytes = 0;
  const file = await open(part, 'w', 0o600);
  try {
    for await (const chunk of await encryptBytes(bytes, passphrase)) {
      await file.appendFile(chunk);
      cipher.update(chunk);
      sizeBytes += chunk.length;
    }
    await ended;
    await file.sync();
  } catch (error) {
    await file.close();
    await rm(part, { force: true });
    // What the machine said is the reason; that the stream broke is only its consequence.
    await ended;
    throw error;
  }
  await file.close();
  const record: BackupRecord = {
    format: 1,
    machine: target.name,
    number,
    at: site.clock.now().toISOString(),
    program,
    sizeBytes,
    sha256: cipher.digest('hex'),
    plainBytes,
    plainSha256: plain.digest('hex'),
  };
  await requireWhole(part, record, passphrase);
  await rename(part, join(folder, `${name}.age`));
  await syncFolder(folder);
  // Last: a backup without its record does not count.
  await writeAtomic(join(folder, `${name}.json`), `${JSON.stringify(record, null, 1)}\n`, { mode: 0o600 });
}

/** Reads a backup back, then opens it whole. Throws `backup-damaged`, `passphrase-wrong`. */
async function requireWhole(path: string, record: BackupRecord, passphrase: string): Promise<void> {
  if ((await hashFile(path, 'sha256')) !== record.sha256) throw problem('backup-damaged', { path });
  const plain = createHash('sha256');
  await opened(path, passphrase, async (bytes) => {
    for await (const chunk of bytes) plain.update(chunk);
  });
  if (plain.digest('hex') !== record.plainSha256) throw problem('backup-damaged', { path });
}

/** A backup's content; its file is closed whatever comes. */
async function opened(path: string, passphrase: string, use: (bytes: Bytes) => Promise<void>): Promise<void> {
  const source = createReadStream(path);
  try {
    await use(await decryptBytes(Readable.toWeb(source) as Bytes, passphrase));
  } finally {
    source.destroy();
  }
}

/** What a command prints, as a stream that holds the machine back while the disk is slow. */
function printed(
  target: Target,
  argv: readonly string[],
  signal: AbortSignal,
  seen: (chunk: Uint8Array) => void,
): { readonly bytes: Bytes; readonly ended: Promise<void> } {
  let flow: { pause(): unknown; resume(): unknown } | null = null;
  let give: ReadableStreamDefaultController<Uint8Array> | null = null;
  const bytes: Bytes = new ReadableStream<Uint8Array>(
    {
      start: (controller) => {
        give = controller;
      },
      pull: () => void flow?.resume(),
    },
    { highWaterMark: 64 },
  );
  const ended = target
    .pull(argv, {
      signal,
      take: (chunk, from) => {
        flow = from;
        seen(chunk);
        give?.enqueue(new Uint8Array(chunk));
        if ((give?.desiredSize ?? 1) <= 0) from.pause();
      },
    })
    .then(
      () => give?.close(),
      (error: unknown) => {
        give?.error(error);
        throw error;
      },
    );
  ended.catch(() => undefined);
  return { bytes, ended };
}

/** Opens a backup into a folder in the machine's memory. Checked whole before the first byte is sent. */
export async function unpackBackup(
  target: Target,
  number: number,
  { site, onProgress, signal }: Context,
): Promise<void> {
  const record = (await listBackups(site, target.name)).find((item) => item.number === number);
  const path = join(folderOf(site), `${nameOf(target.name, number)}.age`);
  if (record === undefined) throw problem('backup-missing', { machine: target.name, number });
  const passphrase = passphraseOf(site);
  try {
    await requireWhole(path, record, passphrase);
  } catch (error) {
    site.secrets.forget(backupSecret);
    throw error;
  }
  let done = 0;
  await opened(path, passphrase, async (plain) => {
    const counted = async function* () {
      for await (const chunk of plain) {
        done += chunk.length;
        onProgress({ done, total: record.plainBytes, unit: 'bytes', what: nameOf(target.name, number) });
        yield chunk;
      }
    };
    await target.push(unpackArgv, counted(), { signal });
  });
}
