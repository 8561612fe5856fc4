// Log lines of each instance while the program runs. Kept outside React's state: a run can say thousands of lines, and
// only the open log needs to hear of them.
import { cleanText } from '../../src-shared/clean.ts';

/** Lines kept for one instance; older ones are in the outputs beside the journal. */
const mostLines = 20_000;

export interface LogLine {
  readonly index: number;
  readonly text: string;
}

interface Log {
  lines: readonly LogLine[];
  readonly listeners: Set<() => void>;
}

const logs = new Map<string, Log>();
const none: readonly LogLine[] = [];

const logOf = (instance: string): Log => {
  let log = logs.get(instance);
  if (log === undefined) {
    log = { lines: none, listeners: new Set() };
    logs.set(instance, log);
  }
  return log;
};

/** Adds lines of the command `index`; terminal sequences are made plain. */
export function addLines(instance: string, index: number, texts: readonly string[]): void {
  const log = logOf(instance);
  const fresh = texts.flatMap((text) => cleanText(text).split('\n')).map((text) => ({ index, text }));
  const all = [...log.lines, ...fresh];
  log.lines = all.length > mostLines ? all.slice(all.length - mostLines) : all;
  for (const listener of log.listeners) listener();
}

export const linesOf = (instance: string): readonly LogLine[] => logs.get(instance)?.lines ?? none;

/** For `useSyncExternalStore`. */
export function listenToLines(instance: string, listener: () => void): () => void {
  const { listeners } = logOf(instance);
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Forgets everything: another site was opened. */
export function clearLogs(): void {
  for (const log of logs.values()) {
    log.lines = none;
    for (const listener of log.listeners) listener();
  }
}
