// What a rehearsal hears: which files of the medium were taken, step by step, and which were asked for and not to be had.
// Used by the rehearsal alone. It reads the medium; it writes nothing.
import { join } from 'node:path';
import type { SiteLock } from '../src-shared/lock.ts';
import { type Manifest, mediumPaths } from '../src-shared/manifest.ts';
import { Problem } from '../src-shared/problem.ts';
import type { LackingFile, RehearsedStep } from '../src-shared/rehearsal.ts';
import type { Heard } from './performers/content-leases.ts';
import { fileSize, hashFile } from './platform/files.ts';
import type { Need } from './runbook/define.ts';

export interface Hearing extends Heard {
  /** What follows belongs to another step. */
  readonly begin: () => void;
  /** Taken since the rehearsal began. */
  readonly totalBytes: () => number;
  /** The file that a need comes to was taken whole, by whichever step. */
  readonly has: (need: Need) => boolean;
  /** What this step was refused; with `thoroughly`, also what it was given and is not as it was sealed. */
  readonly lacking: (thoroughly: boolean) => Promise<readonly LackingFile[]>;
  /** What this step took. */
  readonly taken: () => Pick<RehearsedStep, 'files' | 'sizeBytes' | 'packages' | 'releases'>;
  /** Listed files that nothing asked for, and that are not there. */
  readonly unasked: () => Promise<LackingFile[]>;
}

export function makeHearing(root: string, manifest: Manifest, lock: SiteLock): Hearing {
  const listed = new Map(manifest.files.map((file) => [file.path, file]));
  const everTaken = new Set<string>();
  const everLacking = new Set<string>();
  let taken = new Map<string, number>();
  let refused = new Map<string, LackingFile>();
  let totalBytes = 0;
  const names = namesOf(lock);

  return {
    served: ({ path, status, sentBytes, whole }) => {
      if (status !== 200 || !whole || sentBytes === 0) return;
      taken.set(path, sentBytes);
      everTaken.add(path);
      totalBytes += sentBytes;
    },
    failed: (thrown) => {
      if (!(thrown instanceof Problem)) return;
      const { code, params } = thrown.data;
      if (code !== 'medium-file-missing' && code !== 'medium-file-damaged') return;
      const path = String(params.file);
      refused.set(path, { path, code });
      everLacking.add(path);
    },
    begin: () => {
      taken = new Map();
      refused = new Map();
    },
    totalBytes: () => totalBytes,
    has: (need) => pathsOf(need, lock).every((path) => everTaken.has(path)),
    lacking: async (thoroughly) => {
      const found = [...refused.values()];
      if (!thoroughly) return found;
      for (const path of taken.keys()) {
        const other = (await hashFile(join(root, path), 'sha256')) !== listed.get(path)?.sha256;
        if (!other) continue;
        found.push({ path, code: 'medium-file-damaged' });
        everLacking.add(path);
      }
      return found;
    },
    taken: () => ({
      files: taken.size,
      sizeBytes: [...taken.values()].reduce((sum, sizeBytes) => sum + sizeBytes, 0),
      packages: [...taken.keys()].flatMap((path) => names.packages.get(path) ?? []),
      releases: [...taken.keys()].flatMap((path) => names.releases.get(path) ?? []),
    }),
    unasked: async () => {
      const found: LackingFile[] = [];
      for (const { path, sizeBytes } of manifest.files) {
        if (everTaken.has(path) || everLacking.has(path)) continue;
        // What an update under way has kept of the sealed state lies apart.
        const kept = await fileSize(join(root, mediumPaths.kept(manifest.generation, path)));
        const size = kept ?? (await fileSize(join(root, path)));
        if (size === null) found.push({ path, code: 'medium-file-missing' });
        else if (size !== sizeBytes) found.push({ path, code: 'medium-file-damaged' });
      }
      return found;
    },
  };
}

/** The files whose taking meets a need; keys are looked at when the medium is opened. */
function pathsOf(need: Need, lock: SiteLock): readonly string[] {
  switch (need.kind) {
    case 'package':
      return (lock.systems[need.system]?.packages ?? [])
        .filter(({ name }) => name === need.name)
        .map(({ path }) => `${mediumPaths.repository(need.system)}/${path}`);
    case 'release': {
      const entry = lock.releases[need.name]?.entries.find(({ system }) => system === need.system);
      return entry === undefined ? [] : [mediumPaths.blob(entry.sha512)];
    }
    case 'key':
      return [];
  }
}

function namesOf(lock: SiteLock) {
  return {
    packages: new Map<string, string>(
      Object.entries(lock.systems).flatMap(([system, { packages }]) =>
        packages.map(({ path, name }) => [`${mediumPaths.repository(system)}/${path}`, name] as const),
      ),
    ),
    releases: new Map<string, string>(
      Object.entries(lock.releases).flatMap(([name, { entries }]) =>
        entries.map(({ sha512 }) => [mediumPaths.blob(sha512), name] as const),
      ),
    ),
  };
}
