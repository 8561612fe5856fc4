/** A rehearsal on the technician's laptop, in a network of its own that has nothing in it. Used by tests that prepare a medium. */
import { expect } from 'vitest';
import { passed, rehearsal } from '../../src-shared/rehearsal.ts';
import type { Laptop } from './site.ts';

/** Every step would find what it asks for; returns what each took. */
export async function rehearsed(laptop: Laptop) {
  const run = await laptop.fieldkit(['medium', 'rehearse'], { under: ['unshare', '--net'] });
  expect(run.code, run.stdout.slice(-4000) + run.stderr.slice(-2000)).toBe(0);
  const came = rehearsal.parse(run.lines.at(-1));
  expect(passed(came)).toBe(true);
  expect(came.steps.filter(({ notRun }) => notRun === 'not-simulated')).toEqual([]);
  return came;
}
