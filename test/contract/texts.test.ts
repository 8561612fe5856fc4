// Every text of the program, in every language: the same keys, the same parameters, the same tone.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { procedures } from '../../src-shared/channels.ts';
import { allTexts, filesOf, languages, placeholdersOf, textsOf } from './locale-files.ts';

const [first, ...others] = languages;
if (first === undefined) throw new Error('resources/locales is empty');
const reference = allTexts(first);

/** `key_one` and `key_many` are forms of `key`: languages have as many as they need. */
const pluralForm = /_(zero|one|two|few|many|other)$/;
const baseOf = (key: string): string => key.replace(pluralForm, '');
const basesOf = (keys: Iterable<string>): string[] => [...new Set([...keys].map(baseOf))].sort();

it('writes keys below the name of their file, not once more inside it', () => {
  const doubled = [...reference.keys()].filter((key) => /^([^.]+)\.\1\./.test(key));
  expect(doubled).toEqual([]);
});

it('holds the same files in every language', () => {
  for (const language of others) expect(filesOf(language), language).toEqual(filesOf(first));
});

describe.each(filesOf(first))('%s', (file) => {
  it('has the same keys in every language', () => {
    for (const language of others)
      expect(basesOf(textsOf(language, file).keys()), language).toEqual(basesOf(textsOf(first, file).keys()));
  });

  it('has the same parameters in every language', () => {
    // The number itself may be left out where the word says it: "one package".
    const parameters = (texts: ReadonlyMap<string, string>) => {
      const byBase = new Map<string, Set<string>>();
      for (const [key, text] of texts) {
        const names = byBase.get(baseOf(key)) ?? new Set<string>();
        for (const name of placeholdersOf(text)) names.add(name);
        byBase.set(baseOf(key), names);
      }
      return Object.fromEntries([...byBase].map(([key, names]) => [key, [...names].sort()]));
    };
    for (const language of others)
      expect(parameters(textsOf(language, file)), language).toEqual(parameters(textsOf(first, file)));
  });
});

describe.each(languages)('%s', (language) => {
  const texts = allTexts(language);

  it('has every plural form that the language asks for', () => {
    // Forms for numbers beyond anything counted here (a million, in French) fall back to `other`.
    const asked = new Intl.PluralRules(language).resolvedOptions().pluralCategories.filter((form) => form !== 'many');
    const bases = basesOf([...texts.keys()].filter((key) => pluralForm.test(key)));
    const missing = bases.flatMap((base) => asked.map((form) => `${base}_${form}`)).filter((key) => !texts.has(key));
    expect(missing).toEqual([]);
  });

  it('writes parameters as {{name}} and nothing else with braces', () => {
    // A text may take another one in by a key with a parameter in it: `$t(problems.x.reasons.{{reason}})`.
    const taken = /\$t\([a-z.-]+\.\{\{[a-zA-Z0-9]+\}\}(\.[a-z]+)?\)/g;
    const plain = (text: string): string => text.replace(taken, '').replace(/\{\{[a-zA-Z0-9]+\}\}/g, '');
    const wrong = [...texts].filter(([, text]) => /[{}]|\$t\(/.test(plain(text)));
    expect(wrong).toEqual([]);
  });

  it('has no empty text and no blanks at the ends or doubled', () => {
    // On a terminal a prompt ends with a blank, and columns are set apart by two.
    const shown = [...texts].filter(([key]) => !key.startsWith('cli.'));
    const wrong = shown.filter(([, text]) => text.trim() !== text || text === '' || / {2}/.test(text));
    expect(wrong).toEqual([]);
  });

  it('keeps the tone: no shouting, no begging, no praise, no vague failure', () => {
    const unwanted =
      /!(?!=)|\bplease\b|\bsuccess(fully)?\b|something went wrong|\boops\b|\bsorry\b|s.il vous pla|\bveuillez\b|avec succès|désolé/i;
    expect([...texts].filter(([, text]) => unwanted.test(text))).toEqual([]);
  });
});

describe('French', () => {
  const texts = allTexts('fr');

  it('puts a space that does not break before : ; ? and inside « »', () => {
    const wrong = [...texts].filter(([, text]) => / [:;?»](?= |$)|« /.test(text));
    expect(wrong).toEqual([]);
  });

  it('is not a copy of the English sentence', () => {
    const copied = [...texts].filter(
      ([key, text]) => text === reference.get(key) && /\p{L}+ \p{L}+ \p{L}+/u.test(text),
    );
    expect(copied).toEqual([]);
  });
});

describe('the sources', () => {
  const project = path.resolve(import.meta.dirname, '../..');
  const sources = ['src-shared', 'src-main', 'src-renderer'].flatMap((folder) =>
    readdirSync(path.join(project, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.tsx?$/.test(name))
      .map((name) => path.join(folder, name)),
  );
  const files = filesOf(first).map((file) => file.replace(/\.json$/, ''));
  /** Whole keys in quotes; those put together at run time have tests of their own. */
  const keyInQuotes = new RegExp(`['"\`]((?:${files.join('|')})\\.[a-zA-Z0-9._-]*[a-zA-Z0-9])['"\`]`, 'g');

  /** Names of the same shape: what the window may ask for. */
  const notTexts = new Set<string>(procedures);

  it('name only texts that exist', () => {
    const known = new Set(basesOf(reference.keys()));
    const missing = sources.flatMap((file) =>
      [...readFileSync(path.join(project, file), 'utf8').matchAll(keyInQuotes)]
        .map(([, key]) => key ?? '')
        .filter((key) => !known.has(key) && !known.has(`${key}.title`) && !notTexts.has(key))
        .filter((key) => !/\.(json|ts|css)$/.test(key))
        .map((key) => `${file}: ${key}`),
    );
    expect(missing).toEqual([]);
  });
});
