/**
 * Where this host gets its Debian packages from, read from its own apt sources. Called by the base trees and by tests that
 * give the product a source to solve from. Must never hold the name of a mirror.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The keys Debian signs its archive with, as Debian installs them. */
export const debianKeyring = '/usr/share/keyrings/debian-archive-keyring.gpg';

export interface ArchiveSource {
  /** Base address, without a slash at the end. */
  readonly uri: string;
  readonly suite: string;
  readonly components: readonly string[];
}

/** One line per address and suite of every enabled binary source of this host, in the order apt reads them. */
export function archiveSources(folder = '/etc/apt'): readonly ArchiveSource[] {
  const parts = join(folder, 'sources.list.d');
  const names = existsSync(parts) ? readdirSync(parts).sort() : [];
  const list = join(folder, 'sources.list');
  const lineFiles = [list, ...names.filter((name) => name.endsWith('.list')).map((name) => join(parts, name))];
  const stanzaFiles = names.filter((name) => name.endsWith('.sources')).map((name) => join(parts, name));
  return [
    ...lineFiles.filter((file) => existsSync(file)).flatMap((file) => readLines(readFileSync(file, 'utf8'))),
    ...stanzaFiles.flatMap((file) => readStanzas(readFileSync(file, 'utf8'))),
  ];
}

/** The source of a Debian suite (`bookworm`, `bookworm-security`), or undefined when this host has none. */
export function archiveSource(suite: string, folder?: string): ArchiveSource | undefined {
  return archiveSources(folder).find((source) => source.suite === suite && source.components.includes('main'));
}

/**
 * The base address Debian's releases are fetched from. Any Debian suite's source will do: a mirror holds them all.
 * Throws when this host has no Debian source.
 */
export function debianMirror(folder?: string): string {
  const releases = /^(bullseye|bookworm|trixie|forky|sid|stable|testing|unstable)$/;
  const source = archiveSources(folder).find((one) => releases.test(one.suite) && one.components.includes('main'));
  if (source === undefined) throw new Error('this host has no apt source of a Debian release');
  return source.uri;
}

/** `deb [options] uri suite component…`, sources.list(5). */
function readLines(text: string): ArchiveSource[] {
  return text.split('\n').flatMap((line) => {
    const words = line
      .replace(/#.*/, '')
      .replace(/\[[^\]]*\]/, ' ')
      .trim()
      .split(/\s+/);
    const [type, uri, suite, ...components] = words;
    if (type !== 'deb' || uri === undefined || suite === undefined) return [];
    return [{ uri: uri.replace(/\/+$/, ''), suite, components }];
  });
}

/** The deb822 form, sources.list(5): stanzas of `Field: words`, lines that begin with a blank continue the one before. */
function readStanzas(text: string): ArchiveSource[] {
  return text.split(/\n\s*\n/).flatMap((stanza) => {
    const lines = stanza.split('\n').filter((line) => !line.startsWith('#'));
    const fields = new Map<string, string>();
    let last = '';
    for (const line of lines) {
      const match = /^([A-Za-z-]+):(.*)$/.exec(line);
      if (match !== null) last = (match[1] ?? '').toLowerCase();
      fields.set(last, `${fields.get(last) ?? ''} ${match === null ? line : (match[2] ?? '')}`);
    }
    const words = (field: string) => (fields.get(field) ?? '').trim().split(/\s+/).filter(Boolean);
    if (!words('types').includes('deb') || words('enabled')[0] === 'no') return [];
    return words('uris').flatMap((uri) =>
      words('suites').map((suite) => ({ uri: uri.replace(/\/+$/, ''), suite, components: words('components') })),
    );
  });
}
