/** The picture of a host key against the one that ssh-keygen draws of it at the console. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomart } from '../../src-shared/randomart.ts';
import { unless, whyWithout } from '../unless.ts';

const keysOfAKind = 10;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fieldkit-randomart-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('the picture of a new key', unless(whyWithout('ssh-keygen')), () => {
  it.each([
    ['ed25519', '256', ''],
    ['ecdsa', '256', ''],
    ['ecdsa', '384', ''],
    ['ecdsa', '521', ''],
    // Its size is in no fingerprint.
    ['rsa', '2048', '+------[RSA]------+'],
  ])('is drawn as ssh-keygen does: %s %s', async (kind, bits, edge) => {
    for (let number = 0; number < keysOfAKind; number += 1) {
      const path = join(folder, `${kind}-${bits}-${number}`);
      const made = spawnSync('ssh-keygen', ['-q', '-t', kind, '-b', bits, '-N', '', '-f', path], { encoding: 'utf8' });
      expect(made.stderr).toBe('');
      const { stdout } = spawnSync('ssh-keygen', ['-lvf', `${path}.pub`], { encoding: 'utf8' });
      const [line = '', first = '', ...rest] = stdout.trimEnd().split('\n');
      const [type = ''] = (await readFile(`${path}.pub`, 'utf8')).split(' ');
      expect(randomart(type, line.split(' ')[1] ?? '')).toBe([edge === '' ? first : edge, ...rest].join('\n'));
    }
  });
});
