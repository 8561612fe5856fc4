// Lines of output for a screen, in bunches: a machine may say more in a second than a window can draw.
// Used while commands are performed. What is left out here is in the record.

const everyMs = 100;
const mostLines = 200;

export interface LineBunches {
  readonly add: (line: string) => void;
  /** Shows what is left, at the end. */
  readonly flush: () => void;
}

/** Calls `show` at most ten times a second, each time with the last lines since; the first line is shown at once. */
export function lineBunches(show: (lines: string[]) => void): LineBunches {
  let waiting: string[] = [];
  let timer: NodeJS.Timeout | null = null;
  const flush = (): void => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    const lines = waiting;
    waiting = [];
    if (lines.length > 0) show(lines);
  };
  const pause = (): void => {
    timer = setTimeout(() => {
      timer = null;
      if (waiting.length === 0) return;
      flush();
      pause();
    }, everyMs);
    timer.unref();
  };
  return {
    add: (line) => {
      waiting.push(line);
      if (waiting.length > mostLines) waiting.splice(0, waiting.length - mostLines);
      if (timer !== null) return;
      flush();
      pause();
    },
    flush,
  };
}
