// What one call of the window may bring, and how much, whatever it asks for: looked at before any schema, so that none walks into what has no end.
// Called by envelope.ts. Pure.

/** Far above what any call of the window's own brings: a plan and its base, a list of machines. */
export const inputLimits = {
  /** Signs of all texts and names together. */
  textLength: 4 * 1024 * 1024,
  values: 100_000,
  depth: 64,
} as const;

/** What crosses as data: a list, or an object without ancestors of its own, whose fields could be inherited. */
const isPlain = (value: object): boolean =>
  Array.isArray(value) || [Object.prototype, null].includes(Object.getPrototypeOf(value));

/** A name that is data nowhere: copied into an object it becomes what the object inherits from. */
const forbidden = '__proto__';

/** Why an input is not looked at any further; null when it may be. What leads back to itself is too deep. */
export function beyondLimits(input: unknown): string | null {
  let textLength = 0;
  let values = 0;
  const waiting: { readonly value: unknown; readonly depth: number }[] = [{ value: input, depth: 0 }];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { value, depth } = next;
    values += 1;
    if (typeof value === 'string') textLength += value.length;
    else if (typeof value === 'object' && value !== null) {
      if (!isPlain(value)) return 'no plain data';
      // Before its parts are listed: a list may say that it is longer than the memory.
      if (depth >= inputLimits.depth) return 'too deep';
      if (Array.isArray(value) && value.length > inputLimits.values) return 'too many values';
      for (const [key, item] of Object.entries(value)) {
        if (key === forbidden) return `a field named ${forbidden}`;
        textLength += key.length;
        waiting.push({ value: item, depth: depth + 1 });
      }
    }
    if (textLength > inputLimits.textLength) return 'too long';
    if (values > inputLimits.values) return 'too many values';
  }
  return null;
}
