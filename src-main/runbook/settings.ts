// What a person set for the program on this laptop. Read and written by the desk and the command line. Nothing secret is in it.
import { join } from 'node:path';
import { type Settings, settings as schema } from '../../src-shared/api.ts';
import { parseJson } from '../../src-shared/json.ts';
import { ensureFolder, readTextOrNull, writeAtomic } from '../platform/files.ts';

const pathIn = (dataFolder: string): string => join(dataFolder, 'settings.json');

/** The defaults where nothing was set, or what was set cannot be read. */
export async function readSettings(dataFolder: string): Promise<Settings> {
  const parsed = schema.safeParse(parseJson((await readTextOrNull(pathIn(dataFolder))) ?? ''));
  return parsed.success ? parsed.data : { theme: 'system', language: 'en', lastSite: null, technician: '' };
}

export async function saveSettings(dataFolder: string, settings: Settings): Promise<void> {
  await ensureFolder(dataFolder, 0o700);
  await writeAtomic(pathIn(dataFolder), JSON.stringify(settings));
}
