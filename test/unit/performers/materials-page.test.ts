/** The page of what the medium is made of: opened from the medium, without the program and without a script. */
import { expect, it } from 'vitest';
import { materialsPage } from '../../../src-main/performers/materials-page.ts';
import type { LockedPackage, SiteLock } from '../../../src-shared/lock.ts';

const deb = (name: string, version: string): LockedPackage => ({
  ...{ name, version, architecture: 'amd64', sha256: 'a'.repeat(64), sizeBytes: 10, source: 'debian' },
  ...{ url: `http://deb.example.org/debian/pool/${name}.deb`, path: `debs/${name}_1%3a2.deb` },
});
const lock: SiteLock = {
  ...{ format: 1, keys: null },
  systems: {
    'debian-13-amd64': { snapshots: [], vendor: [], packages: [deb('zlib1g', '1:1.3')], roots: [] },
    'debian-12-amd64': { snapshots: [], vendor: [], packages: [deb('zlib1g', '1:1.2'), deb('acl', '2.3')], roots: [] },
  },
  releases: {
    master: {
      url: 'https://lab.example.org/raw/1.0.499/software/<b>/software.cfg',
      md5: 'b'.repeat(32),
      entries: [
        {
          ...{ system: 'debian-12-amd64', sha512: 'c'.repeat(128), sizeBytes: 10 },
          ...{ entry: '{}', signature: 'AA==', certificate: 'x' },
        },
      ],
    },
  },
};
const page = materialsPage(lock, 'lille');
const rows = page.split('<tr>').map((row) =>
  row
    .replace(/<[^>]+>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim(),
);

it('lists every package by system and name, and every release, with its version', () => {
  expect(rows.slice(2, 3)).toEqual([
    expect.stringContaining('master 1.0.499 https://lab.example.org/raw/1.0.499/software/&lt;b&gt;/software.cfg'),
  ]);
  const packages = rows.filter((row) => /^(acl|zlib1g) /.test(row)).map((row) => row.split(' ').slice(0, 4).join(' '));
  expect(packages).toEqual([
    'acl 2.3 debian debian-12-amd64',
    'zlib1g 1:1.2 debian debian-12-amd64',
    'zlib1g 1:1.3 debian debian-13-amd64',
  ]);
});

it('leads to the files themselves, and to nothing that is not on the medium', () => {
  const links = [...page.matchAll(/href="([^"]+)"/g)].map(([, address]) => address);
  expect(new Set(links)).toEqual(
    new Set([
      'sbom.cdx.json',
      `bcache/${'c'.repeat(128)}`,
      'debian/debian-12-amd64/debs/acl_1%253a2.deb',
      'debian/debian-12-amd64/debs/zlib1g_1%253a2.deb',
      'debian/debian-13-amd64/debs/zlib1g_1%253a2.deb',
    ]),
  );
});

it('loads nothing, runs nothing, says licences in both languages, and is the same for the same lock', () => {
  expect(page).not.toMatch(/<script|<link|<img|<iframe|\bsrc=|@import|url\(|<b>/i);
  expect(page).toContain("default-src 'none'");
  expect(page.split('/usr/share/doc/').length - 1).toBe(2);
  const turned = { ...lock, systems: Object.fromEntries(Object.entries(lock.systems).reverse()) };
  expect(materialsPage(turned, 'lille')).toBe(page);
});
