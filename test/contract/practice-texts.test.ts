// Faults of the practice site against their texts: a fault without words would be a switch nobody understands.
import { expect, it } from 'vitest';
import { faultIds } from '../../src-main/practice/faults.ts';
import { languages, textsOf } from './locale-files.ts';

it.each(languages)('names and explains every fault of the practice site, and no other, in %s', (language) => {
  const told = [...textsOf(language, 'ui.json').keys()].flatMap(
    (key) => /^ui\.faults\.([^.]+\.[^.]+)$/.exec(key)?.[1] ?? [],
  );
  expect(told.sort()).toEqual(faultIds.flatMap((id) => [`${id}.hint`, `${id}.label`]).sort());
});
