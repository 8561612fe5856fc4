import { describe, expect, it } from 'vitest';
import { Picks } from '../../../src-main/app/picks.ts';
import { emptyView, fold } from '../../../src-shared/journal.ts';
import type { StepInfo } from '../../../src-shared/step.ts';

const step: StepInfo = {
  id: 'import-software',
  chapter: 'prepare',
  phase: 'prepare',
  risk: 'changes',
  per: 'site',
  after: [],
  holds: [],
  reveals: false,
  undo: 'never',
  input: [
    { name: 'archive', kind: 'path', required: true, choices: [], initial: null, once: false },
    { name: 'medium', kind: 'medium', required: true, choices: [], initial: null, once: false },
    { name: 'label', kind: 'text', required: false, choices: [], initial: null, once: false },
  ],
};
const instance = 'import-software@site';
const learned = (drafts = {}, view = emptyView): Picks => {
  const picks = new Picks();
  picks.learn({ steps: [step], drafts, view });
  return picks;
};
const usageWrong = expect.objectContaining({ code: 'usage-wrong' });

describe('Picks', () => {
  it('gives the path back for its own token, and nothing of it in the token', () => {
    const picks = learned();
    const token = picks.keep('/home/ada/master.tar.gz');
    expect(token).not.toContain('master');
    expect(picks.resolve(instance, { archive: token })).toEqual({ archive: '/home/ada/master.tar.gz' });
  });

  it('refuses a token of an earlier start', () => {
    const token = learned().keep('/home/ada/master.tar.gz');
    expect(() => learned().resolve(instance, { archive: token })).toThrow(usageWrong);
  });

  it('refuses a path that the page made up, in every field that takes one', () => {
    expect(() => learned().resolve(instance, { archive: '/etc/shadow' })).toThrow(usageWrong);
    expect(() => learned().resolve(instance, { medium: '/' })).toThrow(usageWrong);
  });

  it('takes a medium that was offered', () => {
    const picks = learned();
    picks.offer([{ token: '/media/ada/FIELD' }]);
    expect(picks.resolve(instance, { medium: '/media/ada/FIELD' })).toEqual({ medium: '/media/ada/FIELD' });
  });

  it('takes what the draft or the record of the site already held', () => {
    expect(learned({ [instance]: { archive: '/a' } }).resolve(instance, { archive: '/a' })).toEqual({ archive: '/a' });
    const stamp = { at: '2026-11-22T08:00:00.000Z', mono: 1 };
    const view = fold([
      { ...stamp, seq: 1, kind: 'instances', list: [{ step: step.id, subject: { kind: 'site' } }] },
      { ...stamp, seq: 2, kind: 'run-started', instance, input: { archive: '/b' } },
    ]);
    expect(learned({}, view).resolve(instance, { archive: '/b' })).toEqual({ archive: '/b' });
  });

  it('leaves other fields and empty ones alone', () => {
    const input = { label: '/not/a/path/field', archive: '', count: 3 };
    expect(learned().resolve(instance, input)).toEqual(input);
  });
});
