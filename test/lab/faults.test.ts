/**
 * A few of the faults that `npm run lab -- faults` tries all of: drawn by a seed, on one step that lasts. Another seed draws others:
 * FIELDKIT_FAULT_SEED=7.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Boundary, canBefall, faultKinds, meetFault, momentsOf, openBoundary } from './faults.ts';
import { longLabUnavailable } from './index.ts';

const reason = longLabUnavailable();
if (reason !== null) console.warn(`lab tests skipped: ${reason}`);

const step = 'configure-proxy';
const draws = 2;

/** Numbers below `below`, always the same for a seed (mulberry32). */
function drawing(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

function drawn(seed: number) {
  const draw = drawing(seed);
  const kinds = faultKinds.filter((kind) => canBefall(kind, step));
  const moments = momentsOf(step);
  return Array.from({ length: draws }, () => {
    const [kind] = kinds.splice(draw(kinds.length), 1);
    return { kind: kind ?? 'kill', moment: moments[draw(moments.length)] ?? 0 };
  });
}

describe.skipIf(reason !== null)(`faults befall ${step}`, () => {
  let boundary: Boundary;

  beforeAll(async () => {
    boundary = await openBoundary(step);
  });
  afterAll(() => boundary?.close());

  it.each(drawn(Number(process.env.FIELDKIT_FAULT_SEED ?? 47)))(
    '$kind at moment $moment: the end is the same',
    async ({ kind, moment }) => {
      const outcome = await meetFault(boundary, kind, moment);
      expect(outcome.differences).toEqual([]);
    },
  );
});
