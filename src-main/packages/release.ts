// A Release file: what it says of an archive and its indexes. Called by the archive reader, after the signature was checked.
// Pure. It must never be fed text that is not verified.
// Format: the repository format of Debian (wiki.debian.org/DebianRepository/Format).
import { problem } from '../../src-shared/problem.ts';
import { fieldOf, parseStanza } from './control.ts';

export interface Listing {
  readonly sha256: string;
  readonly sizeBytes: number;
}

export interface Release {
  readonly suite: string | null;
  readonly codename: string | null;
  readonly date: Date;
  readonly validUntil: Date | null;
  readonly byHash: boolean;
  /** By path relative to the Release file, without a leading `./`. */
  readonly files: ReadonlyMap<string, Listing>;
}

/** Throws `index-malformed`. */
export function parseRelease(text: string, url: string): Release {
  const stanza = parseStanza(text, url);
  const malformed = (detail: string) => problem('index-malformed', { file: url, detail });
  const date = (name: string): Date | null => {
    const value = fieldOf(stanza, name);
    if (value === null) return null;
    const parsed = new Date(value);
    if (Number.isNaN(parsed.getTime())) throw malformed(`${name}: ${value}`);
    return parsed;
  };
  const made = date('Date');
  if (made === null) throw malformed('Date');
  const files = new Map<string, Listing>();
  for (const line of (fieldOf(stanza, 'SHA256') ?? '').split('\n')) {
    if (line.trim() === '') continue;
    const [, sha256, size, path] = /^\s*([0-9a-f]{64})\s+(\d{1,15})\s+(\S+)$/.exec(line) ?? [];
    if (sha256 === undefined || size === undefined || path === undefined) throw malformed(`SHA256: ${line.trim()}`);
    files.set(path.replace(/^(\.\/)+/, ''), { sha256, sizeBytes: Number(size) });
  }
  if (files.size === 0) throw malformed('SHA256');
  return {
    suite: fieldOf(stanza, 'Suite'),
    codename: fieldOf(stanza, 'Codename'),
    date: made,
    validUntil: date('Valid-Until'),
    byHash: fieldOf(stanza, 'Acquire-By-Hash') === 'yes',
    files,
  };
}
