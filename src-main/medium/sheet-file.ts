// A site's sheet as one page of a browser: no script, nothing loaded from elsewhere, for A4. Made by compose for the command line;
// the window shows the same blocks itself. Everything in it is escaped. Pure.
import type { SheetPage } from '../../src-shared/sheet-page.ts';
import { sheetStyle } from '../../src-shared/sheet-style.ts';
import { escaped } from './readme.ts';

const box = (done: boolean): string => `<span class="sheet-box">${done ? '✓' : ''}</span>`;
const small = (text: string): string => `<small>${escaped(text)}</small>`;

/** The whole page. Equal sheets give equal bytes. */
export function sheetFile(page: SheetPage): string {
  const { fingerprint, medium, machines, bring, steps } = page;
  return [
    '<!doctype html>',
    `<html lang="${escaped(page.language)}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">`,
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; style-src \'unsafe-inline\'">',
    `<title>${escaped(`${page.kind}: ${page.title}`)}</title><style>body{margin:0;background:#fff}${sheetStyle}</style></head><body>`,
    '<article class="sheet">',
    `<header class="sheet-head"><h1 class="sheet-title"><span>${escaped(page.kind)}</span>${escaped(page.title)}</h1><p class="sheet-made">${escaped(page.made)}</p></header>`,
    ...page.marks.map((mark) => `<p class="sheet-mark">${escaped(mark)}</p>`),
    '<div class="sheet-identity">',
    `<section><h2>${escaped(fingerprint.title)}</h2><div class="sheet-print"><div class="sheet-groups">${fingerprint.groups.map((group) => `<span>${escaped(group)}</span>`).join('') || '–'}</div><p>${escaped(fingerprint.note)}</p></div></section>`,
    `<section><h2>${escaped(medium.title)}</h2><dl class="sheet-medium">${medium.rows.map(([name, value]) => `<div><dt>${escaped(name)}</dt><dd>${escaped(value)}</dd></div>`).join('')}</dl></section>`,
    '</div>',
    `<section><h2>${escaped(machines.title)}</h2><table><thead><tr>${machines.heads.map((head) => `<th scope="col">${escaped(head)}</th>`).join('')}</tr></thead><tbody>`,
    ...machines.rows.map(
      ({ name, roles, login, notes, hostKey }) =>
        `<tr><th scope="row">${escaped(name)}${small(roles)}</th><td><code>${escaped(login)}</code>${notes.map(small).join('')}</td><td>${hostKey === null ? `${small(machines.unknownKey)}<span class="sheet-blank"></span>` : `<code>${escaped(hostKey)}</code>`}</td></tr>`,
    ),
    '</tbody></table></section>',
    `<section><h2>${escaped(bring.title)}</h2><div class="sheet-bring">`,
    ...bring.groups.map(
      ({ title, items }) =>
        `<section><h3>${escaped(title)}</h3><ul>${items.map((item) => `<li class="sheet-item">${box(false)}${escaped(item)}</li>`).join('')}</ul></section>`,
    ),
    `</div></section><section class="sheet-paper"><h2>${escaped(steps.title)}</h2><p class="sheet-note">${escaped(steps.note)}</p><div class="sheet-steps">`,
    ...steps.chapters.map(
      ({ title, time, entries }) =>
        `<section><h3>${escaped(title)}${time === '' ? '' : ` ${small(time)}`}</h3><ul>${entries
          .map(
            ({ text, person, boxes }) =>
              `<li><span>${escaped(text)}${person ? '\u00a0*' : ''}</span><span class="sheet-checks">${boxes.map(({ subject, done }) => `<span class="sheet-check">${box(done)}${escaped(subject)}</span>`).join('')}</span></li>`,
          )
          .join('')}</ul></section>`,
    ),
    `</div><p class="sheet-sign">${escaped(page.sign)}</p></section></article></body></html>`,
    '',
  ].join('\n');
}
