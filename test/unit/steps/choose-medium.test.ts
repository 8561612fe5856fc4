/** A medium that was measured: what is told of one that is slow, and of one that is not. */
import { expect, it } from 'vitest';
import { chooseMedium } from '../../../src-main/steps/prepare/choose-medium.ts';

const chosen = { root: '/media/ada/FIELD', label: 'FIELD', freeBytes: 8e9, fileSystem: 'exfat' };
const factsOf = (speed: { writeBytes: number; readBytes: number } | null) =>
  chooseMedium.facts.parse({ chosen, wanted: null, device: null, damaged: false, speed });
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
