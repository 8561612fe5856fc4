// Keeps the laptop awake while a run is active, shows that on the taskbar, and calls the person when one is needed.
import { type BrowserWindow, Notification, powerSaveBlocker } from 'electron';
import type { StreamEvent } from '../../src-shared/api.ts';
import type { Engine } from './engine.ts';

/** Returns a function that says whether sleep is inhibited now (for tests and the close question). */
export function setupPower({ desk, words }: Engine, window: () => BrowserWindow | null): () => boolean {
  let blocker: number | null = null;
  const settle = (): void => {
    const busy = desk.busy();
    if (busy && blocker === null) blocker = powerSaveBlocker.start('prevent-app-suspension');
    if (!busy && blocker !== null) {
      powerSaveBlocker.stop(blocker);
      blocker = null;
      window()?.setProgressBar(-1);
    }
  };
  desk.onEvent((event) => {
    settle();
    showProgress(window(), event);
    callPerson(window(), event, words());
  });
  return () => blocker !== null && powerSaveBlocker.isStarted(blocker);
}

function showProgress(window: BrowserWindow | null, { event }: StreamEvent): void {
  if (window === null || !('live' in event) || event.live.kind !== 'progress') return;
  const { done, total } = event.live;
  window.setProgressBar(total === null || total === 0 ? 2 : Math.min(1, done / total));
}

/** A person who left during a long wait is told when something needs them or a run is over. */
function callPerson(
  window: BrowserWindow | null,
  { site, event }: StreamEvent,
  words: ReturnType<Engine['words']>,
): void {
  if (window === null || window.isFocused() || !Notification.isSupported() || !('live' in event)) return;
  const body =
    event.live.kind === 'question' || event.live.kind === 'confirm'
      ? words.needsYou
      : event.live.kind === 'run-over'
        ? words.runOver
        : null;
  if (body === null) return;
  const notification = new Notification({ title: site, body });
  notification.on('click', () => window.show());
  notification.show();
}
