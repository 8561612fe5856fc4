// The texts as they lie in resources/locales, as flat keys: `problems.<code>.title`.
// Read by the contract tests. Reads only: what is wrong in the files must stay visible.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../../resources/locales/', import.meta.url));

export const languages = readdirSync(folder).sort();
export const filesOf = (language: string): readonly string[] => readdirSync(`${folder}${language}`).sort();

export type Texts = ReadonlyMap<string, string>;

/** Every text of one file. Throws when something else than texts and groups is in it, or a key stands there twice. */
export function textsOf(language: string, file: string): Texts {
  const text = readFileSync(`${folder}${language}/${file}`, 'utf8');
  const flat = new Map<string, string>();
  const walk = (key: string, value: unknown): void => {
    if (typeof value === 'string') flat.set(key, value);
    else if (typeof value === 'object' && value !== null && !Array.isArray(value))
      for (const [name, inner] of Object.entries(value)) walk(`${key}.${name}`, inner);
    else throw new TypeError(`${language}/${file}: ${key} is neither a text nor a group`);
  };
  walk(file.replace(/\.json$/, ''), JSON.parse(text));
  return flat;
}

/** Every text of a language. */
export const allTexts = (language: string): Texts =>
  new Map(filesOf(language).flatMap((file) => [...textsOf(language, file)]));

/** Names between double braces, sorted, each once. */
export const placeholdersOf = (text: string): readonly string[] =>
  [...new Set([...text.matchAll(/\{\{(.*?)\}\}/g)].map(([, name]) => name ?? ''))].sort();
