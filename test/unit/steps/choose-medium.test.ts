/** A medium that was measured: what is told of one that is slow, and of one that is not. */
import { expect, it } from 'vitest';
import { chooseMedium } from '../../../src-main/steps/prepare/choose-medium.ts';

const chosen = { root: '/media/ada/FIELD', label: 'FIELD', freeBytes: 8e9, fileSystem: 'exfat' };
const factsOf = (speed: { writeBytes: number; readBytes: number } | null) =>
  chooseMedium.facts.parse({ chosen, wanted: null, signs: null, device: null, damaged: false, other: null, speed });
const context = { input: { path: null } } as never;

it('is told to be slow, with its speed and what a gigabyte takes, and can be used all the same', () => {
  expect(chooseMedium.verdict(factsOf({ writeBytes: 4e6, readBytes: 20e6 }), context)).toEqual({
    state: 'done',
    findings: [
      {
        code: 'medium-slow',
        params: { medium: 'FIELD', writeBytes: 4e6, readBytes: 20e6, gigabyteMs: 300_000 },
      },
    ],
  });
});

it('that is fast enough, or a folder of the laptop, is not remarked upon', () => {
  for (const speed of [{ writeBytes: 8e6, readBytes: 20e6 }, null])
    expect(chooseMedium.verdict(factsOf(speed), context)).toEqual({ state: 'done', findings: [] });
  const told = (speed: Parameters<typeof factsOf>[0]) =>
    chooseMedium.found(factsOf(speed), context).map(({ key }) => key.split('.').at(-1));
  expect(told({ writeBytes: 8e6, readBytes: 20e6 })).toEqual(['chosen', 'room', 'speed']);
  expect(told(null)).toEqual(['chosen', 'room']);
});

/** Another one is in its place. */
const was = { serial: 'A', sizeBytes: 16, volumeUuid: '1A2B-3C4D', mediumId: 'a'.repeat(32) };
const is = { serial: 'B', sizeBytes: 16, volumeUuid: null, mediumId: null };
const swapped = chooseMedium.facts.parse({
  ...{ chosen: null, wanted: '/media/ada/FIELD', signs: is, device: null, damaged: false, speed: null },
  other: { was, is },
});
const wanting = { input: { path: '/media/ada/FIELD' }, subject: { kind: 'site' } } as never;

it('that is another than the chosen one is asked about, by what it differs, and taken by nothing but that answer', () => {
  expect(chooseMedium.verdict(swapped, wanting).state).toBe('todo');
  expect(chooseMedium.plan(swapped, wanting)).toMatchObject([
    {
      kind: 'ask',
      question: {
        ...{ id: 'medium:B:-:-', kind: 'choice', choices: ['use-this-one', 'keep-former'] },
        params: { formerSerial: 'A', formerMark: 'aaaaaaaa', serial: 'B', volume: '', mark: '' },
      },
    },
    { kind: 'work', job: 'take-other-medium', args: { was, is, asked: 'choose-medium@site' } },
  ]);
  expect(chooseMedium.found(swapped, wanting).map(({ key }) => key.split('.').at(-1))).toEqual([
    'former',
    'other',
    'none',
  ]);
});
