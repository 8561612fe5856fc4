// systemd-inhibit itself needs a session; here another program of its name says what it was asked and holds on as it does.
import { chmod, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { stayAwake } from '../../../src-main/platform/stay-awake.ts';

afterEach(() => vi.unstubAllEnvs());

test('it is held from the call to the release, and the reason is told', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'fieldkit-awake-'));
  const log = join(folder, 'log');
  const program = join(folder, 'systemd-inhibit');
  await writeFile(program, `#!/bin/sh\necho "$3" >> '${log}'\ncat\necho over >> '${log}'\n`);
  await chmod(program, 0o755);
  vi.stubEnv('PATH', `${folder}:${process.env.PATH}`);
  const said = () => readFile(log, 'utf8').catch(() => '');
  const release = stayAwake('site lab');
  await vi.waitFor(async () => expect(await said()).toBe('--why=site lab\n'), 10_000);
  release();
  await vi.waitFor(async () => expect(await said()).toBe('--why=site lab\nover\n'), 10_000);
});

test('where there is none, nothing happens', () => {
  vi.stubEnv('PATH', '/nowhere');
  expect(() => stayAwake('site lab')()).not.toThrow();
});
