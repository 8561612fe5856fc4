// The runbook against its texts: every step is explained, and every sentence a step can say exists, with parameters that
// the step really gives. Calls are found in the sources, so that a sentence of a rare case counts as much as the others.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { infoOf } from '../../src-main/runbook/instances.ts';
import { runbook } from '../../src-main/steps/index.ts';
import { languages, placeholdersOf, textsOf } from './locale-files.ts';

const folder = fileURLToPath(new URL('../../src-main/steps/', import.meta.url));
const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .sort()
  .map((file) => ({ file, text: readFileSync(`${folder}${file}`, 'utf8') }));

/** The text between a bracket and its partner, and where it ends; brackets inside quotes do not count. */
function inside(text: string, open: number): string {
  let depth = 0;
  let quote = '';
  for (let at = open; at < text.length; at += 1) {
    const sign = text[at] ?? '';
    if (quote !== '') {
      if (sign === '\\') at += 1;
      else if (sign === quote) quote = '';
    } else if ('\'"`'.includes(sign)) quote = sign;
    else if ('([{'.includes(sign)) depth += 1;
    else if (')]}'.includes(sign)) {
      depth -= 1;
      if (depth === 0) return text.slice(open + 1, at);
    }
  }
  throw new Error(`no end of ${text.slice(open, open + 40)}`);
}

/** Split at the commas of the outermost level. */
function parts(text: string): string[] {
  const found: string[] = [];
  let rest = '';
  for (let at = 0; at < text.length; at += 1) {
    const sign = text[at] ?? '';
    if ('([{'.includes(sign)) {
      const inner = inside(text, at);
      rest += sign + inner + (text[at + inner.length + 1] ?? '');
      at += inner.length + 1;
    } else if (sign === "'") {
      const end = text.indexOf("'", at + 1);
      rest += text.slice(at, end + 1);
      at = end;
    } else if (sign === ',') {
      found.push(rest);
      rest = '';
    } else rest += sign;
  }
  return [...found, rest].map((part) => part.trim()).filter((part) => part !== '');
}

const literals = (text: string): string[] => [...text.matchAll(/'([^']+)'/g)].map(([, inner]) => inner ?? '');
/** Names in an object literal, `{ name, count: 3 }`. */
const namesIn = (text: string): string[] =>
  parts(inside(text, text.indexOf('{'))).map((part) => part.replace(/:[\s\S]*$/, '').trim());

interface Said {
  readonly place: string;
  readonly key: string;
  readonly params: readonly string[];
}

const said: readonly Said[] = sources.flatMap(({ file, text }) => [
  ...[...text.matchAll(/\bsays\(/g)].flatMap((match) => {
    const [step = '', part = '', params = '{}'] = parts(inside(text, match.index + match[0].length - 1));
    return literals(part).map((name) => ({
      place: file,
      key: `steps.${literals(step)[0]}.${name}`,
      params: namesIn(params),
    }));
  }),
  ...[...text.matchAll(/\bkey: '(steps\.[^']+)',\s*params: (?=\{)/g)].map((match) => ({
    place: file,
    key: `${match[1]}.title`,
    params: namesIn(text.slice(match.index + match[0].length)),
  })),
]);

const pluralForm = /_(zero|one|many|other)$/;

it('finds what the steps say', () => {
  // A sentence of each kind, so that a change in how steps are written cannot empty the list unseen.
  for (const key of [
    'steps.check-cache.found.unusable',
    'steps.install-master-software.waits.completed',
    'steps.connect.asks.hostKey.title',
    'steps.solve-packages.does.write',
  ])
    expect(said.map((item) => item.key)).toContain(key);
  expect(said.find((item) => item.key === 'steps.connect.found.answers')?.params).toEqual([
    'machine',
    'address',
    'port',
  ]);
});

describe.each(languages)('texts of steps in %s', (language) => {
  const texts = textsOf(language, 'steps.json');
  const formsOf = (key: string): string[] =>
    [...texts.keys()].filter((other) => other.replace(pluralForm, '') === key).sort();

  it.each(runbook.map((step) => step.id))('explains %s', (id) => {
    expect(texts.get(`steps.${id}.title`)).toBeTruthy();
    expect(texts.get(`steps.${id}.why`)).toBeTruthy();
  });

  it('explains no step that is not in the runbook', () => {
    const explained = new Set([...texts.keys()].map((key) => key.split('.')[1]));
    expect([...explained].sort()).toEqual(runbook.map((step) => step.id).sort());
  });

  it('has a label and a hint for every field that a step asks to be filled in', () => {
    const wanted = runbook.flatMap((step) =>
      infoOf(step).input.flatMap(({ name }) => [
        `steps.${step.id}.input.${name}.label`,
        `steps.${step.id}.input.${name}.hint`,
      ]),
    );
    expect(wanted.filter((key) => !texts.has(key))).toEqual([]);
  });

  it('has every sentence, with parameters that the step gives', () => {
    const wrong = said.flatMap(({ place, key, params }) => {
      const forms = formsOf(key);
      if (forms.length === 0) return [`${place}: ${key} has no text`];
      return forms.flatMap((form) =>
        placeholdersOf(texts.get(form) ?? '')
          .filter((name) => !params.includes(name))
          .map((name) => `${place}: ${form} uses {{${name}}}, given are ${params.join(', ') || 'none'}`),
      );
    });
    expect(wrong).toEqual([]);
  });

  it('counts with a number wherever it has plural forms', () => {
    const wrong = said.filter(
      ({ key, params }) => formsOf(key).some((form) => pluralForm.test(form)) && !params.includes('count'),
    );
    expect(wrong).toEqual([]);
  });

  it('has no sentence that nobody says', () => {
    const known = new Set(said.map((item) => item.key));
    const idle = [...texts.keys()].filter((key) => {
      const base = key.replace(pluralForm, '');
      return /^steps\.[^.]+\.(found|does|waits|stays)\./.test(base) && !known.has(base);
    });
    expect(idle).toEqual([]);
  });
});

describe('what a question shows', () => {
  const everything = fileURLToPath(new URL('../../src-main/', import.meta.url));
  const shown = readdirSync(everything, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.startsWith('practice/'))
    .flatMap((file) =>
      [...readFileSync(`${everything}${file}`, 'utf8').matchAll(/\bshow(?::|\b[^\n]*=>) \[([\s\S]*?)\n? *\]/g)].map(
        ([, items = '']) => [...items.matchAll(/label: '([^']+)'/g)].map(([, label]) => label ?? ''),
      ),
    );
  const labels = [...new Set(shown.flat())].sort();

  it('is found', () => {
    expect(labels).toEqual(expect.arrayContaining(['address', 'asked', 'console', 'holder', 'panel', 'registry']));
  });

  it.each(languages)('has its words in %s, each value its own', (language) => {
    const texts = textsOf(language, 'ui.json');
    expect(labels.filter((label) => !texts.has(`ui.question.show.${label}`))).toEqual([]);
    expect(shown.filter((one) => new Set(one).size !== one.length)).toEqual([]);
  });
});
