// The page that lies on the medium and says what it is, for someone who finds it without the program.
// Called by the write-index job. One file, no script, nothing loaded from elsewhere. Pure.
import { createHash } from 'node:crypto';
import { groupedFingerprint } from './keys.ts';

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
}

interface Words {
  readonly language: string;
  readonly title: (site: string) => string;
  readonly what: string;
  readonly withProgram: string;
  readonly byHand: string;
  readonly serve: string;
  readonly slapos: string;
  readonly apt: string;
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
    serve: 'Then, where SERVER is the address of this machine as the target sees it:',
    slapos:
      'in the [networkcache] section of /etc/opt/slapos/slapos.cfg, edited in place and never added a second time:',
    apt: 'in /etc/apt/sources.list.d/fieldkit.list, with trust/repository-key.asc copied to /etc/apt/keyrings:',
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
    serve: 'Puis, SERVER étant l’adresse de cette machine vue de la cible :',
    slapos:
      'dans la section [networkcache] de /etc/opt/slapos/slapos.cfg, modifiée sur place et jamais ajoutée une seconde fois :',
    apt: 'dans /etc/apt/sources.list.d/fieldkit.list, après copie de trust/repository-key.asc dans /etc/apt/keyrings :',
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
  return [
    '<!doctype html>',
    '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; style-src \'unsafe-inline\'">',
    `<title>${escaped(first?.title(facts.site) ?? '')}</title>`,
    `<style>${style}</style></head><body>`,
    ...words.map((one) => section(one, facts)),
    '</body></html>',
    '',
  ].join('\n');
}

function section(text: Words, facts: ReadmeFacts): string {
  const { site, systems, releases } = facts;
  const cache = [
    'download-binary-cache-url = http://SERVER:5050/bcache',
    'download-binary-dir-url = http://SERVER:5050/bdir',
  ];
  const sources = systems.map(
    (system) => `deb [signed-by=/etc/apt/keyrings/repository-key.asc] http://SERVER:5050/debian/${system} ./`,
  );
  const prints = [facts.fingerprint, facts.repositoryFingerprint, facts.cacheFingerprint];
  const rows = prints.flatMap((print, index) => (print === undefined ? [] : [row(text.keys[index] ?? '', print)]));
  return [
    `<section lang="${text.language}"><h1>${escaped(text.title(site))}</h1>`,
    ...[text.what, text.withProgram, text.byHand].map(paragraph),
    code(['python3 -m http.server 5050']),
    paragraph(text.serve),
    `<ul><li>${escaped(text.slapos)}${code(cache)}</li><li>${escaped(text.apt)}${code(sources)}</li></ul>`,
    paragraph(text.trust),
    `<table>${rows.join('')}</table>`,
    `<h2>${escaped(text.releases)}</h2><ul>${releases.map((url) => item(`${url} (bdir/${md5(url)})`)).join('')}</ul>`,
    `<h2>${escaped(text.systems)}</h2><ul>${systems.map(item).join('')}</ul></section>`,
  ].join('\n');
}

const style =
  'body{font:1rem/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}' +
  'pre,code{font-family:ui-monospace,monospace;overflow-wrap:anywhere}pre{background:#f2f4f6;padding:.75rem;white-space:pre-wrap}' +
  'th{text-align:left;padding-right:1rem;vertical-align:top}section+section{border-top:1px solid #ccd1d7;margin-top:3rem}' +
  '@media(prefers-color-scheme:dark){body{color:#e6e8eb;background:#16191d}pre{background:#22272d}}';

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
