/** The content server over loopback, against Python's; a client of the system fetches. */

import { spawn } from 'node:child_process';
import { createHash, randomFillSync } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { contentServer } from '../../src-main/software/content-server.ts';
import { contest, program, workFolder } from './measure.ts';

const folder = workFolder();
const bytes = randomFillSync(Buffer.alloc(256 * 1024 * 1024));
const name = createHash('sha512').update(bytes).digest('hex');
await mkdir(join(folder, 'bcache'));
await writeFile(join(folder, 'bcache', name), bytes);

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });

const server = contentServer({ root: folder, manifest: null });
const ours = await server.listen(0);
const port = await freePort();
const python = spawn('python3', ['-m', 'http.server', String(port), '--bind', '127.0.0.1', '--directory', folder], {
  stdio: 'ignore',
});
await program([
  'curl',
  '--silent',
  '--fail',
  '--retry',
  '20',
  '--retry-connrefused',
  '--retry-delay',
  '1',
  '-o',
  '/dev/null',
  `http://127.0.0.1:${port}/`,
]);
const fetched = (at: number) =>
  program(['curl', '--silent', '--fail', '-o', '/dev/null', `http://127.0.0.1:${at}/bcache/${name}`]);

await contest({
  work: 'serve 256 MiB over HTTP',
  best: 'python3 -m http.server',
  asked: 0.9,
  rounds: 7,
  ours: () => fetched(ours),
  theirs: () => fetched(port),
});

python.kill();
await server.close();
