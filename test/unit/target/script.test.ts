import { expect, it } from 'vitest';
import { commandFailed } from '../../../src-main/target/script.ts';

const params = { command: 'apt-get install slapos-node', exit: 100, machine: 'node-3', detail: 'last words' };

it.each([
  ['apt looks first', "Need to get 98 MB.\nE: You don't have enough free space in /var/lib/fieldkit/apt/archives/.\n"],
  ['apt writes', 'E: Write error - write (28: No space left on device)\nE: The repository is no longer signed.\n'],
  ['dpkg unpacks', 'dpkg: error: failed to write (No space left on device)\n'],
  ['a quota', 'cat: write error: Disk quota exceeded\n'],
])('tells a full disk by what programs say: %s', (_what, said) => {
  const { code, data } = commandFailed(params, said);
  expect(code).toBe('target-disk-full');
  expect(data.params.machine).toBe('node-3');
  expect(said.split('\n')).toContain(data.params.detail);
  expect(data.evidence).toBe(said);
});

it.each([
  [null, 'command-cut-off', {}],
  [137, 'command-killed', { signal: 9 }],
  [143, 'command-killed', { signal: 15 }],
  [127, 'command-failed', { exit: 127 }],
  [128, 'command-failed', { exit: 128 }],
  [255, 'command-failed', { exit: 255 }],
] as const)('tells one that did not end by itself from one that failed: %s', (exit, code, more) => {
  const { exit: _exit, ...rest } = params;
  expect(commandFailed({ ...rest, exit }, 'Killed\n').data).toMatchObject({ code, params: { ...rest, ...more } });
});

it('says no more than the exit code of anything else', () => {
  expect(commandFailed(params, 'E: Unable to locate package slapos-node\n').data).toMatchObject({
    code: 'command-failed',
    params,
  });
});
