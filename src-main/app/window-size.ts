// Remembers how large the window was. Size only: a position means nothing on Wayland.
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { z } from 'zod';

const windowSize = z.strictObject({
  width: z.int().min(640).max(10_000),
  height: z.int().min(480).max(10_000),
  maximized: z.boolean(),
});
export type WindowSize = z.infer<typeof windowSize>;

export const usualSize: WindowSize = { width: 1280, height: 800, maximized: false };

/** The kept size; the usual one when none is kept or the file cannot be used. */
export function readWindowSize(path: string): WindowSize {
  try {
    return windowSize.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return usualSize;
  }
}

/** Keeps the size. A failure costs nothing but the size, so it is not worth a message while closing. */
export function keepWindowSize(path: string, size: WindowSize): void {
  try {
    writeFileSync(`${path}.part`, JSON.stringify(size));
    renameSync(`${path}.part`, path);
  } catch {
    // The next start opens at the usual size.
  }
}
