// What only Electron can do for the window, without Electron: facts about the program, and a picker that always picks one folder.
import { Picks } from '../../src-main/app/picks.ts';
import type { Desk } from '../../src-main/runbook/desk.ts';
import type { Handlers, OutputOf } from '../../src-shared/api.ts';

export const appInfo = (dataFolder: string): OutputOf<'app.info'> => ({
  version: '0.1.0',
  electron: null,
  node: process.versions.node,
  platform: 'linux x64',
  root: false,
  dataFolder,
});

/** The full set for a desk; the picker picks `picked`. */
export function windowHandlers(desk: Desk, dataFolder: string, picked: string): Handlers {
  const picks = new Picks();
  return {
    ...desk.handlers,
    'app.info': async () => appInfo(dataFolder),
    'pick.path': async () => ({ token: picks.keep(picked), display: picked }),
  };
}
