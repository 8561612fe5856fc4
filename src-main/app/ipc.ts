// The wire between the window and the program: one handler a procedure and one stream of events.
// Called by entry.ts. It must refuse a call before it looks at it when it does not come from our own page.
import { type BrowserWindow, ipcMain, type WebFrameMain } from 'electron';
import type { Handlers, StreamEvent } from '../../src-shared/api.ts';
import { eventChannel, procedureChannel, procedures } from '../../src-shared/channels.ts';
import { problem } from '../../src-shared/problem.ts';
import { isOwnAddress } from './content-policy.ts';
import { answerCall } from './envelope.ts';

interface Wire {
  readonly handlers: Handlers;
  /** Returns the unsubscriber. */
  readonly onEvent: (listener: (event: StreamEvent) => void) => () => void;
  readonly window: () => BrowserWindow | null;
  readonly developmentOrigin: string | null;
  readonly checkOutput: boolean;
}

/** Registers every procedure and forwards the stream. */
export function setupIpc(wire: Wire): void {
  for (const name of procedures) {
    ipcMain.handle(procedureChannel(name), (event, input: unknown) => {
      // Read at once: after an await the frame may be gone and this would be null.
      const frame = event.senderFrame;
      if (!isOurs(frame, wire)) return { problem: problem('usage-wrong', { detail: 'not from the window' }).data };
      return answerCall(wire.handlers, name, input, { checkOutput: wire.checkOutput });
    });
  }
  wire.onEvent((event) => {
    const window = wire.window();
    if (window !== null && !window.isDestroyed()) window.webContents.send(eventChannel, event);
  });
}

function isOurs(frame: WebFrameMain | null, wire: Wire): boolean {
  const main = wire.window()?.webContents.mainFrame;
  if (frame === null || main === undefined) return false;
  return frame === main && isOwnAddress(frame.url, wire.developmentOrigin);
}
