/** Hashing and copying big files, against the system's own tools. */
import { createHash, randomFillSync } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { copyToMedium } from '../../src-main/medium/copy.ts';
import { readBack } from '../../src-main/medium/read-back.ts';
import { hashFile } from '../../src-main/platform/files.ts';
import { contest, program, workFolder } from './measure.ts';

const sizeBytes = 384 * 1024 * 1024;
const folder = workFolder();
const source = join(folder, 'source');
const bytes = randomFillSync(Buffer.alloc(sizeBytes));
const hash = createHash('sha512').update(bytes).digest('hex');
await writeFile(source, bytes);
const to = join(folder, 'copy');

await contest({
  work: 'sha512 of 384 MiB',
  best: 'openssl dgst',
  asked: 0.95,
  rounds: 5,
  ours: async () => void (await hashFile(source, 'sha512')),
  theirs: () => program(['openssl', 'dgst', '-sha512', source]),
});

// Nothing that hashes is faster than the hash: on a disk faster than that, only the second of these can be reached.
const copying = {
  work: 'copy, sha512 and flush 384 MiB',
  asked: 0.9,
  rounds: 5,
  reset: () => rm(to, { force: true }),
  ours: async () => void (await copyToMedium({ from: source, to, algorithm: 'sha512', hash, sizeBytes })),
};
await contest({
  ...copying,
  best: 'cp and sync (without a hash)',
  theirs: () => program(['sh', '-c', 'cp "$1" "$2" && sync "$2"', 'sh', source, to]),
});
await contest({
  ...copying,
  best: 'cp and sync, openssl dgst beside them',
  theirs: () => program(['sh', '-c', 'openssl dgst -sha512 "$1" & cp "$1" "$2" && sync "$2"; wait', 'sh', source, to]),
});

await contest({
  work: 'read back past the cache, sha256',
  best: 'dd iflag=direct | sha256sum',
  asked: 0.9,
  rounds: 5,
  ours: async () => void (await readBack(source)),
  theirs: () => program(['sh', '-c', 'dd if="$1" iflag=direct bs=1M status=none | sha256sum', 'sh', source]),
});
