// Whatever a page that went wrong could send, to every procedure of the contract: it is refused as data, and nothing is called.
// What a right call looks like is made from the contract's own schemas; each wrong one is a right one with one thing wrong.
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { answerCall } from '../../../src-main/app/envelope.ts';
import { inputLimits } from '../../../src-main/app/input-limits.ts';
import { api, type Handlers } from '../../../src-shared/api.ts';
import { procedures } from '../../../src-shared/channels.ts';

interface Shape {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly required?: readonly string[];
  readonly anyOf?: readonly Shape[];
  readonly oneOf?: readonly Shape[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly items?: Shape;
  readonly minItems?: number;
}
type Input = Readonly<Record<string, unknown>>;

const shapeOf = (name: (typeof procedures)[number]): Shape =>
  z.toJSONSchema(api[name].input, { io: 'input', unrepresentable: 'any' }) as Shape;

/** The fullest input of that shape: of several ways the last that is not null. */
function sample({ type, properties, anyOf, oneOf, enum: words, const: word, items, minItems = 1 }: Shape): unknown {
  if (word !== undefined) return word;
  if (words !== undefined) return words[0];
  const ways = (anyOf ?? oneOf)?.filter((way) => way.type !== 'null');
  if (ways !== undefined) return sample(ways[0] ?? {});
  if (type === 'object')
    return Object.fromEntries(Object.entries(properties ?? {}).map(([key, shape]) => [key, sample(shape)]));
  if (type === 'array') return Array.from({ length: minItems }, () => sample(items ?? {}));
  return { string: 'x', integer: 1, number: 1, boolean: false, null: null }[type ?? ''] ?? 'x';
}

/** Not made from a schema: its rules are more than shapes. */
const known: Partial<Record<(typeof procedures)[number], Input>> = {
  'sites.create': {
    interview: { name: 'x', system: 'debian-12', master: '192.0.2.1', nodes: [], user: 'field', interface: 'eth0' },
  },
};
const rightInput = (name: (typeof procedures)[number]): Input => known[name] ?? (sample(shapeOf(name)) as Input);

const called: unknown[] = [];
const handlers = Object.fromEntries(
  procedures.map((name) => [
    name,
    async (input: unknown) => {
      called.push(input);
      return {};
    },
  ]),
) as unknown as Handlers;
const answer = (name: string, input: unknown) => answerCall(handlers, name, input, { checkOutput: false });

/** Refused as data that can cross: short, with its code, and nothing was called. */
async function expectRefusal(name: string, input: unknown): Promise<void> {
  const envelope = await answer(name, input);
  expect(envelope).toEqual({
    problem: {
      code: 'usage-wrong',
      params: { detail: expect.any(String) },
      severity: 'strict',
      retryable: false,
      evidence: '',
    },
  });
  expect(JSON.stringify(envelope).length).toBeLessThan(4000);
  expect(called).toEqual([]);
}

const inherited = Object.getOwnPropertyNames(Object.prototype);
const word = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.constantFrom(...inherited));
/** Never part of a call, in no field of any procedure. */
const strange = fc.oneof(
  fc.bigInt(),
  fc.date(),
  fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Symbol('x'), () => 'x', /x/, new Error('x')),
  fc.constant(new Map([['site', 'x']])),
  fc.constant(new Set(['x'])),
  fc.uint8Array(),
  fc.constant(Promise.resolve('x')),
);
const anything = fc.anything({
  key: word,
  withBigInt: true,
  withBoxedValues: true,
  withDate: true,
  withMap: true,
  withNullPrototype: true,
  withObjectString: true,
  withSet: true,
  withSparseArray: true,
  withTypedArray: true,
});
const runs = { numRuns: 25 };

beforeEach(() => {
  called.length = 0;
});

describe.each(procedures)('%s', (name) => {
  const right = rightInput(name);
  const fields = Object.keys(right);

  it('is called with a right input: what is refused below is refused for the one thing that is wrong', async () => {
    expect(await answer(name, right)).toEqual({ value: {} });
    expect(called).toHaveLength(1);
  });

  it('refuses what is no input at all', async () => {
    const isInput = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value);
    const none = fc.oneof(
      anything.filter((value) => !isInput(value)),
      strange,
    );
    await fc.assert(
      fc.asyncProperty(none, (value) => expectRefusal(name, value)),
      runs,
    );
  });

  it('refuses a field that it does not know, were it one that every object has', async () => {
    const more = word.filter((key) => !(key in (shapeOf(name).properties ?? {})));
    await fc.assert(
      fc.asyncProperty(more, anything, (key, value) =>
        expectRefusal(name, Object.defineProperty({ ...right }, key, { value, enumerable: true })),
      ),
      runs,
    );
  });

  it('answers anything whatever as data, and calls with nothing that is not plain', async () => {
    const more = fc.record(Object.fromEntries(fields.map((key) => [key, anything])));
    await fc.assert(
      fc.asyncProperty(more, async (input) => {
        called.length = 0;
        const envelope = await answer(name, input);
        if (called.length === 0) expect(envelope).toMatchObject({ problem: { code: 'usage-wrong' } });
        // What went through is text, numbers, lists and plain objects: it says the same after a journey as JSON.
        else expect(JSON.parse(JSON.stringify(called))).toEqual(called);
      }),
      runs,
    );
  });

  it('leaves nothing behind in what all objects share', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom('__proto__', 'constructor', 'prototype'), async (key) => {
        const poison = JSON.parse(`{"${key}": {"poisoned": true, "${key}": {"poisoned": true}}}`) as Input;
        for (const input of [
          poison,
          Object.defineProperty({ ...right }, key, { value: poison, enumerable: true }),
          ...fields.map((field) => ({ ...right, [field]: poison })),
        ])
          await answer(name, input);
        expect(({} as Record<string, unknown>).poisoned).toBeUndefined();
        expect(JSON.stringify(called)).not.toContain('__proto__');
      }),
      { numRuns: 3 },
    );
  });

  // One that asks for nothing has no field that could be wrong.
  if (fields.length === 0) return;
  const field = fc.constantFrom(...fields);

  it('refuses a field of no kind that could cross', async () => {
    await fc.assert(
      fc.asyncProperty(field, strange, (key, value) => expectRefusal(name, { ...right, [key]: value })),
      runs,
    );
  });

  it('refuses an input that lacks a field', async () => {
    const { required = [] } = shapeOf(name);
    for (const key of required) {
      const { [key]: _left, ...rest } = right;
      await expectRefusal(name, rest);
      // One that is only inherited is none.
      await expectRefusal(name, Object.assign(Object.create({ [key]: right[key] }), rest));
    }
  });

  it('refuses what is longer, deeper or more than anything it could need, or leads back to itself', async () => {
    const long = 'x'.repeat(inputLimits.textLength + 1);
    const deep = Array.from({ length: 100_000 }).reduce<unknown>((inner) => [inner], 'x');
    const round: Record<string, unknown> = {};
    round.round = round;
    for (const key of fields)
      for (const value of [
        long,
        { [long]: 'x' },
        deep,
        round,
        new Array(2 ** 32 - 1),
        new Array(inputLimits.values).fill('x'),
      ])
        await expectRefusal(name, { ...right, [key]: value });
  });
});

it('knows no procedure by a name that is none of the list, were it one that every object has', async () => {
  const other = word.filter((name) => !(procedures as readonly string[]).includes(name));
  await fc.assert(fc.asyncProperty(other, anything, (name, input) => expectRefusal(name, input)));
  await expectRefusal('x'.repeat(10_000_000), {});
});
