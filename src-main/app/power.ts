// Keeps the laptop awake while a run is active, shows that on the taskbar, and calls the person when one is needed.
import { type BrowserWindow, Notification, powerSaveBlocker } from 'electron';
import type { StreamEvent } from '../../src-shared/api.ts';
import type { Engine } from './engine.ts';
import { reduceWork, shownOf, type Work } from './taskbar.ts';

/** Follows the stream for as long as the program lives. */
export function setupPower(
  { desk, words }: Engine,
  window: () => BrowserWindow | null,
  bringToFront: () => void,
): void {
  let blocker: number | null = null;
  const stayAwake = (busy: boolean): void => {
    if (busy && blocker === null) blocker = powerSaveBlocker.start('prevent-app-suspension');
    if (!busy && blocker !== null) {
      powerSaveBlocker.stop(blocker);
      blocker = null;
    }
  };
  let work: Work = new Map();
  let shown = shownOf(work, false);
  const showOnTaskbar = (busy: boolean): void => {
    const next = shownOf(work, busy);
    if (next !== shown) window()?.setProgressBar(next);
    shown = next;
  };
  desk.onEvent((event) => {
    const busy = desk.busy();
    work = reduceWork(work, event);
    stayAwake(busy);
    showOnTaskbar(busy);
    callPerson(window(), bringToFront, event, words());
  });
}

/** A person who left during a long wait is told when something needs them or a run is over. */
function callPerson(
  window: BrowserWindow | null,
  bringToFront: () => void,
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
  notification.on('click', bringToFront);
  notification.show();
}
