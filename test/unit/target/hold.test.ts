import { describe, expect, it } from 'vitest';
import { readHold, takeHold } from '../../../src-main/target/hold.ts';

const ada = '{"person":"ada","laptop":"bench-1","program":"Kit 1","since":"2026-05-01T10:00:00.000Z"}';
const by = { person: 'ada', laptop: 'bench-1', program: 'Kit 1', since: '2026-05-01T10:00:00.000Z' };

describe('what the machine says of its hold', () => {
  it.each([
    ['ours\n', { state: 'ours', from: null }],
    [`was 700\nabc\n${ada}\nours\n`, { state: 'ours', from: { ...by, silentMs: 700_000 } }],
    [`held 3\nabc\n${ada}\n`, { state: 'held', id: 'abc', by, silentMs: 3000 }],
    // A clock that was set back.
    [`held -90\nabc\n${ada}\n`, { state: 'held', id: 'abc', by, silentMs: 0 }],
    [
      'held 3\nabc\nno json\n',
      { state: 'held', id: 'abc', by: { person: '?', laptop: '?', program: '?', since: '?' }, silentMs: 3000 },
    ],
    ['', null],
    [`was 700\nabc\n${ada}\n`, null],
  ] as const)('%j', (stdout, hold) => {
    expect(readHold({ stdout })).toEqual(hold);
  });

  it('lets no terminal sequence of a holder through', () => {
    const hold = readHold({ stdout: 'held 3\nabc\n{"person":"a\\u001b[31mda","laptop":"\\u202eb"}\n' });
    expect(JSON.stringify(hold)).not.toMatch(/\\u001b|\u202e/);
  });
});

it('says what the machine said when it cannot be held', async () => {
  const exec = async () => ({ exit: 1, stdout: '', stderr: 'No space left on device' });
  const holder = { person: 'ada', laptop: 'bench-1', program: 'Kit 1', since: '' };
  await expect(
    takeHold({ exec, name: 'm1' }, { id: 'x', holder, staleMs: 1000, takeFrom: null }),
  ).rejects.toMatchObject({ code: 'command-failed', data: { params: { detail: 'No space left on device' } } });
});
