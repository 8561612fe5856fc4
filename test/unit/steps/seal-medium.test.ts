/** A medium that bears a moment of the future: the clock of the laptop that sealed it was ahead, or this one is behind. */
import { expect, it } from 'vitest';
import { sealMedium } from '../../../src-main/steps/prepare/seal-medium.ts';

const sealedAt = '2026-03-02T16:40:00.000Z';
const sealedSeconds = Date.parse(sealedAt) / 1000;
const state = {
  ...{ generation: 3, sealedAt, changed: 0, count: 2, sizeBytes: 10, fingerprint: 'F', drive: 'a stick' },
  released: null,
  medium: { label: 'FIELD', serial: 'S1', mediumId: 'ab12cd34ef' },
};
const context = (release: boolean) => ({ input: { release } }) as never;

/** What is to be done by a laptop whose clock is so many seconds past the seal. */
async function actsAt(seconds: number, release = false) {
  const world = {
    sight: async (name: string) => (name === 'seal-state' ? state : { seconds: sealedSeconds + seconds, least: '' }),
  };
  const facts = sealMedium.facts.parse(await sealMedium.read(world as never, context(release)));
  const commands = sealMedium.plan(facts, context(release));
  return [
    sealMedium.verdict(facts, context(release)).state,
    ...commands.map((command) => ('job' in command ? command.job : command.kind)),
  ];
}

it('is sealed again before anything else where the seal lies in the future, and not for two clocks that differ a little', async () => {
  expect(await actsAt(60)).toEqual(['done']);
  expect(await actsAt(-60)).toEqual(['done']);
  expect(await actsAt(-60, true)).toEqual(['todo', 'release-medium']);
  expect(await actsAt(-3600)).toEqual(['todo', 'seal-medium']);
  expect(await actsAt(-3600, true)).toEqual(['todo', 'seal-medium']);
});

it('says of which medium the seal is, by name, serial and marker', async () => {
  const world = {
    sight: async (name: string) => (name === 'seal-state' ? state : { seconds: sealedSeconds, least: '' }),
  };
  const facts = (await sealMedium.read(world as never, context(false))) as object;
  const [first] = sealMedium.found(sealMedium.facts.parse(facts), context(false));
  expect(first).toEqual({
    key: 'steps.seal-medium.found.drive',
    params: { label: 'FIELD', serial: 'S1', mark: 'ab12cd34' },
  });
  const folder = { ...facts, medium: { label: 'stick', serial: null, mediumId: 'ab12cd34ef' } };
  expect(sealMedium.found(sealMedium.facts.parse(folder), context(false))[0]?.key).toBe(
    'steps.seal-medium.found.folder',
  );
});
