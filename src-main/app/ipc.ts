// The wire between the window and the program: one handler a procedure and one stream of events.
// Called by the window program. It must refuse a call before it looks at it when it does not come from our own page.
import { type BrowserWindow, ipcMain, type WebFrameMain } from 'electron';
import { eventChannel, procedureChannel, procedures } from '../../src-shared/channels.ts';
import { problem, toProblemData } from '../../src-shared/problem.ts';
import { isOwnAddress } from './content-policy.ts';
import type { Engine } from './engine.ts';

interface Wire {
  /** A call that comes before it is there waits for it. */
  readonly engine: Promise<Engine>;
  readonly window: () => BrowserWindow | null;
  readonly developmentOrigin: string | null;
}

/** Registers every procedure and forwards the stream. */
export function setupIpc(wire: Wire): void {
  for (const name of procedures) {
    ipcMain.handle(procedureChannel(name), (event, input: unknown) => {
      // Read at once: after an await the frame may be gone and this would be null.
      const frame = event.senderFrame;
      if (!isOurs(frame, wire)) return { problem: problem('usage-wrong', { detail: 'not from the window' }).data };
      return wire.engine.then(
        ({ answer }) => answer(name, input),
        (thrown: unknown) => ({ problem: toProblemData(thrown) }),
      );
    });
  }
  void wire.engine.then(
    ({ desk }) =>
      desk.onEvent((event) => {
        const window = wire.window();
        if (window !== null && !window.isDestroyed()) window.webContents.send(eventChannel, event);
      }),
    // Each call of the window is told.
    () => undefined,
  );
}

function isOurs(frame: WebFrameMain | null, wire: Wire): boolean {
  const main = wire.window()?.webContents.mainFrame;
  if (frame === null || main === undefined) return false;
  return frame === main && isOwnAddress(frame.url, wire.developmentOrigin);
}
