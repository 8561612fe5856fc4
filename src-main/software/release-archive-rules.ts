// What an archive of a software release may hold, entry by entry. Pure; called by the release archive check alone.
// Targets unpack it as root into /opt/slapgrid without looking, so every rule here stands for a harm there.
import { problem } from '../../src-shared/problem.ts';
import { readableName, type TarEntry } from './tar-scan.ts';

export interface ArchiveTally {
  readonly entries: number;
  /** Sum of the files' sizes. */
  readonly unpackedBytes: number;
  /** `user:group` pairs, sorted. */
  readonly owners: readonly string[];
  /** The builder's own mark is inside; official archives lack it, slapgrid writes it after unpacking. */
  readonly completed: boolean;
  readonly files: number;
}

export interface ArchiveRules {
  /** Throws the first `release-archive-*` problem. */
  check(entry: TarEntry): void;
  tally(): ArchiveTally;
}

/** `path` is the archive's, for the problems; `md5` is the one folder it must hold. */
export function archiveRules(path: string, md5: string): ArchiveRules {
  const owners = new Set<string>();
  /** Names a later entry must not go through or replace: it would be written to where the link points. */
  const links = new Set<string>();
  let entries = 0;
  let files = 0;
  let unpackedBytes = 0;
  let completed = false;

  const unsafe = (name: string) => problem('release-archive-unsafe-name', { path, name: readableName(name) });

  const partsOf = (name: string, shown: string): readonly string[] => {
    if (name.startsWith('/')) throw unsafe(shown);
    const parts = name.split('/').filter((part) => part !== '' && part !== '.');
    if (parts.includes('..')) throw unsafe(shown);
    return parts;
  };

  const throughLink = (parts: readonly string[]): boolean => {
    if (links.size === 0) return false;
    let prefix = '';
    for (const part of parts) {
      prefix = prefix === '' ? part : `${prefix}/${part}`;
      if (links.has(prefix)) return true;
    }
    return false;
  };

  const checkName = (entry: TarEntry): string => {
    const parts = partsOf(entry.name, entry.name);
    const [top] = parts;
    if (top !== md5) {
      throw problem('release-archive-wrong-folder', { path, expected: md5, found: readableName(top ?? '.') });
    }
    if (parts.length === 1 && entry.kind !== 'folder') throw unsafe(entry.name);
    if (throughLink(parts)) throw unsafe(entry.name);
    if (parts[1] === '.shared') throw problem('release-archive-shared-parts', { path });
    if (parts.length === 2 && parts[1] === '.completed' && entry.kind === 'file') completed = true;
    return parts.join('/');
  };

  const checkLink = (entry: TarEntry, name: string) => {
    if (entry.kind === 'hard-link') {
      const shown = `${entry.name} -> ${entry.linkName}`;
      const target = partsOf(entry.linkName, shown);
      if (target[0] !== md5 || target.length === 1) throw unsafe(shown);
      if (throughLink(target.slice(0, -1))) throw unsafe(shown);
      if (links.has(target.join('/'))) links.add(name);
    }
    // Where a symbolic link points is the release's own affair: absolute ones to /usr and /opt are usual.
    if (entry.kind === 'symbolic-link') links.add(name);
  };

  const checkOwner = (entry: TarEntry) => {
    for (const owner of [entry.userName, entry.groupName]) {
      if (owner !== '' && !/^\d+$/.test(owner)) continue;
      const shown = owner === '' ? '-' : owner;
      throw problem('release-archive-owner-not-name', { path, name: readableName(entry.name), owner: shown });
    }
    owners.add(`${readableName(entry.userName)}:${readableName(entry.groupName)}`);
  };

  return {
    check(entry) {
      const name = checkName(entry);
      if (entry.kind === 'character-device' || entry.kind === 'block-device' || entry.kind === 'pipe') {
        throw problem('release-archive-special-file', { path, name: readableName(entry.name), kind: entry.kind });
      }
      checkLink(entry, name);
      checkOwner(entry);
      entries += 1;
      if (entry.kind === 'file') files += 1;
      unpackedBytes += entry.sizeBytes;
    },
    tally: () => ({ entries, files, unpackedBytes, owners: [...owners].sort(), completed }),
  };
}
