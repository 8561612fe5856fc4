import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { shellOf } from '../../../src-main/runbook/explain.ts';

it('gives shell text that really writes the file, whatever its lines hold', () => {
  const folder = mkdtempSync(join(tmpdir(), 'fieldkit-explain-'));
  try {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.stringMatching(/^[ -~]{0,20}$/), fc.constantFrom('END', 'END_', "'", '$HOME', '\\'))),
        (lines) => {
          const text = `${lines.join('\n')}\n`;
          const path = join(folder, "it's a file");
          const shell = shellOf([{ kind: 'write', on: { machine: 'm' }, path, text, mode: 0o640, before: null }]);
          execFileSync('sh', ['-e'], { input: shell });
          expect(readFileSync(path, 'utf8')).toBe(text);
          expect(statSync(path).mode & 0o777).toBe(0o640);
        },
      ),
      { numRuns: 40 },
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it('runs what it shows, word for word, with its standard input', () => {
  const shell = shellOf([
    {
      kind: 'run',
      on: { machine: 'm' },
      argv: ['sh', '-c', 'printf "%s|" "$@"; cat', 'x', 'a b', "c'd", '$e'],
      stdin: 'END\ninput\n',
      limitMs: 1,
    },
  ]);
  expect(execFileSync('sh', ['-e'], { input: shell, encoding: 'utf8' })).toBe("a b|c'd|$e|END\ninput\n");
});

it('names a secret by its handle and never more', () => {
  expect(
    shellOf([{ kind: 'run', on: { machine: 'm' }, argv: ['cat'], stdin: [{ secret: 'token' }], limitMs: 1 }]),
  ).toContain('[token]');
});
