import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readTuple } from '../../../src-main/software/python-tuple.ts';

test.each([
  ["('debian', '9.13', '')", ['debian', '9.13', '']],
  ["(u'Ubuntu', u'18.04', u'bionic')", ['Ubuntu', '18.04', 'bionic']],
  [`("it's", 'say "x"', 'tab\\t')`, ["it's", 'say "x"', 'tab\t']],
  ["('a','b','c',)", ['a', 'b', 'c']],
])('%s', (text, expected) => {
  expect(readTuple(text)).toEqual(expected);
});

test.each([
  "('a', 'b')",
  "('a', 'b', 'c', 'd')",
  "['a', 'b', 'c']",
  "('a', 'b', 3)",
  "('a', 'b', 'c') + x()",
  "('a', 'b', 'c",
  '',
])('refused: %s', (text) => {
  expect(readTuple(text)).toBeNull();
});

test('any three strings written as a tuple are read back', () => {
  const quote = (text: string) => `'${text.replace(/[\\']/g, (letter) => `\\${letter}`)}'`;
  const word = fc.string().filter((text) => !/[\n\r\u2028\u2029]/.test(text));
  fc.assert(
    fc.property(fc.tuple(word, word, word), (words) => {
      expect(readTuple(`(${words.map(quote).join(', ')})`)).toEqual(words);
    }),
  );
});
