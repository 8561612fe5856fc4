import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cleanLine, cleanText } from '../../../src-shared/clean.ts';

describe('cleanText', () => {
  it.each([
    ['colours', '\u001b[1;31mred\u001b[0m', 'red'],
    ['a cursor move in eight-bit form', 'a\u009b2Jb', 'ab'],
    ['a window title', 'a\u001b]0;evil title\u0007b', 'ab'],
    ['a link, ended by ST', '\u001b]8;;http://x\u001b\\text\u001b]8;;\u001b\\', 'text'],
    ['a device string', 'a\u001bPq#0\u001b\\b', 'ab'],
    ['a character set switch', '\u001b(0lqk\u001b(B', 'lqk'],
    ['a reversed name', 'report\u202egnp.exe', 'reportgnp.exe'],
    ['isolates and marks', '\u2066a\u2069\u200eb\u061c', 'ab'],
    ['invisible joiners', 'ro\u200bot\ufeff', 'root'],
    ['bells and backspaces', 'a\u0007b\u0008c\u007f', 'abc'],
    ['Windows lines', 'a\r\nb\rc', 'a\nbc'],
    ['an unfinished sequence', 'a\u001b[12', 'a'],
    ['ordinary text', 'Überprüfung\t12 % — 名前\n', 'Überprüfung\t12 % — 名前\n'],
  ])('takes out %s', (_what, text, wanted) => {
    expect(cleanText(text)).toBe(wanted);
  });

  it('leaves nothing that controls a terminal or the direction of text, and is stable', () => {
    const bad = /[\p{Cf}\u2028\u2029]|[^\P{Cc}\t\n]/u;
    const piece = fc.oneof(
      fc.constantFrom('\u001b', '[', ']', '0', ';', 'm', '\u0007', '\\', '\u009b', '\u202e', '\n', 'a', '\u001b[', 'P'),
      fc.string({ unit: 'binary', maxLength: 3 }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const cleaned = cleanText(pieces.join(''));
        expect(cleaned).not.toMatch(bad);
        expect(cleanText(cleaned)).toBe(cleaned);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('cleanLine', () => {
  it('gives one line of limited length', () => {
    expect(cleanLine('  a\n\n b\u001b[31m  c ')).toBe('a b c');
    expect(cleanLine('x'.repeat(300), 10)).toBe(`${'x'.repeat(9)}…`);
  });
});
