import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { helpEntries, searchHelp, type Texts } from '../../../src-renderer/state/help.ts';
import { problems as problemCatalogue } from '../../../src-shared/problem.ts';

const texts: Texts = {
  help: { title: 'Help', topic: { medium: { title: 'The medium', text: 'An ordinary stick.' } } },
  steps: {
    connect: { title: 'Connect', why: 'Nothing works without it; the stick stays plugged.', found: { x: 'no' } },
  },
  problems: {
    'host-key-changed': {
      title: '{{machine}} shows another host key',
      cause: 'Reinstalled.',
      untouched: '',
      next: 'Compare.',
    },
    'medium-absent': {
      title: 'The medium is away',
      cause: 'The stick was pulled.',
      untouched: 'Nothing.',
      next: 'Plug it.',
    },
  },
};
const entries = helpEntries(texts, ['connect', 'gone']);
const found = (wanted: string) => searchHelp(entries, wanted).map(({ id }) => id);

describe('the help', () => {
  it('holds topics, steps in their order, and problems, with parameters as names', () => {
    expect(entries.map(({ kind, id }) => `${kind} ${id}`)).toEqual([
      'topic medium',
      'step connect',
      'problem host-key-changed',
      'problem medium-absent',
    ]);
    expect(entries[2]).toMatchObject({
      title: '‹machine› shows another host key',
      paragraphs: ['Reinstalled.', 'Compare.'],
    });
  });

  it('finds what holds every word, in titles and codes first, and knows no accents or capitals', () => {
    expect(found('STICK')).toEqual(['medium', 'connect', 'medium-absent']);
    expect(found('medium stick')).toEqual(['medium', 'medium-absent']);
    expect(found('médium')).toEqual(['medium', 'medium-absent']);
    expect(found('host-key-changed')).toEqual(['host-key-changed']);
    expect(found('stick reinstalled')).toEqual([]);
    expect(found('  ')).toHaveLength(4);
  });

  it.each(['en', 'fr'])('holds in %s the problem of every code, each with something to do', (language) => {
    const path = new URL(`../../../resources/locales/${language}/problems.json`, import.meta.url);
    const problems: Texts = JSON.parse(readFileSync(path, 'utf8'));
    const all = helpEntries({ problems }, []);
    expect(all.map(({ id }) => id)).toEqual(Object.keys(problemCatalogue).sort());
    for (const { title, paragraphs } of all) {
      expect(paragraphs.length, title).toBeGreaterThanOrEqual(2);
      expect([title, ...paragraphs].join(' ')).not.toMatch(/\{\{|\$t\(/);
    }
  });
});
