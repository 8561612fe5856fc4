import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { reasons, type Warning } from '../../../src-main/medium/safety.ts';

const warnings: Record<Warning, true> = {
  'unusually-large': true,
  'four-gigabyte-limit': true,
  'foreign-file-system': true,
};

test.each(['en', 'fr'])('every reason, remedy and warning is in words: %s', async (language) => {
  const path = new URL(`../../../resources/locales/${language}/drives.json`, import.meta.url);
  const texts = JSON.parse(await readFile(path, 'utf8')) as Record<string, Record<string, string>>;
  const sorted = (names: Iterable<string>) => [...new Set(names)].sort();
  expect(sorted(Object.keys(texts.reasons ?? {}))).toEqual(sorted(Object.keys(reasons)));
  expect(sorted(Object.keys(texts.remedies ?? {}))).toEqual(sorted(Object.values(reasons)));
  expect(sorted(Object.keys(texts.warnings ?? {}))).toEqual(sorted(Object.keys(warnings)));
});
