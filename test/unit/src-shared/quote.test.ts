import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Problem } from '../../../src-shared/problem.ts';
import { quoteArgv, quoteWord } from '../../../src-shared/quote.ts';
import { unless } from '../../unless.ts';

const shell = '/bin/sh';

/** What a real shell makes of many lines at once: one process for all of them. */
function wordsSeenBy(lists: readonly (readonly string[])[]): string[][] {
  const script = [
    'show() { for word; do printf "%s\\0" "$word"; done; printf "\\0"; }',
    ...lists.map((list) => `show ${quoteArgv(list)}`),
  ];
  const out = execFileSync(shell, ['-s'], { input: script.join('\n'), maxBuffer: 1 << 28 }).toString('utf8');
  const seen: string[][] = [];
  let current: string[] = [];
  for (const part of out.split('\0').slice(0, -1)) {
    if (part !== '') current.push(part);
    else {
      seen.push(current);
      current = [];
    }
  }
  return seen;
}

const special = fc.constantFrom(...' \t\n\r\'"\\$`!*?[]{}()<>|&;#~=%^@,:-+/.é€', '𝄞', '\u001b', '\u007f');
const anyWord = fc
  .array(fc.oneof(special, fc.string({ unit: 'grapheme', maxLength: 4 })), { minLength: 1, maxLength: 12 })
  .map((parts) => parts.join('').replaceAll('\0', ''))
  .filter((word) => word !== '');

describe('a real shell', unless(existsSync(shell) ? null : `there is no ${shell}`), () => {
  it('gets the same words back, whatever is in them', () => {
    const lists = fc.sample(fc.array(anyWord, { minLength: 1, maxLength: 5 }), { numRuns: 2000 });
    expect(wordsSeenBy(lists)).toEqual(lists);
  });

  it('runs the first word as a program, also when it looks like an assignment', () => {
    const out = execFileSync(shell, ['-c', `${quoteArgv(['A=1'])} 2>/dev/null; echo $?:$A`]).toString();
    expect(out).toBe('127:\n');
  });

  it('keeps an empty word', () => {
    const out = execFileSync(shell, ['-c', quoteArgv(['printf', '<%s>', 'a', '', 'b'])]).toString();
    expect(out).toBe('<a><><b>');
  });
});

describe('what is shown', () => {
  it('leaves plain words as they are', () => {
    expect(quoteArgv(['env', 'LC_ALL=C.UTF-8', '/usr/bin/apt-get', 'install', 'a=1.0+b~1'])).toBe(
      "env LC_ALL=C.UTF-8 /usr/bin/apt-get install 'a=1.0+b~1'",
    );
    expect(quoteWord("it's")).toBe(`'it'\\''s'`);
  });

  it('refuses a NUL byte', () => {
    expect(() => quoteArgv(['a\0b'])).toThrow(Problem);
  });
});
