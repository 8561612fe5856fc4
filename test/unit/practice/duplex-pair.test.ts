import { text } from 'node:stream/consumers';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { duplexPair } from '../../../src-main/practice/duplex-pair.ts';

it('carries what one end writes to the other, both ways, whole and in order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.string()), fc.array(fc.string()), async (there, back) => {
      const [near, far] = duplexPair();
      const heard = Promise.all([text(far), text(near)]);
      for (const part of there) near.write(part);
      near.end();
      for (const part of back) far.write(part);
      far.end();
      expect(await heard).toEqual([there.join(''), back.join('')]);
    }),
  );
});

it('holds a writer back while nobody reads', async () => {
  const [near, far] = duplexPair();
  let taken = 0;
  for (let part = 0; part < 10; part += 1) near.write(Buffer.alloc(32_768), () => (taken += 1));
  await new Promise((resolve) => setImmediate(resolve));
  expect(taken).toBeLessThan(10);
  far.resume();
  near.end();
  await new Promise((resolve) => far.once('end', resolve));
  expect(taken).toBe(10);
});

it('ends for the reader and fails for the writer when the other end is destroyed', async () => {
  const [near, far] = duplexPair();
  const failed = new Promise<Error>((resolve) => near.once('error', resolve));
  const ended = new Promise((resolve) => near.once('end', () => resolve('ended')));
  near.resume();
  far.destroy();
  expect(await ended).toBe('ended');
  near.write('too late');
  expect((await failed).message).toContain('gone');
});
