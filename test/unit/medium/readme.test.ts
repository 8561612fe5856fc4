import { describe, expect, test } from 'vitest';
import { type ReadmeFacts, readme } from '../../../src-main/medium/readme.ts';

const facts: ReadmeFacts = {
  site: 'lille',
  systems: ['debian-12-amd64'],
  releases: ['https://lab.nexedi.com/nexedi/slapos/raw/1.0.358/software/slapos-master/software.cfg'],
  fingerprint: '0123456789abcdef'.repeat(4),
  cacheFingerprint: 'fedcba9876543210'.repeat(4),
};

describe('the page on the medium', () => {
  const page = readme(facts);

  test('says the same in English and in French', () => {
    const sections = page.match(/<section lang="(en|fr)">/g);
    expect(sections).toEqual(['<section lang="en">', '<section lang="fr">']);
    const counts = ['<p>', '<li>', '<pre>', '<code>', '<h2>'].map((tag) => page.split(tag).length - 1);
    for (const count of counts) expect(count % 2).toBe(0);
  });

  test('shows the fingerprints in groups, and none that does not exist', () => {
    expect(page).toContain('0123 4567 89ab cdef 0123');
    expect(page).toContain('fedc ba98 7654 3210 fedc');
    expect(page.match(/<tr>/g)).toHaveLength(4);
  });

  test('names the folder of each release as slapos asks for it', () => {
    expect(page).toContain('bdir/16d47c5ab38233146f11c11abdd14575');
    expect(page).toContain('http://SERVER:5050/debian/debian-12-amd64 ./');
  });

  test('loads nothing and runs nothing', () => {
    expect(page).not.toMatch(/<script|<link|<img|<iframe|\bsrc=|@import|url\(/i);
    // The one way on is to a page beside it.
    expect(page.match(/\bhref="[^"]*"/g)).toEqual(['href="materials.html"', 'href="materials.html"']);
    expect(page).toContain("default-src 'none'");
  });

  test('what comes from the site is text', () => {
    const spoiled = readme({ ...facts, site: '<script>alert("1")</script>', releases: ["https://x/'><b>"] });
    expect(spoiled).not.toContain('<script>');
    expect(spoiled).not.toContain('<b>');
    expect(spoiled).toContain('&lt;script&gt;');
  });

  test('equal facts give equal bytes', () => {
    expect(readme({ ...facts })).toBe(page);
  });
});
