/** package-lock.json: usable with any registry and on any platform. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { missingPlatformBuilds } from '../../tools/complete-lock.mjs';

const text = readFileSync(path.resolve(import.meta.dirname, '../../package-lock.json'), 'utf8');
const { packages } = JSON.parse(text) as { packages: Parameters<typeof missingPlatformBuilds>[0] };

test('it names no registry', () => {
  expect(text.includes('"resolved"')).toBe(false);
});

test('it is complete (else: npm run lock)', () => {
  expect(Object.keys(missingPlatformBuilds(packages))).toEqual([]);
});

test('a missing build for another platform is found, with the platform it is for', () => {
  const wanting = {
    'node_modules/tool': { version: '1.2.3', dev: true, optionalDependencies: { '@tool/linux-arm64-musl': '1.2.3' } },
  };
  expect(missingPlatformBuilds(wanting)).toEqual({
    'node_modules/@tool/linux-arm64-musl': {
      version: '1.2.3',
      dev: true,
      optional: true,
      os: ['linux'],
      cpu: ['arm64'],
      libc: ['musl'],
    },
  });
});
