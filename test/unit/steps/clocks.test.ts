/** A clock that went wrong after a machine was checked: told when it is reached again, and before a record is dated by it. */
import { describe, expect, it } from 'vitest';
import { recordSite } from '../../../src-main/steps/close/record-site.ts';
import { connect } from '../../../src-main/steps/machine/connect.ts';
import { emptyLock } from '../../../src-shared/lock.ts';
import { sitePlan } from '../../../src-shared/site.ts';

const fingerprint = `SHA256:${'a'.repeat(43)}`;
const site = sitePlan.parse({
  format: 1,
  name: 'lab',
  machines: [
    { name: 'm', roles: ['master'], address: '10.0.0.1', release: '12', interface: 'eth0', hostKey: fingerprint },
  ],
});
const now = 1_800_000_000;
const context = (skipped: readonly string[] = []) =>
  ({
    ...{ site, lock: emptyLock, subject: { kind: 'machine', name: 'm' }, input: { remark: '' }, needs: [] },
    earlier: { skipped, commands: [], answers: {} },
  }) as never;

describe('connect', () => {
  const met = async (clock: string) => {
    const world = {
      hostKey: async () => ({ type: 'ssh-ed25519', fingerprint }),
      probe: async () => ({ who: { exit: 0, out: 'root\n', err: '' }, clock: { exit: 0, out: clock, err: '' } }),
      sight: async () => ({ seconds: now, least: '' }),
    } as never;
    return connect.verdict(await connect.read(world, context()), context());
  };

  it.each([
    ['the same', now, null],
    ['four minutes off', now - 240, null],
    ['three hours behind', now - 10_810, -10_800_000],
    ['a day ahead', now + 86_390, 86_400_000],
  ])('the machine’s clock is %s', async (_, seconds, awayMs) => {
    expect(await met(`${seconds}\n`)).toEqual({
      state: 'done',
      findings:
        awayMs === null
          ? []
          : [expect.objectContaining({ code: 'target-clock-off', params: { machine: 'm', awayMs } })],
    });
  });

  it('says nothing of a clock that does not answer', async () => {
    for (const babble of ['', 'date: no', '99999999999999'])
      expect(await met(babble)).toEqual({ state: 'done', findings: [] });
  });
});

describe('record-site', () => {
  const state = { next: 2, onMedium: 'same', latest: null, damaged: null };
  const judged = async (least: string, more: object = {}, skipped: readonly string[] = []) => {
    const world = {
      sight: async (name: string) => (name === 'laptop-clock' ? { seconds: now, least } : { ...state, ...more }),
    } as never;
    const at = context(skipped);
    return recordSite.verdict(await recordSite.read(world, at), at);
  };
  const later = new Date((now + 7200) * 1000).toISOString();

  it('dates nothing by a clock that is before what the journal tells of, unless a person knows better', async () => {
    expect(await judged(later)).toMatchObject({
      state: 'blocked',
      findings: [{ code: 'laptop-clock-behind', params: { behindMs: 7_200_000, least: later } }],
    });
    expect((await judged(later, {}, ['laptop-clock-behind'])).state).toBe('todo');
    for (const least of ['', new Date((now + 200) * 1000).toISOString(), new Date((now - 9999) * 1000).toISOString()])
      expect((await judged(least)).state).toBe('todo');
  });

  it('copies a record that stands whatever the clock says: nothing is dated', async () => {
    const latest = { number: 1, madeAt: later, remark: '', machines: 1, since: 0, planChanged: false };
    expect((await judged(later, { latest })).state).toBe('done');
    expect((await judged(later, { latest, onMedium: 'lacking' })).state).toBe('todo');
  });
});
