// What is read anew at every event is read once it is quiet, and never twice at a time.
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { calmly } from '../../../src-renderer/state/calm.ts';

const answers: (() => void)[] = [];
const question = vi.fn(() => new Promise<void>((resolve) => answers.push(resolve)));
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const answer = async () => {
  answers.shift()?.();
  await pass(0);
};

beforeEach(() => {
  vi.useFakeTimers();
  question.mockClear();
  answers.length = 0;
});
afterEach(() => vi.useRealTimers());

it('asks at once the first time, then once for many events, when they have come to rest', async () => {
  const calm = calmly(question);
  calm.ask();
  await pass(0);
  expect(question).toHaveBeenCalledTimes(1);
  await answer();
  for (let event = 0; event < 10; event += 1) {
    calm.ask();
    await pass(100);
  }
  expect(question).toHaveBeenCalledTimes(1);
  await pass(400);
  expect(question).toHaveBeenCalledTimes(2);
});

it('waits for an answer before it asks again, and then does for what happened meanwhile', async () => {
  const calm = calmly(question);
  calm.ask();
  await pass(0);
  calm.ask();
  calm.ask();
  await pass(5000);
  expect(question).toHaveBeenCalledTimes(1);
  await answer();
  await pass(500);
  expect(question).toHaveBeenCalledTimes(2);
  await answer();
  await pass(5000);
  expect(question).toHaveBeenCalledTimes(2);
});

it('asks nothing any more once it was stopped, not even for what was wanted meanwhile', async () => {
  const calm = calmly(question);
  calm.ask();
  await pass(0);
  calm.ask();
  calm.stop();
  await answer();
  await pass(5000);
  calm.ask();
  await pass(5000);
  expect(question).toHaveBeenCalledTimes(1);
});
