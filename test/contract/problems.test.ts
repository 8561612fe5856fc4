// The catalogue of problems against its texts: a code without words would reach a person as a code.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createInstance } from 'i18next';
import { describe, expect, it } from 'vitest';
import english from '../../resources/locales/en/problems.json' with { type: 'json' };
import { reasons } from '../../src-main/medium/safety.ts';
import { planFaultCodes } from '../../src-shared/plan-fault.ts';
import { exitCodeOf, exitCodes, type ProblemCode, problem, problems } from '../../src-shared/problem.ts';
import { languages, placeholdersOf, textsOf } from './locale-files.ts';

const parts = ['title', 'cause', 'untouched', 'next'] as const;
const codes = Object.keys(problems) as ProblemCode[];
/** The faults of a plan are words of their own, which one problem refers to by key. */
const faultKeys = planFaultCodes.map((code) => `problems.site-plan-invalid.faults.${code}`);
/** So are a drive's reasons. */
const reasonKeys = Object.keys(reasons).flatMap((reason) =>
  ['reasons', 'remedies'].map((group) => `problems.medium-drive-unusable.${group}.${reason}`),
);

/** What is wrong with a frontend's certificate is said at the office in the words it has on site. */
const certificateKeys = codes
  .filter((code) => /^frontend-certificate-(unusable|key|domain|dates)$/.test(code))
  .flatMap((code) => ['title', 'cause'].map((part) => `problems.${code}.${part}`));

it('holds no problem that nothing ever says', () => {
  const folder = fileURLToPath(new URL('../../', import.meta.url));
  const sources = ['src-main', 'src-shared']
    .flatMap((room) =>
      readdirSync(`${folder}${room}`, { recursive: true, encoding: 'utf8' }).map((name) => `${folder}${room}/${name}`),
    )
    .filter((path) => path.endsWith('.ts') && !path.endsWith('src-shared/problem.ts'))
    .map((path) => readFileSync(path, 'utf8'))
    .join('\n');
  const thrownHere = ['internal'];
  expect(codes.filter((code) => !thrownHere.includes(code) && !sources.includes(`'${code}'`))).toEqual([]);
});

describe.each(languages)('texts of problems in %s', (language) => {
  const texts = textsOf(language, 'problems.json');

  it('has title, cause, untouched and next of every code, and of nothing else', () => {
    const wanted = codes.flatMap((code) => parts.map((part) => `problems.${code}.${part}`));
    expect([...texts.keys()].sort()).toEqual([...wanted, ...reasonKeys, ...faultKeys].sort());
  });

  it.each(codes)('says %s with all of its parameters and no others', (code) => {
    const keys = parts.map((part) => `problems.${code}.${part}`);
    const taken =
      code === 'site-plan-invalid' ? faultKeys : code === 'frontend-certificate-not-ready' ? certificateKeys : [];
    const used = [...keys, ...taken].flatMap((key) => placeholdersOf(texts.get(key) ?? ''));
    expect([...new Set(used)].sort()).toEqual([...problems[code].params].sort());
  });

  it('says in its title which thing it is about, wherever the problem knows it', () => {
    const nameless = codes.filter(
      (code) =>
        problems[code].params.length > 0 && placeholdersOf(texts.get(`problems.${code}.title`) ?? '').length === 0,
    );
    expect(nameless).toEqual([]);
  });
});

it('says why a drive cannot be used in a sentence, not by a code', async () => {
  const words = createInstance();
  await words.init({
    lng: 'en',
    resources: { en: { translation: { problems: english } } },
    interpolation: { escapeValue: false },
  });
  const say = (drive: string) => words.t('problems.medium-drive-unusable.title', { drive, reason: 'not-mounted' });
  expect(say('SanDisk')).toBe('SanDisk cannot be used: it is not mounted');
  // A drive's name is a stranger's text: it must never be taken for a key.
  expect(say('$t(problems.internal.cause)')).not.toContain('fault of the program');
});

describe('the catalogue', () => {
  it('gives every code a stable exit code of its own kind, and none that means done', () => {
    for (const code of codes) expect(exitCodeOf(code), code).toBeGreaterThan(exitCodes.done);
    expect(new Set(Object.values(exitCodes)).size).toBe(Object.keys(exitCodes).length);
  });

  it('carries code, parameters, weight and evidence on what is thrown', () => {
    const thrown = problem('download-stalled', { url: 'http://cache.example/a', seconds: 15 }, { evidence: 'tail' });
    expect(thrown.data).toEqual({
      code: 'download-stalled',
      params: { url: 'http://cache.example/a', seconds: 15 },
      severity: 'strict',
      retryable: true,
      evidence: 'tail',
    });
  });
});
