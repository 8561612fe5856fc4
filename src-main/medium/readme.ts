// The page that lies on the medium and says what it is, for someone who finds it without the program.
// Called by the write-index job. One file, no script, nothing loaded from elsewhere. Pure.
import { createHash } from 'node:crypto';
import { formatBytes, groupedFingerprint } from '../../src-shared/format.ts';
import { mediumPaths } from '../../src-shared/manifest.ts';

export interface ReadmeFacts {
  readonly site: string;
  /** `debian-12-amd64`, … */
  readonly systems: readonly string[];
  /** URLs of the software releases. */
  readonly releases: readonly string[];
  /** Of the manifest's key, lower-case hex. */
  readonly fingerprint: string;
  readonly repositoryFingerprint?: string;
  readonly cacheFingerprint?: string;
  /** What lies here, with sizes; left out when it is not known. */
  readonly contents?: readonly { readonly name: string; readonly count: number; readonly sizeBytes: number }[];
}

interface Words {
  readonly language: string;
  readonly title: (site: string) => string;
  readonly what: string;
  readonly withProgram: string;
  readonly byHand: string;
  readonly key: string;
  readonly serve: string;
  readonly slapos: string;
  readonly apt: string;
  readonly seal: string;
  readonly contents: string;
  readonly content: (count: number, size: string) => string;
  readonly materials: string;
  readonly trust: string;
  readonly keys: readonly [manifest: string, repository: string, cache: string];
  readonly releases: string;
  readonly systems: string;
}

const words: readonly Words[] = [
  {
    language: 'en',
    title: (site) => `Medium of the site ${site}`,
    what: 'This folder holds all that the machines of the site need to install SlapOS without a network: Debian packages, software releases, and the signatures that prove them.',
    withProgram:
      'With the program: open the site in SlapOS Field Kit, choose this medium, and follow the steps of the site phase.',
    byHand: 'Without the program: any web server that serves plain files will do. From this folder:',
    key: 'Take the key of the packages to each machine, TARGET, from this folder too:',
    serve: 'Then, where SERVER is the address of this machine as the target sees it:',
    slapos:
      'in the [networkcache] section of /etc/opt/slapos/slapos.cfg, edited in place and never added a second time:',
    apt: 'on the machine, as root, for its own system; apt then asks this medium alone:',
    seal: 'Whether the list of all files is the one that was sealed (it holds the sha256 of each):',
    contents: 'Contents',
    content: (count, size) => `${count} files, ${size}`,
    materials: 'Every package and release: its version, where it is from, where its licence lies',
    trust:
      'Compare these fingerprints with the printed sheet before you trust anything here. What lies beside a signature proves nothing by itself.',
    keys: ['manifest', 'packages', 'software cache'],
    releases: 'Software releases',
    systems: 'Target systems',
  },
  {
    language: 'fr',
    title: (site) => `Support du site ${site}`,
    what: 'Ce dossier contient tout ce qu’il faut aux machines du site pour installer SlapOS sans réseau : paquets Debian, versions logicielles, et les signatures qui les prouvent.',
    withProgram:
      'Avec le programme : ouvrir le site dans SlapOS Field Kit, choisir ce support et suivre les étapes de la phase sur site.',
    byHand: 'Sans le programme : n’importe quel serveur web de fichiers convient. Depuis ce dossier :',
    key: 'Porter la clé des paquets sur chaque machine, TARGET, depuis ce dossier aussi :',
    serve: 'Puis, SERVER étant l’adresse de cette machine vue de la cible :',
    slapos:
      'dans la section [networkcache] de /etc/opt/slapos/slapos.cfg, modifiée sur place et jamais ajoutée une seconde fois :',
    apt: 'sur la machine, en root, pour son propre système ; apt n’interroge alors que ce support :',
    seal: 'Si la liste de tous les fichiers est bien celle qui a été scellée (elle contient le sha256 de chacun) :',
    contents: 'Contenu',
    content: (count, size) => `${count} fichiers, ${size}`,
    materials: 'Chaque paquet et chaque version logicielle : numéro de version, provenance, où se trouve sa licence',
    trust:
      'Comparer ces empreintes à la feuille imprimée avant de se fier à ce qui est ici. Ce qui se trouve à côté d’une signature ne prouve rien à lui seul.',
    keys: ['manifeste', 'paquets', 'cache logiciel'],
    releases: 'Versions logicielles',
    systems: 'Systèmes cibles',
  },
];

/** The whole page, English first, then French. Equal facts give equal bytes. */
export function readme(facts: ReadmeFacts): string {
  const [first] = words;
  return pageOnMedium(
    first?.title(facts.site) ?? '',
    words.map((one) => section(one, facts)),
  );
}

/** A page that opens from the medium anywhere: nothing is loaded, nothing runs. `parts` are HTML. */
export const pageOnMedium = (title: string, parts: readonly string[]): string =>
  [
    '<!doctype html>',
    '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; style-src \'unsafe-inline\'">',
    `<title>${escaped(title)}</title>`,
    `<style>${style}</style></head><body>`,
    ...parts,
    '</body></html>',
    '',
  ].join('\n');

function section(text: Words, facts: ReadmeFacts): string {
  const { site, systems, releases } = facts;
  const cache = [
    'download-binary-cache-url = http://SERVER:5050/bcache',
    'download-binary-dir-url = http://SERVER:5050/bdir',
  ];
  const own = '-o Dir::Etc::SourceList=/etc/apt/fieldkit.list -o Dir::Etc::SourceParts=-';
  const sources = systems.map((system) =>
    code([
      `echo 'deb [signed-by=/etc/apt/keyrings/fieldkit.asc] http://SERVER:5050/debian/${system} ./' > /etc/apt/fieldkit.list`,
      `apt-get ${own} update`,
      `apt-get ${own} install --no-install-recommends slapos-node`,
    ]),
  );
  const key = [
    'ssh root@TARGET install -d -m 0755 /etc/apt/keyrings',
    'scp trust/repository-key.asc root@TARGET:/etc/apt/keyrings/fieldkit.asc',
  ];
  const seal = [
    'head -n 1 manifest.json.sig | base64 -d > /tmp/manifest.sig',
    'openssl pkeyutl -verify -pubin -inkey trust/manifest-key.pem -rawin -in manifest.json -sigfile /tmp/manifest.sig',
  ];
  const contents = (facts.contents ?? []).map(
    ({ name, count, sizeBytes }) =>
      `<tr><th>${escaped(name)}</th><td>${escaped(text.content(count, formatBytes(sizeBytes, text.language)))}</td></tr>`,
  );
  const prints = [facts.fingerprint, facts.repositoryFingerprint, facts.cacheFingerprint];
  const rows = prints.flatMap((print, index) => (print === undefined ? [] : [row(text.keys[index] ?? '', print)]));
  return [
    `<section lang="${text.language}"><h1>${escaped(text.title(site))}</h1>`,
    ...[text.what, text.withProgram, text.byHand].map(paragraph),
    code(['python3 -m http.server 5050']),
    paragraph(text.key),
    code(key),
    paragraph(text.serve),
    `<ul><li>${escaped(text.apt)}${sources.join('')}</li><li>${escaped(text.slapos)}${code(cache)}</li></ul>`,
    paragraph(text.trust),
    `<table>${rows.join('')}</table>`,
    paragraph(text.seal),
    code(seal),
    ...(contents.length === 0 ? [] : [`<h2>${escaped(text.contents)}</h2><table>${contents.join('')}</table>`]),
    `<p><a href="${mediumPaths.materialsPage}">${escaped(text.materials)}</a></p>`,
    `<h2>${escaped(text.releases)}</h2><ul>${releases.map((url) => item(`${url} (bdir/${md5(url)})`)).join('')}</ul>`,
    `<h2>${escaped(text.systems)}</h2><ul>${systems.map(item).join('')}</ul></section>`,
  ].join('\n');
}

const style =
  'body{font:1rem/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}' +
  'pre,code{font-family:ui-monospace,monospace;overflow-wrap:anywhere}pre{background:#f2f4f6;padding:.75rem;white-space:pre-wrap}' +
  'th,td{text-align:left;padding:.1rem 1rem .1rem 0;vertical-align:top}td,li{overflow-wrap:anywhere}section+section{border-top:1px solid #ccd1d7;margin-top:3rem}' +
  'a{color:inherit}@media(prefers-color-scheme:dark){body{color:#e6e8eb;background:#16191d}pre{background:#22272d}}';

const md5 = (url: string): string => createHash('md5').update(url, 'utf8').digest('hex');

const row = (name: string, print: string): string =>
  `<tr><th>${escaped(name)}</th><td><code>${escaped(groupedFingerprint(print))}</code></td></tr>`;

const paragraph = (text: string): string => `<p>${escaped(text)}</p>`;
const item = (text: string): string => `<li>${escaped(text)}</li>`;
const code = (lines: readonly string[]): string => `<pre>${lines.map(escaped).join('\n')}</pre>`;

/** A text as HTML shows it. */
export function escaped(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text.replace(/[&<>"']/g, (letter) => entities[letter] ?? letter);
}
