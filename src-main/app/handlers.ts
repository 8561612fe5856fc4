// Joins what only Electron can do (the picker, facts about the program) with what the desk does, into the full set of
// handlers. Called by engine.ts.
import { app, dialog } from 'electron';
import type { Handlers, Settings } from '../../src-shared/api.ts';
import type { Desk } from '../runbook/desk.ts';
import { Picks } from './picks.ts';
import { isRoot } from './root.ts';
import { theWindow } from './window.ts';

/** `onSettings` hears of settings as they change. */
export function allHandlers(desk: Desk, dataFolder: string, onSettings: (settings: Settings) => void): Handlers {
  const picks = new Picks();
  return {
    ...desk.handlers,
    'app.info': async () => ({
      version: app.getVersion(),
      electron: process.versions.electron ?? null,
      node: process.versions.node,
      platform: `${process.platform} ${process.arch}`,
      root: isRoot(),
      dataFolder,
    }),
    'pick.path': async ({ kind, title }) => {
      const window = theWindow();
      if (window === null) return null;
      const { canceled, filePaths } = await dialog.showOpenDialog(window, {
        title,
        defaultPath: app.getPath('home'),
        properties: kind === 'folder' ? ['openDirectory', 'createDirectory'] : ['openFile'],
      });
      const path = filePaths[0];
      return canceled || path === undefined ? null : { token: picks.keep(path), display: path };
    },
    'settings.set': async (input) => {
      onSettings(input);
      return desk.handlers['settings.set'](input);
    },
    'sites.open': async (input) => {
      const snapshot = await desk.handlers['sites.open'](input);
      picks.learn(snapshot);
      return snapshot;
    },
    'media.list': async (input) => {
      const choices = await desk.handlers['media.list'](input);
      picks.offer(choices);
      return choices;
    },
    'media.contents': ({ site, path }) =>
      desk.handlers['media.contents']({ site, path: path === null ? null : picks.path(path) }),
    'media.verify': ({ site, path }) =>
      desk.handlers['media.verify']({ site, path: path === null ? null : picks.path(path) }),
    'media.compare': ({ site, path, other }) =>
      desk.handlers['media.compare']({ site, path: path === null ? null : picks.path(path), other: picks.path(other) }),
    'media.clone': ({ site, path, to }) =>
      desk.handlers['media.clone']({ site, path: path === null ? null : picks.path(path), to: picks.path(to) }),
    'media.generations': ({ site, path }) =>
      desk.handlers['media.generations']({ site, path: path === null ? null : picks.path(path) }),
    'media.restore': ({ path, ...input }) =>
      desk.handlers['media.restore']({ ...input, path: path === null ? null : picks.path(path) }),
    'media.tidy': ({ path, ...input }) =>
      desk.handlers['media.tidy']({ ...input, path: path === null ? null : picks.path(path) }),
    'media.repair': (input) => desk.handlers['media.repair']({ ...input, place: picks.path(input.place) }),
    'machines.survey': (input) => desk.handlers['machines.survey']({ ...input, folder: picks.path(input.folder) }),
    'records.export': (input) => desk.handlers['records.export']({ ...input, folder: picks.path(input.folder) }),
    'sites.onMedium': async ({ path }) => {
      const found = await desk.handlers['sites.onMedium']({ path: path === null ? null : picks.path(path) });
      picks.offer(found.map((item) => ({ token: item.path })));
      return found;
    },
    'keys.export': (input) => desk.handlers['keys.export']({ ...input, folder: picks.path(input.folder) }),
    'keys.import': (input) => desk.handlers['keys.import']({ ...input, path: picks.path(input.path) }),
    'records.save': (input) => desk.handlers['records.save']({ ...input, folder: picks.path(input.folder) }),
    'support.save': (input) => desk.handlers['support.save']({ ...input, folder: picks.path(input.folder) }),
    'sites.takeOver': (input) => desk.handlers['sites.takeOver']({ ...input, path: picks.path(input.path) }),
    'steps.plan': (input) =>
      desk.handlers['steps.plan']({ ...input, input: picks.resolve(input.instance, input.input) }),
    'drafts.save': (input) =>
      desk.handlers['drafts.save']({ ...input, input: picks.resolve(input.instance, input.input) }),
    'steps.run': (input) =>
      desk.handlers['steps.run']({
        ...input,
        inputs: Object.fromEntries(
          Object.entries(input.inputs).map(([key, value]) => [key, picks.resolve(key, value)]),
        ),
      }),
  };
}
