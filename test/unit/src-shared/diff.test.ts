import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { array, assert, boolean, constantFrom, property, tuple } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { diffLines, diffText, hunksOf } from '../../../src-shared/diff.ts';
import { whyWithout } from '../../unless.ts';

const text = tuple(array(constantFrom('a', 'b', 'c', '', '# x'), { maxLength: 12 }), boolean()).map(
  ([lines, ended]) => lines.join('\n') + (ended && lines.length > 0 ? '\n' : ''),
);

const rebuilt = (lines: ReturnType<typeof diffLines>, side: 'before' | 'after'): string =>
  lines
    .filter((line) => line[side] !== null)
    .map((line) => line.text + (line.unended ? '' : '\n'))
    .join('');

describe('diffLines', () => {
  it('holds both texts whole, in order, with their line numbers', () => {
    assert(
      property(text, text, (before, after) => {
        const lines = diffLines(before, after);
        expect(rebuilt(lines, 'before')).toBe(before);
        expect(rebuilt(lines, 'after')).toBe(after);
        const numbers = lines.map((line) => line.after).filter((number) => number !== null);
        expect(numbers).toEqual(numbers.map((_, index) => index + 1));
      }),
    );
  });

  it('changes no more lines than needed', () => {
    const lines = diffLines('[a]\nx = 1\ny = 2\n', '[a]\nx = 1\nz = 3\ny = 2\n');
    expect(lines.filter((line) => line.kind !== 'same').map((line) => line.text)).toEqual(['z = 3']);
  });

  it('adds every line of a file that is not there', () => {
    expect(diffLines(null, 'a\nb\n').map((line) => line.kind)).toEqual(['added', 'added']);
  });

  it('shows a last line that only loses its end', () => {
    expect(diffText('a\n', 'a')).toBe('@@ -1,1 +1,1 @@\n-a\n+a\n\\ No newline at end of file');
  });

  it('stays exact for texts too large to compare line by line', () => {
    const before = Array.from({ length: 3000 }, (_, index) => `old ${index}\n`).join('');
    const after = Array.from({ length: 3000 }, (_, index) => `new ${index}\n`).join('');
    const lines = diffLines(before, after);
    expect(rebuilt(lines, 'before')).toBe(before);
    expect(rebuilt(lines, 'after')).toBe(after);
  });
});

describe('hunksOf', () => {
  it('leaves out far unchanged lines and says how many', () => {
    const before = Array.from({ length: 40 }, (_, index) => `${index}\n`).join('');
    const after = before.replace('20\n', 'twenty\n');
    const [only, ...more] = hunksOf(diffLines(before, after));
    expect(more).toEqual([]);
    expect(only?.skipped).toBe(17);
    expect(only?.lines.map((line) => line.text)).toEqual(['17', '18', '19', '20', 'twenty', '21', '22', '23']);
  });
});

describe('diffText', () => {
  it('is what patch applies', ({ skip }) => {
    const why = whyWithout('patch');
    if (why !== null) return skip(why);
    const folder = mkdtempSync(join(tmpdir(), 'fieldkit-diff-'));
    try {
      assert(
        property(text, text, (before, after) => {
          const unified = diffText(before, after);
          if (unified === '') {
            expect(before).toBe(after);
            return;
          }
          writeFileSync(join(folder, 'file'), before);
          writeFileSync(join(folder, 'patch'), `--- file\n+++ file\n${unified}\n`);
          const patched = spawnSync('patch', ['--quiet', '--force', '-p0', '-i', 'patch', '-o', 'out', 'file'], {
            cwd: folder,
            encoding: 'utf8',
          });
          expect(patched.stderr + patched.stdout).toBe('');
          expect(readFileSync(join(folder, 'out'), 'utf8')).toBe(after);
        }),
        { numRuns: 60 },
      );
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
