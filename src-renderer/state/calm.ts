// Reads anew what every event may have changed, without a question for each of a hundred events. Used by the sheet's page.

/** How long nothing has to happen before it is asked again. */
const quietMs = 500;

interface Calm {
  /** The first time at once, later when it has been quiet for a while. */
  readonly ask: () => void;
  readonly stop: () => void;
}

/** One question at a time: what happens meanwhile is asked for afterwards. `question` handles its own failures. */
export function calmly(question: () => Promise<void>): Calm {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let first = true;
  let busy = false;
  let wanted = false;
  let stopped = false;
  const put = async (): Promise<void> => {
    busy = true;
    wanted = false;
    await question();
    busy = false;
    if (wanted) ask();
  };
  const ask = (): void => {
    if (stopped) return;
    if (busy) {
      wanted = true;
      return;
    }
    clearTimeout(timer);
    timer = setTimeout(() => void put(), first ? 0 : quietMs);
    first = false;
  };
  const stop = (): void => {
    stopped = true;
    clearTimeout(timer);
  };
  return { ask, stop };
}
