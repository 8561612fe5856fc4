// The bridge between the page and the program: two functions on `window.fieldkit`, nothing of Electron itself.
// Runs sandboxed and is built into one CommonJS file. Only the names listed in channels.ts can be called.
import { contextBridge, type IpcRendererEvent, ipcRenderer } from 'electron';
import { eventChannel, procedureChannel, procedures } from '../../src-shared/channels.ts';

const known = new Set<string>(procedures);

contextBridge.exposeInMainWorld('fieldkit', {
  invoke: (name: (typeof procedures)[number], input: unknown): Promise<unknown> =>
    known.has(name)
      ? ipcRenderer.invoke(procedureChannel(name), input)
      : Promise.reject(new Error(`no procedure ${String(name)}`)),

  onEvent: (listener: (event: unknown) => void): (() => void) => {
    // Electron's event object stays here; the page gets the data alone.
    const forward = (_event: IpcRendererEvent, data: unknown): void => listener(data);
    ipcRenderer.on(eventChannel, forward);
    return () => {
      ipcRenderer.off(eventChannel, forward);
    };
  },
});
