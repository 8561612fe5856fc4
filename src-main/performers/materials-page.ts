// The bill of materials as a page that opens from the medium without the program: every package and release with its version, where
// it lies, and where its licence is told. Called where the medium's small files are derived from the lock. No script: the search
// of the browser finds a name. Pure.
import type { LockedPackage, SiteLock } from '../../src-shared/lock.ts';
import { mediumPaths } from '../../src-shared/manifest.ts';
import { escaped, pageOnMedium } from '../medium/readme.ts';

interface Words {
  readonly language: string;
  readonly title: (site: string) => string;
  readonly how: string;
  readonly licences: string;
  readonly releases: string;
  readonly packages: (system: string, count: number) => string;
  readonly columns: readonly [name: string, version: string, source: string, system: string];
}

const words: readonly Words[] = [
  {
    language: 'en',
    title: (site) => `What the medium of the site ${site} is made of`,
    how: 'To find a package, search this page (Ctrl F). Each name leads to its file. The same for programs, with the hash of each file, as CycloneDX 1.6:',
    licences:
      'Licences: each Debian package carries its own, in the file itself and, once installed, as /usr/share/doc/NAME/copyright. Those of a distribution’s own archive come from its component main, unless the site plan names others: free software by Debian’s guidelines. A release is compiled from many parts, each under its own licence; its address names them.',
    releases: 'Software releases',
    packages: (system, count) => `Packages for ${system}: ${count}`,
    columns: ['name', 'version', 'source', 'system'],
  },
  {
    language: 'fr',
    title: (site) => `De quoi est fait le support du site ${site}`,
    how: 'Pour trouver un paquet, chercher dans cette page (Ctrl F). Chaque nom mène à son fichier. La même chose pour les programmes, avec l’empreinte de chaque fichier, en CycloneDX 1.6\u00a0:',
    licences:
      'Licences\u00a0: chaque paquet Debian porte la sienne, dans le fichier même et, une fois installé, dans /usr/share/doc/NOM/copyright. Ceux de l’archive même d’une distribution viennent de son composant main, sauf si le plan de site en nomme d’autres\u00a0: des logiciels libres selon Debian. Une version logicielle est compilée de nombreuses parties, chacune sous sa licence\u00a0; son adresse les nomme.',
    releases: 'Versions logicielles',
    packages: (system, count) => `Paquets pour ${system}\u00a0: ${count}`,
    columns: ['nom', 'version', 'source', 'système'],
  },
];

/** The whole page; what is said stands in English and in French, the lists once. Equal locks give equal bytes. */
export function materialsPage(lock: SiteLock, site: string): string {
  const said = words.map(
    ({ language, title, how, licences }) =>
      `<section lang="${language}"><h1>${escaped(title(site))}</h1><p>${escaped(how)} <a href="${mediumPaths.materials}">${mediumPaths.materials}</a></p><p>${escaped(licences)}</p></section>`,
  );
  const systems = Object.entries(lock.systems).sort(first);
  return pageOnMedium(words[0]?.title(site) ?? '', [
    ...said,
    `<section>${heading(({ releases }) => releases)}${table(releaseRows(lock))}</section>`,
    ...systems.map(([system, { packages }]) => {
      const rows = [...packages].sort(byName).map((deb) => packageRow(system, deb));
      return `<section>${heading((text) => text.packages(system, rows.length))}${table(rows)}</section>`;
    }),
  ]);
}

const first = ([one]: readonly [string, unknown], [other]: readonly [string, unknown]): number =>
  one < other ? -1 : 1;
const byName = (one: LockedPackage, other: LockedPackage): number =>
  one.name === other.name ? (one.version < other.version ? -1 : 1) : one.name < other.name ? -1 : 1;

const heading = (say: (text: Words) => string): string =>
  `<h2>${words.map((text) => `<span lang="${text.language}">${escaped(say(text))}</span>`).join(' / ')}</h2>`;

function table(rows: readonly (readonly string[])[]): string {
  const [english, french] = words.map(({ columns }) => columns);
  const names = (english ?? []).map((name, index) => [...new Set([name, french?.[index] ?? name])].join(' / '));
  const head = names.map((name) => `<th scope="col">${escaped(name)}</th>`).join('');
  const body = rows.map((cells) => `<tr>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`);
  return `<table><thead><tr>${head}</tr></thead><tbody>\n${body.join('\n')}\n</tbody></table>`;
}

const link = (path: string, name: string): string =>
  `<a href="${escaped(path.split('/').map(encodeURIComponent).join('/'))}">${escaped(name)}</a>`;

const packageRow = (system: string, { name, version, source, path }: LockedPackage): readonly string[] => [
  link(`${mediumPaths.repository(system)}/${path}`, name),
  escaped(version),
  escaped(source),
  escaped(system),
];

const releaseRows = (lock: SiteLock): readonly (readonly string[])[] =>
  Object.entries(lock.releases)
    .sort(first)
    .flatMap(([name, { url, entries }]) =>
      entries.map(({ system, sha512 }) => [
        link(mediumPaths.blob(sha512), name),
        escaped(/\/(\d+\.\d+(?:\.\d+)*)\//.exec(url)?.[1] ?? '-'),
        escaped(url),
        escaped(system),
      ]),
    );
