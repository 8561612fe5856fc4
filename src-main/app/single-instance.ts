// One program at a time: two copies writing one site or one medium would lose data.
import { app } from 'electron';

/** False when another copy runs already; it has been told to come to the front, and this one must end. */
export function setupSingleInstance(toFront: () => void): boolean {
  if (!app.requestSingleInstanceLock()) return false;
  app.on('second-instance', toFront);
  return true;
}
