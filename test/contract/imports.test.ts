/** The rooms of the house import only what import-rules.ts allows. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { importsOf, keepers, rooms, violations } from './import-rules.ts';

const project = path.resolve(import.meta.dirname, '../..');
const sources = ['src-shared', 'src-main', 'src-renderer'].flatMap((folder) =>
  readdirSync(path.join(project, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.tsx?$/.test(name) && !name.endsWith('.d.ts'))
    .map((name) => path.posix.join(folder, name)),
);

test('every source file keeps the import rules', () => {
  expect(sources.length).toBeGreaterThan(50);
  const wrong = sources.flatMap((file) => violations(file, readFileSync(path.join(project, file), 'utf8')));
  expect(wrong).toEqual([]);
});

test('every room and every keeper of the table exists', () => {
  const named = [...rooms.map(({ room }) => room), ...Object.values(keepers).flat()];
  const empty = named.filter((room) => !sources.some((file) => file.startsWith(room)));
  expect(empty).toEqual([]);
});

describe('the rules catch', () => {
  const broken: readonly [string, string, string][] = [
    [
      'the window reaching into the program',
      'src-renderer/app.tsx',
      "import { run } from '../src-main/platform/shell.ts';",
    ],
    ['the window reading files', 'src-renderer/app.tsx', "import { readFile } from 'node:fs/promises';"],
    ['the contract doing input and output', 'src-shared/site.ts', "import path from 'node:path';"],
    ['one room using another', 'src-main/medium/copy.ts', "import { x } from '../software/entry.ts';"],
    ['a room knowing the runbook', 'src-main/target/exec.ts', "import type { Step } from '../runbook/define.ts';"],
    ['a step holding a hand', 'src-main/steps/machine/x.ts', "import { run } from '../../platform/shell.ts';"],
    ['a step driving the runner', 'src-main/steps/machine/x.ts', "import { Runner } from '../../runbook/runner.ts';"],
    [
      'the runbook naming a step',
      'src-main/runbook/runner.ts',
      "import { connect } from '../steps/machine/connect.ts';",
    ],
    ['the window of the program opening a room', 'src-main/app/ipc.ts', "import { x } from '../medium/copy.ts';"],
    ['a preload with a library', 'src-main/preload/index.ts', "import { z } from 'zod';"],
    ['electron elsewhere', 'src-main/compose.ts', "import { app } from 'electron';"],
    ['ssh2 elsewhere', 'src-main/software/entry.ts', "import type { Client } from 'ssh2';"],
    ['openpgp elsewhere', 'src-main/software/entry.ts', "const pgp = await import('openpgp');"],
    ['drivelist elsewhere', 'src-main/platform/files.ts', "export { list } from 'drivelist';"],
    [
      'another program started outside the platform',
      'src-main/target/exec.ts',
      "import { spawn } from 'node:child_process';",
    ],
    ['an import over several lines', 'src-shared/a.ts', "import {\n  a,\n  type B,\n} from '../src-main/compose.ts';"],
    ['an import for its effect', 'src-shared/a.ts', "import 'reflect-metadata';"],
    ['a re-export', 'src-shared/a.ts', "export * from '../src-main/compose.ts';"],
    ['an import inside a type', 'src-shared/a.ts', "export type A = import('ssh2').Client;"],
    ['a computed import', 'src-main/cli/entry.ts', 'const a = await import(name);'],
    ['a file outside every room', 'src-main/helper.ts', ''],
  ];
  test.each(broken)('%s', (_what, file, source) => {
    expect(violations(file, source)).toHaveLength(1);
  });
});

describe('the rules allow', () => {
  const kept: readonly [string, string, string][] = [
    ['a room its own files', 'src-main/medium/copy.ts', "import { a } from './verify.ts';"],
    ['a step the shape of a step', 'src-main/steps/x.ts', "import { defineStep } from '../runbook/define.ts';"],
    ['a step types of the runbook', 'src-main/steps/x.ts', "import { type World } from '../runbook/world.ts';"],
    ['a part of an allowed package', 'src-renderer/main.tsx', "import { createRoot } from 'react-dom/client';"],
    ['the keeper what it keeps', 'src-main/target/link.ts', "import { Client, type ConnectConfig } from 'ssh2';"],
    ['an import named in a sentence', 'src-shared/a.ts', "// import nothing from 'electron' here\nconst a = 'x';"],
  ];
  test.each(kept)('%s', (_what, file, source) => {
    expect(violations(file, source)).toEqual([]);
  });
});

test('an import is reported with its line', () => {
  expect(importsOf("const a = 1;\n\nimport { b } from './b.ts';")).toEqual([
    { from: './b.ts', typesOnly: false, line: 3 },
  ]);
});
