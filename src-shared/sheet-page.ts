// A site's sheet in words: what window, page and terminal show alike, block by block. Pure; the texts come in as a function.
import { formatBytes, formatDuration, formatMoment } from './format.ts';
import type { Params } from './problem.ts';
import { readableParams } from './readable.ts';
import type { Sheet } from './sheet.ts';
import { subjectName } from './step.ts';

/** The texts of one language. `say` leaves parameters as they are given. */
export interface SheetTexts {
  readonly language: string;
  readonly say: (key: string, params?: Params) => string;
}

export interface SheetMachine {
  readonly name: string;
  readonly roles: string;
  /** `root@10.0.0.1`, and what else is to be known of the way there. */
  readonly login: string;
  readonly notes: readonly string[];
  /** Null: compared at the console, and written down. */
  readonly hostKey: string | null;
}

/** A step once, with a box for each of its subjects. */
export interface SheetEntry {
  readonly text: string;
  readonly person: boolean;
  readonly boxes: readonly { readonly subject: string; readonly done: boolean }[];
}

export interface SheetPage {
  readonly language: string;
  readonly title: string;
  readonly kind: string;
  readonly made: string;
  readonly marks: readonly string[];
  readonly fingerprint: { readonly title: string; readonly note: string; readonly groups: readonly string[] };
  readonly medium: { readonly title: string; readonly rows: readonly (readonly [name: string, value: string])[] };
  readonly machines: {
    readonly title: string;
    readonly heads: readonly string[];
    readonly rows: readonly SheetMachine[];
    /** Beside an empty line that is filled in by hand. */
    readonly unknownKey: string;
  };
  readonly bring: {
    readonly title: string;
    readonly groups: readonly { readonly title: string; readonly items: readonly string[] }[];
  };
  readonly steps: {
    readonly title: string;
    readonly note: string;
    readonly chapters: readonly {
      readonly title: string;
      readonly time: string;
      readonly entries: readonly SheetEntry[];
    }[];
  };
  readonly sign: string;
}

/** Four characters at a time: what the eye compares without losing its place. */
const fours = (text: string): readonly string[] => text.match(/.{1,4}/g) ?? [];

type Rehearsed = NonNullable<Sheet['medium']>['rehearsed'];

const rehearsedOf = (rehearsed: Rehearsed, language: string, words: SheetTexts['say']): string =>
  rehearsed === null
    ? words('sheet.notRehearsed')
    : words(`sheet.rehearsal.${rehearsed.summary}`, { at: formatMoment(rehearsed.at, language) });

export function sheetPage(sheet: Sheet, { language, say }: SheetTexts): SheetPage {
  const words = (key: string, params: Params = {}): string => say(key, readableParams(params, language));
  const { medium, fingerprint } = sheet;
  const sealed = medium?.sealed ?? null;
  const unknown = words('sheet.unknown');
  return {
    language,
    title: sheet.site,
    kind: words('sheet.kind'),
    made: words('sheet.made', { at: formatMoment(sheet.madeAt, language), program: sheet.program }),
    marks: [
      ...(sheet.practice ? [words('sheet.practice')] : []),
      ...(fingerprint === null || sealed === null ? [words('sheet.unsealed')] : []),
    ],
    fingerprint: {
      title: words('sheet.fingerprint'),
      note: words('sheet.fingerprintNote'),
      groups: fingerprint === null ? [] : fours(fingerprint),
    },
    medium: {
      title: words('sheet.medium'),
      rows: [
        [words('sheet.label'), medium?.label ?? unknown],
        [words('sheet.volume'), medium?.volume ?? unknown],
        ...(medium?.serial === null || medium === null ? [] : [[words('sheet.serial'), medium.serial] as const]),
        [words('sheet.generation'), sealed === null ? unknown : String(sealed.generation)],
        [words('sheet.sealedAt'), sealed === null ? unknown : formatMoment(sealed.at, language)],
        [
          words('sheet.size'),
          sealed === null
            ? unknown
            : words('sheet.files', { count: sealed.count, size: formatBytes(sealed.sizeBytes, language) }),
        ],
        [words('sheet.rehearsed'), rehearsedOf(medium?.rehearsed ?? null, language, words)],
      ],
    },
    machines: {
      title: words('sheet.machines'),
      heads: [words('sheet.machine'), words('sheet.reached'), words('sheet.hostKey')],
      unknownKey: words('sheet.hostKeyUnknown'),
      rows: sheet.machines.map((machine) => ({
        name: machine.name,
        roles: machine.roles.map((role) => words(`sheet.role.${role}`)).join(', '),
        login: loginOf(machine),
        notes: [
          ...(machine.through === null ? [] : [words('sheet.through', { name: machine.through })]),
          [machine.system, machine.interface, ...machine.addresses].join(' · '),
          ...(machine.client === null ? [] : [words('sheet.client', { user: machine.client })]),
        ],
        hostKey: machine.hostKey,
      })),
    },
    bring: {
      title: words('sheet.bringTitle'),
      groups: sheet.bring.map(({ group, items }) => ({
        title: words(`sheet.group.${group}`),
        items: items.map(({ key, params }) => words(key, params)),
      })),
    },
    steps: {
      title: words('sheet.steps'),
      note: words('sheet.stepsNote'),
      chapters: sheet.chapters.map(({ chapter, minutes, entries }) => ({
        title: words(`sheet.chapter.${chapter}`),
        time: [
          ...(chapter === 'prepare' ? sheet.times.map(({ key, params }) => words(key, params)) : []),
          ...(minutes < 2 ? [] : [words('sheet.about', { duration: formatDuration(minutes * 60_000, language) })]),
        ].join(' '),
        entries: [...new Set(entries.map(({ step }) => step))].map((step) => {
          const same = entries.filter((entry) => entry.step === step);
          return {
            text: words(`steps.${step}.title`),
            person: same.some(({ person }) => person),
            boxes: same.map(({ subject, doneAt }) => ({ subject: subjectName(subject), done: doneAt !== null })),
          };
        }),
      })),
    },
    sign: words('sheet.sign'),
  };
}

const loginOf = ({ user, address, port }: Sheet['machines'][number]): string => {
  const host = port !== 22 && address.includes(':') && !address.startsWith('[') ? `[${address}]` : address;
  return `${user}@${host}${port === 22 ? '' : `:${port}`}`;
};

/** As a terminal prints it. The mark before a step: done, or a box to tick. */
export function sheetText(page: SheetPage): string {
  const { fingerprint, medium, machines, bring, steps } = page;
  const rule = (title: string): string[] => ['', title.toLocaleUpperCase(page.language), ''];
  const wide = Math.max(...medium.rows.map(([name]) => name.length));
  return [
    `${page.kind}: ${page.title}`,
    page.made,
    ...page.marks.map((mark) => `! ${mark}`),
    ...rule(fingerprint.title),
    ...(fingerprint.groups.length === 0
      ? ['  –']
      : [0, 8].map((from) => `  ${fingerprint.groups.slice(from, from + 8).join(' ')}`)),
    `  ${fingerprint.note}`,
    ...rule(medium.title),
    ...medium.rows.map(([name, value]) => `  ${name.padEnd(wide)}  ${value}`),
    ...rule(machines.title),
    ...machines.rows.flatMap(({ name, roles, login, notes, hostKey }) => [
      `  ${name} (${roles})`,
      `    ${login}`,
      ...notes.map((note) => `    ${note}`),
      `    ${hostKey ?? `${machines.unknownKey} ________________________`}`,
    ]),
    ...rule(bring.title),
    ...bring.groups.flatMap(({ title, items }) => [`  ${title}`, ...items.map((item) => `    [ ] ${item}`)]),
    ...rule(steps.title),
    `  ${steps.note}`,
    ...steps.chapters.flatMap(({ title, time, entries }) => [
      `  ${title}${time === '' ? '' : `. ${time}`}`,
      ...entries.flatMap(({ text, person, boxes }) => {
        const [first, ...others] = boxes.map(({ subject, done }) => `[${done ? 'x' : ' '}] ${subject}`.trimEnd());
        const name = `${text}${person ? ' *' : ''}`;
        return others.length === 0
          ? [`    ${first?.slice(0, 3)} ${name}${boxes[0]?.subject === '' ? '' : ` (${boxes[0]?.subject})`}`]
          : [`    ${name}: ${[first, ...others].join(' ')}`];
      }),
    ]),
    '',
    `${page.sign} ____________________________`,
    '',
  ].join('\n');
}
