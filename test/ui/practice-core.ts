// The real core with its practice site, on a data folder of its own: what the window talks to in Electron, without Electron.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compose } from '../../src-main/compose.ts';
import { makeDesk } from '../../src-main/runbook/desk.ts';
import { windowHandlers } from '../fakes/window-handlers.ts';
import type { Core } from './transport.ts';

export interface PracticeCore extends Core {
  readonly home: string;
  readonly answers: Readonly<Record<string, string>>;
  /** Ends the program's side as a kill would leave it, and starts it anew on the same folder. */
  close(): Promise<void>;
}

/** `pace`: 0 makes simulated work take no time, 1 as long as in life. */
export function practiceCore(home: string, pace: number): PracticeCore {
  const kit = compose({
    env: { ...process.env, FIELDKIT_HOME: home, SSH_AUTH_SOCK: undefined },
    practicePace: pace,
  });
  const desk = makeDesk(kit.parts);
  const handlers = windowHandlers(desk, kit.parts.dataFolder, home);
  return { handlers, home, answers: kit.practice.answers, onEvent: desk.onEvent, close: desk.close };
}

export const temporaryHome = (): Promise<string> => mkdtemp(join(tmpdir(), 'fieldkit-ui-'));
export const removeHome = (home: string): Promise<void> => rm(home, { recursive: true, force: true });
