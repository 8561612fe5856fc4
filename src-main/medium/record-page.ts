// A site's record as one page for people: no script, nothing loaded from elsewhere, for the screen and for A4. Called by the job
// that makes a record. Everything in it comes from the record and is escaped. Pure.
import { parts } from '../../src-shared/as-built.ts';
import { type Dossier, personOf, recordFiles, type StepRecord } from '../../src-shared/dossier.ts';
import { formatBytes, formatDuration, formatMoment, groupedFingerprint } from '../../src-shared/format.ts';
import { sitePicture } from '../../src-shared/picture.ts';
import type { Params } from '../../src-shared/problem.ts';
import type { Told } from '../../src-shared/step.ts';
import { subjectName } from '../../src-shared/step.ts';
import { escaped } from './readme.ts';

/** The texts of one language, by key. */
export interface RecordTexts {
  readonly language: 'en' | 'fr';
  readonly say: (key: string, params?: Params) => string;
}

type Say = (key: string, params?: Params) => string;

/** The whole page. Equal records give equal bytes. */
export function recordPage(record: Dossier, { language, say: plain }: RecordTexts): string {
  const say: Say = (key, params) => escaped(plain(key, params));
  const at = (moment: string | null): string => (moment === null ? '–' : escaped(formatMoment(moment, language)));
  const title = say('record.title', { site: record.site, number: record.number });
  return [
    '<!doctype html>',
    `<html lang="${language}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">`,
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; style-src \'unsafe-inline\'">',
    `<title>${title}</title>`,
    `<style>${style}</style></head><body>`,
    `<header><h1>${title}</h1>`,
    record.practice ? `<p class="mark">${say('record.practice')}</p>` : '',
    record.remark === '' ? '' : `<p>${escaped(record.remark)}</p>`,
    pairs([
      [say('record.madeAt'), at(record.madeAt)],
      [say('record.madeBy'), escaped(`${record.who} @ ${record.laptop}`)],
      [say('record.program'), escaped(record.program)],
      [say('record.events'), escaped(String(record.journal.events))],
    ]),
    '</header>',
    `<figure>${picture(record, say)}</figure>`,
    section(say('record.check'), check(record, say)),
    section(say('record.machines'), record.machines.map((machine) => machineOf(machine, say)).join('')),
    section(say('record.releases'), releases(record, say, language)),
    section(say('record.medium'), medium(record, say, at, language)),
    section(say('record.gates'), gates(record, say, at)),
    section(say('record.overrides'), overrides(record, say, at)),
    section(
      say('record.steps'),
      record.steps.map((step) => stepOf(step, say, at, language)).join('') || `<p>${say('record.none')}</p>`,
    ),
    section(say('record.packages'), packages(record, say)),
    '</body></html>',
    '',
  ].join('\n');
}

type Moment = (moment: string | null) => string;

const section = (title: string, inside: string): string => `<section><h2>${title}</h2>${inside}</section>`;
const pairs = (rows: readonly (readonly [name: string, value: string])[]): string =>
  `<table class="pairs">${rows.map(([name, value]) => `<tr><th scope="row">${name}</th><td>${value}</td></tr>`).join('')}</table>`;
const table = (heads: readonly string[], rows: readonly (readonly string[])[]): string =>
  `<table><thead><tr>${heads.map((head) => `<th scope="col">${head}</th>`).join('')}</tr></thead><tbody>${rows
    .map((row) => `<tr>${row.map((cell) => `<td>${cell}</td>`).join('')}</tr>`)
    .join('')}</tbody></table>`;
const code = (text: string): string => `<code>${escaped(text)}</code>`;
const print = (fingerprint: string): string =>
  code(/^[0-9a-f]+$/i.test(fingerprint) ? groupedFingerprint(fingerprint) : fingerprint);

function picture({ machines }: Dossier, say: Say): string {
  const { width, height, boxes, lines } = sitePicture(machines);
  const drawn = boxes.map(({ kind, name, nameY, details, x, y, width: wide, height: high }) => {
    const middle = x + wide / 2;
    const label = `<text x="${middle}" y="${nameY}">${kind === 'machine' ? escaped(name) : say(`record.picture.${kind}`)}</text>`;
    const below = details.map((line) => `<text class="small" x="${middle}" y="${line.y}">${escaped(line.text)}</text>`);
    return `<g><rect class="${kind}" x="${x}" y="${y}" width="${wide}" height="${high}" rx="6"/>${label}${below.join('')}</g>`;
  });
  const links = lines.map(
    ({ kind, x1, y1, x2, y2 }) => `<line class="${kind}" x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}"/>`,
  );
  return `<svg role="img" aria-label="${say('record.picture.title')}" viewBox="-2 -2 ${width + 4} ${height + 4}">${links.join('')}${drawn.join('')}</svg>`;
}

/** How to see, without the program, that nothing was changed since. */
function check({ keys }: Dossier, say: Say): string {
  const lines = howToCheckLines();
  return [
    `<p>${say('record.checkWhy', { checksums: recordFiles.checksums })}</p>`,
    keys === null ? '' : pairs([[say('record.fingerprint'), print(keys.manifest)]]),
    `<pre>${lines.map(escaped).join('\n')}</pre>`,
    `<p>${say('record.checkMeans')}</p>`,
  ].join('');
}

/** Commands for any machine with coreutils and OpenSSL 3, in the record's own folder. */
const howToCheckLines = (): readonly string[] => [
  `sha256sum --check ${recordFiles.checksums}`,
  `openssl pkeyutl -verify -pubin -inkey ${recordFiles.key} -rawin -in ${recordFiles.checksums} -sigfile ${recordFiles.signature}`,
  `openssl pkey -pubin -in ${recordFiles.key} -outform DER | sha256sum`,
];

/** The text that lies beside a record: the same, for who finds the folder. */
export const howToCheck = (record: Dossier, languages: readonly RecordTexts[]): string =>
  `${languages
    .map(({ say }) =>
      [
        say('record.title', { site: record.site, number: record.number }),
        '',
        say('record.checkWhy', { checksums: recordFiles.checksums }),
        '',
        ...howToCheckLines().map((line) => `    ${line}`),
        '',
        say('record.checkMeans'),
        ...(record.keys === null ? [] : ['', `    ${record.keys.manifest}`]),
      ].join('\n'),
    )
    .join('\n\n\n')}\n`;

function machineOf(machine: Dossier['machines'][number], say: Say): string {
  const { name, roles, address, port, user, system, hostKey, facts } = machine;
  const lists = parts
    // The packages of a machine are many: they have a list of their own at the end.
    .filter((part) => part !== 'package')
    .flatMap((part) => {
      const entries = facts[part];
      if (entries === null) return [`<h4>${say(`record.part.${part}`)}</h4><p>${say('record.unread')}</p>`];
      const rows = Object.entries(entries);
      if (rows.length === 0) return [];
      return [
        `<h4>${say(`record.part.${part}`)}</h4>`,
        `<table class="pairs narrow">${rows
          .map(
            ([key, value]) => `<tr><th scope="row">${escaped(key)}</th><td class="value">${escaped(value)}</td></tr>`,
          )
          .join('')}</table>`,
      ];
    });
  return [
    `<article><h3>${escaped(name)}</h3>`,
    pairs([
      [say('record.roles'), escaped(roles.join(', '))],
      [say('record.address'), code(`${user}@${address}:${port}`)],
      [say('record.system'), escaped(system)],
      [say('record.hostKey'), hostKey === null ? '–' : code(hostKey)],
    ]),
    ...lists,
    '</article>',
  ].join('');
}

const releases = (record: Dossier, say: Say, language: string): string =>
  record.releases.length === 0
    ? `<p>${say('record.none')}</p>`
    : table(
        [say('record.name'), say('record.url'), say('record.archive')],
        record.releases.map(({ name, url, archives }) => [
          escaped(name),
          code(url),
          archives
            .map(
              ({ system, sha512, sizeBytes }) =>
                `${escaped(system)}, ${escaped(formatBytes(sizeBytes, language))}<br>${code(sha512)}`,
            )
            .join('<br>'),
        ]),
      );

/** What a person tells this medium from others by. */
const whichOf = ({ which }: NonNullable<Dossier['medium']>, say: Say): readonly (readonly [string, string])[] =>
  which === undefined
    ? []
    : [
        [
          say('record.which'),
          [which.label, which.serial, which.mediumId?.slice(0, 8)]
            .filter((part) => typeof part === 'string' && part !== '')
            .map((part) => escaped(String(part)))
            .join(' · '),
        ],
      ];

const noMedium = ({ mediumTrouble: why }: Dossier, say: Say): string =>
  why === undefined
    ? `<p>${say('record.noMedium')}</p>`
    : `<p class="trouble">${say('record.mediumTrouble')} ${say(`problems.${why.code}.title`, why.params)}</p>`;

const medium = (record: Dossier, say: Say, at: Moment, language: string): string =>
  [
    record.medium === null
      ? noMedium(record, say)
      : pairs([
          ...whichOf(record.medium, say),
          [say('record.generation'), escaped(String(record.medium.generation))],
          [say('record.sealedAt'), at(record.medium.sealedAt)],
          [
            say('record.content'),
            say('record.files', { count: record.medium.files, size: formatBytes(record.medium.sizeBytes, language) }),
          ],
          ...(record.medium.materials === undefined
            ? []
            : [
                [
                  say('record.materials'),
                  `<code>${escaped(record.medium.materials.path)}</code><br>${print(record.medium.materials.sha256)}`,
                ] as const,
              ]),
        ]),
    record.keys === null
      ? ''
      : pairs([
          [say('record.key.manifest'), print(record.keys.manifest)],
          [say('record.key.repository'), print(record.keys.repository)],
          [say('record.key.cache'), print(record.keys.cache)],
        ]),
  ].join('');

const gates = (record: Dossier, say: Say, at: Moment): string =>
  record.gates.length === 0
    ? `<p>${say('record.none')}</p>`
    : table(
        [say('record.question'), say('record.answer'), say('record.byWhom'), say('record.at')],
        record.gates.map(({ key, params, answer, who, by, at: moment }) => [
          say(`${key}.title`, params),
          answer === null ? say('record.secretGiven') : escaped(answer),
          escaped(personOf({ who, by })),
          at(moment),
        ]),
      );

const overrides = (record: Dossier, say: Say, at: Moment): string =>
  record.overrides.length === 0
    ? `<p>${say('record.none')}</p>`
    : table(
        [say('record.finding'), say('record.step'), say('record.byWhom'), say('record.at')],
        record.overrides.map(({ instance, findings, who, by, at: moment }) => [
          findings.map(({ code: of, params }) => say(`problems.${of}.title`, params)).join('<br>'),
          escaped(instance),
          escaped(personOf({ who, by })),
          at(moment),
        ]),
      );

/** Longer lines (programs given whole) are cut here; the record itself holds them. */
const longestLine = 1000;

function stepOf(step: StepRecord, say: Say, at: Moment, language: string): string {
  const told = ({ key, params }: Told): string => say(key, params);
  const name = subjectName(step.subject);
  const ran = step.runs.map((run) => {
    const took = run.durationMs === null ? '–' : escaped(formatDuration(run.durationMs, language));
    const head = `${at(run.startedAt)} · ${took} · ${escaped(run.who)} @ ${escaped(run.laptop)} · ${say(`record.outcome.${run.outcome}`)}`;
    const agreed = run.agreedBy.length === 0 ? '' : ` · ${say('record.agreedBy', { by: run.agreedBy.join(', ') })}`;
    const trouble =
      run.problem === null
        ? ''
        : `<p class="trouble">${say(`problems.${run.problem.code}.title`, run.problem.params)}</p>`;
    const commands = run.commands.map((command) => {
      const line = command.line.length > longestLine ? `${command.line.slice(0, longestLine)} …` : command.line;
      const end = [
        escaped(command.machine ?? say('record.laptop')),
        say(`record.outcome.${command.outcome}`),
        ...(command.exit === null ? [] : [say('record.exit', { exit: command.exit })]),
        escaped(formatDuration(command.durationMs, language)),
      ].join(' · ');
      return [
        `<li>${command.note === null ? '' : `<p>${told(command.note)}</p>`}`,
        `<pre>${escaped(line)}</pre>`,
        command.change === '' ? '' : `<pre class="change">${changed(command.change)}</pre>`,
        `<p class="small">${end}</p></li>`,
      ].join('');
    });
    return `<div class="run"><p class="small">${head}${agreed}</p>${trouble}${commands.length === 0 ? '' : `<ol>${commands.join('')}</ol>`}</div>`;
  });
  return [
    `<article><h3>${say(`steps.${step.step}.title`)}${name === '' ? '' : ` <span class="subject">${escaped(name)}</span>`}</h3>`,
    `<p class="small">${code(step.instance)} · ${say(`record.state.${step.state}`)}${step.doneAt === null ? '' : ` · ${at(step.doneAt)}`}</p>`,
    ...step.findings.map(({ code: of, params }) => `<p class="trouble">${say(`problems.${of}.title`, params)}</p>`),
    step.found.length === 0 ? '' : `<ul>${step.found.map((one) => `<li>${told(one)}</li>`).join('')}</ul>`,
    ...ran,
    '</article>',
  ].join('');
}

/** Lines of a difference, marked by sign; the sign stays, so that black and white print tells as much. */
const changed = (text: string): string =>
  text
    .split('\n')
    .map((line) => {
      const kind = /^(\+\+\+|---)/.test(line) ? '' : line.startsWith('+') ? 'ins' : line.startsWith('-') ? 'del' : '';
      return kind === '' ? escaped(line) : `<${kind}>${escaped(line)}</${kind}>`;
    })
    .join('\n');

function packages(record: Dossier, say: Say): string {
  return record.machines
    .map(({ name, facts }) => {
      const rows = Object.entries(facts.package ?? {});
      const head = `<h3>${escaped(name)}</h3>`;
      if (facts.package === null) return `${head}<p>${say('record.unread')}</p>`;
      return `${head}<ul class="packages">${rows.map(([one, version]) => `<li>${escaped(one)} <span>${escaped(version)}</span></li>`).join('')}</ul>`;
    })
    .join('');
}

const style =
  ':root{color-scheme:light dark;--ink:#1a1d21;--quiet:#50565e;--ground:#fff;--line:#c9c9c2;--soft:#f2f2ee;--added:#dff0e2;--removed:#fbe2de}' +
  '@media(prefers-color-scheme:dark){:root{--ink:#e8eaed;--quiet:#a9b0ba;--ground:#16191d;--line:#3a4048;--soft:#22262c;--added:#17321f;--removed:#3d1f1e}}' +
  '*{box-sizing:border-box}body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--ground);max-width:62rem;margin:2rem auto;padding:0 1rem;overflow-wrap:anywhere}' +
  'h1{font-size:1.8rem;line-height:1.2}h2{font-size:1.3rem;border-bottom:1px solid var(--line);margin-top:2.5rem}h3{margin:1.5rem 0 .25rem}h4{margin:1rem 0 .25rem;font-size:.95rem}' +
  'table{border-collapse:collapse;width:100%;margin:.5rem 0}th,td{text-align:left;vertical-align:top;padding:.2rem .75rem .2rem 0;border-bottom:1px solid var(--line);overflow-wrap:anywhere}' +
  'thead th{color:var(--quiet);font-weight:600}.pairs th{width:30%;font-weight:600}.narrow th,.value,code,pre{font-family:ui-monospace,monospace;font-size:.82rem;font-weight:400}.value{white-space:pre-wrap}' +
  'pre{background:var(--soft);padding:.5rem .75rem;margin:.25rem 0;white-space:pre-wrap;overflow-wrap:anywhere}p{margin:.35rem 0}.small{color:var(--quiet);font-size:.85rem}.subject{color:var(--quiet);font-weight:400}' +
  'ins,del{text-decoration:none}ins{background:var(--added)}del{background:var(--removed)}.trouble{border-left:4px solid var(--ink);padding-left:.5rem}.mark{font-weight:700;border:2px solid;display:inline-block;padding:.1rem .6rem}' +
  '.packages{columns:3 14rem;list-style:none;padding:0;font-family:ui-monospace,monospace;font-size:.8rem}.packages li{break-inside:avoid;overflow-wrap:anywhere}.packages span{color:var(--quiet)}' +
  'svg{width:100%;max-width:46rem;height:auto}svg rect{fill:var(--soft);stroke:var(--ink);stroke-width:1.5}svg line{stroke:var(--quiet);stroke-width:2}svg text{fill:var(--ink);text-anchor:middle;font:600 15px system-ui,sans-serif}svg .small{font-weight:400;font-size:12px}figure{margin:1.5rem 0}' +
  '@page{size:A4;margin:15mm}@media print{:root{--ink:#000;--quiet:#333;--ground:#fff;--soft:#f4f4f4;--line:#999;--added:#e6e6e6;--removed:#f4f4f4}body{font-size:10pt;margin:0;max-width:none;padding:0}h2,h3,h4{break-after:avoid}tr,li,figure{break-inside:avoid}}';
