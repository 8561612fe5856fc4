// Many files of the medium onto a machine, as one command with one progress. Called by the hands for `copy` commands.
// What is there already with the right hash is left, a part is continued: a copy that was cut off goes on where it was.
import type { CommandOf } from '../../src-shared/step.ts';
import type { Performed, Performing } from '../runbook/performer.ts';
import type { TargetMeans } from './on-target.ts';

/** Small files are mostly round trips; one connection carries no more sessions than eight. */
const atOnce = 3;

/** Throws what an upload throws: `upload-differs`, `command-failed` (no room), `connection-lost`, `cancelled`. */
export async function performCopy(
  means: TargetMeans,
  machine: string,
  command: CommandOf<'copy'>,
  context: Performing,
): Promise<Performed> {
  const target = await means.target(machine, context.signal);
  const total = command.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const done = new Map<string, number>();
  let doneBytes = 0;
  const failure = new AbortController();
  const signal = AbortSignal.any([context.signal, failure.signal]);
  const waiting = [...command.files];
  const sendNext = async (): Promise<void> => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const { path, sha256, sizeBytes } = file;
      await target.upload({
        from: await means.mediumFile(path),
        to: `${command.to}/${path}`,
        sha256,
        sizeBytes,
        // Readable to the server, which runs as nobody in particular.
        mode: 0o644,
        onProgress: (bytes) => {
          doneBytes += bytes - (done.get(path) ?? 0);
          done.set(path, bytes);
          context.onProgress({ done: doneBytes, total, unit: 'bytes', what: path });
        },
        signal,
      });
    }
  };
  // The first failure ends the others, and is the one that is told.
  let first: unknown = null;
  await Promise.all(
    Array.from({ length: atOnce }, () =>
      sendNext().catch((error: unknown) => {
        if (!failure.signal.aborted) first = error;
        failure.abort();
      }),
    ),
  );
  if (failure.signal.aborted) throw first;
  return { exit: null, output: '' };
}
