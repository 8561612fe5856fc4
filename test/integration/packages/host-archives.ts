// The Debian archives that this machine's own apt uses, so that no host name need be written down. Used by the tests here.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ArchiveSource } from '../../../src-main/packages/archive.ts';
import { fieldOf, parseStanzas } from '../../../src-main/packages/control.ts';

export interface HostArchives {
  /** Debian's release number, e.g. 12. */
  readonly release: number;
  readonly archives: readonly ArchiveSource[];
}

/** The same archives for another release: a mirror holds them all. Null when it does not hold this one. */
export async function archivesOf(release: number, host: HostArchives): Promise<readonly ArchiveSource[] | null> {
  const nameOf = (number: number): string => [...names].find(([, one]) => one === number)?.[0] ?? '';
  const keys = [await trustKey(release), await trustKey(release - 1).catch(() => trustKey(release))];
  const archives = host.archives.map((archive) => ({
    ...archive,
    suites: archive.suites.map((suite) => suite.replace(nameOf(host.release), nameOf(release))),
    keys,
  }));
  const reached = await Promise.all(archives.flatMap(({ url, suites }) => suites.map((suite) => answers(url, suite))));
  return reached.every((ok) => ok) ? archives : null;
}

const answers = (url: string, suite: string): Promise<boolean> =>
  fetch(`${url}/dists/${suite}/InRelease`, { method: 'HEAD', signal: AbortSignal.timeout(10_000) }).then(
    ({ ok }) => ok,
    () => false,
  );

const names = new Map([
  ['bullseye', 11],
  ['bookworm', 12],
  ['trixie', 13],
]);

/** Null when the machine's sources are no Debian of a known release, or their archive does not answer. */
export async function hostArchives(): Promise<HostArchives | null> {
  const sources = (await readSources()).filter(({ suites }) => suites.some((suite) => names.has(releaseOf(suite))));
  const release = names.get(releaseOf(sources[0]?.suites[0] ?? ''));
  const first = sources[0];
  if (release === undefined || first === undefined) return null;
  if (!(await answers(first.url, first.suites[0] ?? ''))) return null;
  const keys = [await trustKey(release), await trustKey(release - 1).catch(() => trustKey(release))];
  return { release, archives: sources.map((source) => ({ ...source, keys })) };
}

const releaseOf = (suite: string): string => suite.split('-')[0] ?? '';

const trustKey = (release: number): Promise<string> =>
  readFile(new URL(`../../../resources/trust/debian-archive-${release}.asc`, import.meta.url), 'utf8');

async function readSources(): Promise<Omit<ArchiveSource, 'keys'>[]> {
  const folder = '/etc/apt/sources.list.d';
  const listed = await readdir(folder).catch((): string[] => []);
  const found: Omit<ArchiveSource, 'keys'>[] = [];
  for (const path of ['/etc/apt/sources.list', ...listed.map((name) => join(folder, name))]) {
    const text = await readFile(path, 'utf8').catch(() => '');
    const entries = path.endsWith('.sources') ? ofStanzas(text, path) : ofLines(text);
    for (const { url, suites, components } of entries) {
      if (!components.includes('main')) continue;
      found.push({ name: `archive-${found.length}`, url: url.replace(/\/$/, ''), suites, components: ['main'] });
    }
  }
  return found;
}

interface Entry {
  readonly url: string;
  readonly suites: readonly string[];
  readonly components: readonly string[];
}

const words = (text: string | null): string[] => (text ?? '').split(/\s+/).filter((word) => word !== '');

function ofStanzas(text: string, path: string): Entry[] {
  return parseStanzas(text, path)
    .filter((stanza) => words(fieldOf(stanza, 'Types')).includes('deb') && fieldOf(stanza, 'Enabled') !== 'no')
    .map((stanza) => ({
      url: words(fieldOf(stanza, 'URIs'))[0] ?? '',
      suites: words(fieldOf(stanza, 'Suites')),
      components: words(fieldOf(stanza, 'Components')),
    }));
}

function ofLines(text: string): Entry[] {
  return text
    .split('\n')
    .map((line) => /^deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s+(.+)$/.exec(line.trim()))
    .filter((match) => match !== null)
    .map(([, url = '', suite = '', components = '']) => ({ url, suites: [suite], components: words(components) }));
}
