// A folder of its own for a test, removed after it.
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Problem } from '../../../src-shared/problem.ts';

export async function scratch(): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'fieldkit-medium-')));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export async function put(path: string, content: string | Uint8Array): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  return path;
}

/** The problem an act ends in; fails when it ends well or with something else. */
export async function problemOf(act: Promise<unknown>): Promise<Problem['data']> {
  const thrown: unknown = await act.then(
    () => new Error('no problem'),
    (reason: unknown) => reason,
  );
  if (thrown instanceof Error && 'data' in thrown) return (thrown as Problem).data;
  throw thrown;
}
