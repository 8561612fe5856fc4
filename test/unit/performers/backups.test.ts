import { randomBytes } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { backupSecret, listBackups, takeBackup, unpackBackup } from '../../../src-main/performers/backups.ts';
import { systemClock } from '../../../src-main/platform/clock.ts';
import { OpenSite } from '../../../src-main/runbook/open-site.ts';
import type { Target } from '../../../src-main/target/target.ts';
import { problem } from '../../../src-shared/problem.ts';
import { newSiteFolder } from '../../fakes/engine.ts';

const content = randomBytes(300_000);
let site: OpenSite;
let folder: string;
let given: Buffer | null;

/** Prints the content in pieces, and remembers what it is fed. */
const machine = (cut = false): Target =>
  ({
    name: 'm1',
    pull: async (_argv: unknown, { take }: { take: (bytes: Uint8Array, flow: object) => void }) => {
      for (let at = 0; at < content.length; at += 30_000) {
        take(content.subarray(at, at + 30_000), { pause: () => undefined, resume: () => undefined });
        if (cut && at > 90_000) throw problem('connection-lost', { machine: 'm1', detail: 'cut' });
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
    push: async (_argv: unknown, source: AsyncIterable<Uint8Array>) => {
      const chunks: Uint8Array[] = [];
      for await (const chunk of source) chunks.push(chunk);
      given = Buffer.concat(chunks);
    },
  }) as unknown as Target;
const context = () => ({ site, onProgress: () => undefined, signal: new AbortController().signal });
const take = (number: number, target = machine()) =>
  takeBackup(target, { number, caFolder: '/srv/ca', program: 'test 1.0' }, context());

beforeEach(async () => {
  given = null;
  folder = await newSiteFolder();
  site = await OpenSite.open(folder, { program: 'test 1.0', practice: false, clock: systemClock });
  site.secrets.set(backupSecret, 'canary of the backup');
});
afterEach(() => site.close());

it('comes back byte for byte, and is not readable meanwhile', async () => {
  await take(1);
  expect(await listBackups(site, 'm1')).toMatchObject([{ number: 1, plainBytes: content.length }]);
  const file = await readFile(join(folder, 'backup', 'm1-0001.age'));
  expect(file.subarray(0, 22).toString()).toBe('age-encryption.org/v1\n');
  expect(file.includes(content.subarray(1000, 1040))).toBe(false);
  await unpackBackup(machine(), 1, context());
  expect(given?.equals(content)).toBe(true);
});

it('sends nothing for a wrong passphrase, which is then asked for again', async () => {
  await take(1);
  site.secrets.set(backupSecret, 'another');
  await expect(unpackBackup(machine(), 1, context())).rejects.toMatchObject({ code: 'passphrase-wrong' });
  expect(given).toBe(null);
  expect(site.secrets.get(backupSecret)).toBeUndefined();
});

it('sends nothing of a damaged one, and says when there is none', async () => {
  await take(1);
  const path = join(folder, 'backup', 'm1-0001.age');
  const bytes = await readFile(path);
  bytes[bytes.length - 5_000] = (bytes[bytes.length - 5_000] ?? 0) ^ 1;
  await writeFile(path, bytes);
  await expect(unpackBackup(machine(), 1, context())).rejects.toMatchObject({ code: 'backup-damaged' });
  await expect(unpackBackup(machine(), 2, context())).rejects.toMatchObject({ code: 'backup-missing' });
  expect(given).toBe(null);
});

it('leaves nothing of one that was cut off, and keeps the ones before', async () => {
  await take(1);
  await expect(take(2, machine(true))).rejects.toMatchObject({ code: 'connection-lost' });
  expect((await readdir(join(folder, 'backup'))).sort()).toEqual(['m1-0001.age', 'm1-0001.json']);
});
