import { describe, expect, it } from 'vitest';
import { reduceWork, shownOf, type Work } from '../../../src-main/app/taskbar.ts';
import type { LiveEvent, StreamEvent } from '../../../src-shared/api.ts';
import type { JournalEvent } from '../../../src-shared/journal.ts';

const site = 'plant';
const one = 'install@machine:a';
const two = 'install@machine:b';
const stamp = { seq: 1, at: '', mono: 0 };
const told = (event: StreamEvent['event']): StreamEvent => ({ site, number: 1, event });
const journal = (kind: JournalEvent['kind'], instance = one): StreamEvent =>
  told({ journal: { ...stamp, kind, instance } as JournalEvent });
const live = (event: object): StreamEvent => told({ live: event as LiveEvent });
const progress = (done: number, total: number | null, instance = one) =>
  live({ kind: 'progress', instance, index: 0, done, total, unit: 'files', speed: null, leftMs: null, what: null });
const shown = (...events: StreamEvent[]) => shownOf(events.reduce<Work>(reduceWork, new Map()), true);
const endless = 2;
const none = -1;

describe('the taskbar', () => {
  it('shows how far the one thing under way is, and that nobody can say where it cannot be known', () => {
    expect(shown(journal('run-started'))).toBe(endless);
    expect(shown(journal('run-started'), progress(1, 4))).toBe(0.25);
    expect(shown(journal('run-started'), progress(1, null))).toBe(endless);
    expect(shown(journal('run-started'), progress(5, 4))).toBe(1);
  });

  it('forgets how far a command was once it ended, while the run goes on', () => {
    expect(shown(journal('run-started'), progress(4, 4), journal('command-ended'))).toBe(endless);
    expect(shown(journal('run-started'), progress(4, 4), journal('run-ended'))).toBe(endless);
  });

  it.each([
    { kind: 'verifying', path: null, doneBytes: 1, totalBytes: 2, speed: null, leftMs: null },
    { kind: 'cloning', path: null, doneBytes: 1, totalBytes: 2, speed: null, leftMs: null },
    { kind: 'restoring', path: null, doneBytes: 1, totalBytes: 2, speed: null, leftMs: null },
    { kind: 'rehearsal', step: one, done: 1, total: 2, sizeBytes: 0 },
    { kind: 'surveying', machine: 'a', done: 1, total: 2 },
  ])('shows how far what belongs to no step is: $kind', (event) => {
    expect(shown(live(event))).toBe(0.5);
  });

  it('shows nothing while a person is waited for, and goes on once they answered', () => {
    const asked = [journal('run-started'), progress(1, 2), live({ kind: 'question', instance: one })];
    expect(shown(...asked)).toBe(none);
    expect(shown(...asked, journal('answered'))).toBe(endless);
    expect(shown(journal('run-started'), live({ kind: 'confirm', instance: one }))).toBe(none);
    expect(shown(journal('run-started'), live({ kind: 'confirm', instance: one }), journal('consent'))).toBe(endless);
  });

  it('adds nothing up: of several at once nobody can say how far they are, of the one that does not wait it can be', () => {
    expect(shown(progress(1, 4), progress(1, 2, two))).toBe(endless);
    expect(shown(progress(1, 4), progress(1, 2, two), journal('run-ended'))).toBe(0.5);
    expect(shown(live({ kind: 'question', instance: one }), progress(1, 2, two))).toBe(0.5);
  });

  it('shows nothing once nothing is under way, whatever was', () => {
    const left = reduceWork(new Map(), progress(1, 4));
    expect(shownOf(left, false)).toBe(none);
    expect(reduceWork(left, live({ kind: 'run-over', run: 'run-1', problem: null })).size).toBe(0);
  });
});
