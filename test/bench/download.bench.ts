/** Downloading past a check: our downloader against curl and sha512sum, from the same server on loopback. */
import { spawn } from 'node:child_process';
import { createHash, randomFillSync } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { networkFetch } from '../../src-main/platform/fetch.ts';
import { contest, program, workFolder } from './measure.ts';

const folder = workFolder();
const sizeBytes = 256 * 1024 * 1024;
const bytes = randomFillSync(Buffer.alloc(sizeBytes));
const sha512 = createHash('sha512').update(bytes).digest('hex');
const served = join(folder, 'served');
await mkdir(join(served, 'bcache'), { recursive: true });
await writeFile(join(served, 'bcache', sha512), bytes);

// A program of its own, so that neither contestant shares its processor time with the server.
const server = spawn(
  process.execPath,
  [
    '--experimental-strip-types',
    '--no-warnings',
    '--input-type=module',
    '-e',
    `import { contentServer } from ${JSON.stringify(new URL('../../src-main/software/content-server.ts', import.meta.url).href)};
     const port = await contentServer({ root: ${JSON.stringify(served)}, manifest: null }).listen(0);
     console.log(port);`,
  ],
  { stdio: ['ignore', 'pipe', 'inherit'] },
);
const port = await new Promise<string>((resolve) => server.stdout.once('data', (line) => resolve(String(line).trim())));
const url = `http://127.0.0.1:${port}/bcache/${sha512}`;
const to = join(folder, 'fetched');

await contest({
  work: 'download and sha512 256 MiB',
  best: 'curl, then sha512sum',
  asked: 0.9,
  rounds: 5,
  reset: () => rm(to, { force: true }),
  ours: () => networkFetch.download({ url, to, sha512, sizeBytes }),
  theirs: () =>
    program(['sh', '-c', 'curl --silent --fail -o "$2" "$1" && sync "$2" && sha512sum "$2"', 'sh', url, to]),
});

server.kill();
