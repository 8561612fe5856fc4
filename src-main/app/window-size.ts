// Remembers how large the window was. Size only: a position means nothing on Wayland.
import { readFileSync, renameSync, writeFileSync } from 'node:fs';

export interface WindowSize {
  readonly width: number;
  readonly height: number;
  readonly maximized: boolean;
}

export const usualSize: WindowSize = { width: 1280, height: 800, maximized: false };

const between = (value: unknown, least: number, most: number): value is number =>
  Number.isInteger(value) && Number(value) >= least && Number(value) <= most;

/** The kept size; the usual one when none is kept or the file cannot be used. By hand: the window stands before any schema is read in. */
export function readWindowSize(path: string): WindowSize {
  try {
    const { width, height, maximized } = JSON.parse(readFileSync(path, 'utf8')) as Record<keyof WindowSize, unknown>;
    const usable = between(width, 640, 10_000) && between(height, 480, 10_000) && typeof maximized === 'boolean';
    return usable ? { width, height, maximized } : usualSize;
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
