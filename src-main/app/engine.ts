// What answers the window: the desk with all its rooms. Much to read in, so the window program brings it by an import of its own,
// while the window already draws; nothing that the window needs before may import this.
import { app } from 'electron';
import type { Envelope, Settings } from '../../src-shared/api.ts';
import { compose } from '../compose.ts';
import { type Desk, makeDesk } from '../runbook/desk.ts';
import { answerCall } from './envelope.ts';
import { allHandlers } from './handlers.ts';
import { type Texts, texts } from './texts.ts';

export interface Engine {
  readonly desk: Desk;
  /** Answers one call of the window; never throws. */
  readonly answer: (name: string, input: unknown) => Promise<Envelope<unknown>>;
  /** What dialogs and notifications say, in the window's language. */
  readonly words: () => Texts['main'];
}

export async function startEngine(): Promise<Engine> {
  // Tests of a checkout may make simulated work take no time.
  const practicePace = app.isPackaged ? 1 : Number(process.env.FIELDKIT_PRACTICE_PACE ?? 1);
  const { parts } = compose({ env: process.env, practicePace });
  const desk = makeDesk(parts);
  let { language } = await desk.handlers['settings.get']({});
  const learn = (settings: Settings): void => {
    language = settings.language;
  };
  const handlers = allHandlers(desk, parts.dataFolder, learn);
  const checkOutput = !app.isPackaged;
  return {
    desk,
    answer: (name, input) => answerCall(handlers, name, input, { checkOutput }),
    words: () => texts(language).main,
  };
}
