// Where the program keeps its things on this laptop. Called once by compose and the command line.
// It only names folders; it makes none.
import { homedir } from 'node:os';
import { join } from 'node:path';

export interface UserPaths {
  /** Sites and the vault: what must not be lost. */
  readonly data: string;
  /** Downloads that can be fetched again. */
  readonly cache: string;
  readonly config: string;
}

const name = 'slapos-field-kit';

/**
 * Folders of this user. `FIELDKIT_HOME` puts all three under one folder; else the XDG variables on Linux
 * (relative values are ignored, as that specification demands), and each system's own folders elsewhere.
 */
export function userPaths(
  env: Readonly<Record<string, string | undefined>>,
  platform: NodeJS.Platform = process.platform,
  home: string = env.HOME || homedir(),
): UserPaths {
  const own = env.FIELDKIT_HOME;
  if (own) return { data: join(own, 'data'), cache: join(own, 'cache'), config: join(own, 'config') };
  if (platform === 'darwin') {
    const support = join(home, 'Library', 'Application Support', name);
    return {
      data: join(support, 'data'),
      cache: join(home, 'Library', 'Caches', name),
      config: join(support, 'config'),
    };
  }
  if (platform === 'win32') {
    const roaming = env.APPDATA || join(home, 'AppData', 'Roaming');
    const local = env.LOCALAPPDATA || join(home, 'AppData', 'Local');
    return { data: join(local, name, 'data'), cache: join(local, name, 'cache'), config: join(roaming, name) };
  }
  const xdg = (variable: string, otherwise: string): string => {
    const value = env[variable];
    return join(value?.startsWith('/') ? value : join(home, otherwise), name);
  };
  return {
    data: xdg('XDG_DATA_HOME', '.local/share'),
    cache: xdg('XDG_CACHE_HOME', '.cache'),
    config: xdg('XDG_CONFIG_HOME', '.config'),
  };
}
