import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { array, assert, constantFrom, property } from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { contentPolicy, isOwnAddress } from '../../../src-main/app/content-policy.ts';
import { resolveInside, serveFile } from '../../../src-main/app/served-file.ts';

let root = '';
beforeAll(() => {
  const folder = mkdtempSync(join(tmpdir(), 'fieldkit-served-'));
  root = join(folder, 'renderer');
  mkdirSync(root);
  writeFileSync(join(folder, 'secret.html'), 'outside');
  writeFileSync(join(root, 'index.html'), '<meta nonce="__CSP_NONCE__"><style nonce="__CSP_NONCE__">');
  writeFileSync(join(root, 'main.js'), '// __CSP_NONCE__');
  writeFileSync(join(root, 'notes.exe'), '');
});
afterAll(() => rmSync(join(root, '..'), { recursive: true, force: true }));

describe('contentPolicy', () => {
  it('is this text, letter by letter', () => {
    expect(contentPolicy('abc')).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-abc'; img-src 'self' data:; font-src 'self'; " +
        "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    );
  });
});

describe('isOwnAddress', () => {
  it.each([
    ['app://kit/index.html', true],
    ['app://kit/', true],
    ['app://other/index.html', false],
    ['app://kit:80/index.html', false],
    ['app://user@kit/index.html', false],
    ['http://kit/', false],
    ['https://localhost:5173/', false],
    ['file:///etc/passwd', false],
    ['data:text/html,hello', false],
    ['blob:app://kit/1', false],
    ['no address', false],
  ])('%s: %s', (address, own) => {
    expect(isOwnAddress(address, null)).toBe(own);
  });

  it('takes the development server where there is one, and its socket', () => {
    expect(isOwnAddress('http://localhost:5173/main.tsx', 'http://localhost:5173')).toBe(true);
    expect(isOwnAddress('ws://localhost:5173/', 'http://localhost:5173')).toBe(true);
    expect(isOwnAddress('http://localhost:5174/', 'http://localhost:5173')).toBe(false);
  });
});

describe('resolveInside', () => {
  it('never leaves the folder, however the address is spelled', () => {
    const piece = constantFrom(
      '..',
      '.',
      '%2e%2e',
      '%2E.',
      '/',
      '%2f',
      '\\',
      '%5c',
      '%00',
      'a',
      'index.html',
      '%',
      '%zz',
    );
    assert(
      property(array(piece, { maxLength: 8 }), (pieces) => {
        const path = resolveInside(root, `/${pieces.join('')}`);
        if (path !== null) expect(path.startsWith(`${root}/`)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it('does not take a sibling whose name begins the same', () => {
    expect(resolveInside(root, '/../renderer-other/index.html')).toBeNull();
  });
});

describe('serveFile', () => {
  it('puts the nonce of this load into pages and header, and into nothing else', async () => {
    const page = await serveFile(root, '/', 'n1');
    expect([page.status, page.body]).toEqual([200, '<meta nonce="n1"><style nonce="n1">']);
    expect(page.headers['Content-Security-Policy']).toBe(contentPolicy('n1'));
    expect((await serveFile(root, '/main.js', 'n1')).body.toString()).toContain('__CSP_NONCE__');
  });

  it.each(['/secret.html', '/../secret.html', '/%2e%2e/secret.html', '/notes.exe', '/missing.js', '/%zz'])(
    'answers 404 with the same policy for %s',
    async (pathName) => {
      const answer = await serveFile(root, pathName, 'n2');
      expect([answer.status, answer.body]).toEqual([404, 'not here']);
      expect(answer.headers['Content-Security-Policy']).toBe(contentPolicy('n2'));
    },
  );
});
