// The site plan as a form: which fields there are, of what kind, and what they default to. Derived from the plan's schema, so
// that a new field shows up by itself; used by the window's editor. It knows no text: labels are found by a field's path.
import { z } from 'zod';
import type { Json } from './json.ts';
import { sitePlan } from './site.ts';

export type FormNode =
  | { readonly kind: 'group'; readonly fields: readonly FormField[] }
  /** Groups of the same shape, one below the other. */
  | { readonly kind: 'groups'; readonly item: Extract<FormNode, { kind: 'group' }> }
  /** Any number of these words. */
  | { readonly kind: 'choices'; readonly options: readonly string[] }
  /** Any number of texts. */
  | { readonly kind: 'texts' }
  /** Texts by a name that the person gives. */
  | { readonly kind: 'pairs' }
  | { readonly kind: 'choice'; readonly options: readonly string[]; readonly fallback: string | null }
  | { readonly kind: 'number'; readonly fallback: number | null }
  | { readonly kind: 'flag'; readonly fallback: boolean }
  | { readonly kind: 'text'; readonly fallback: string | null };

export interface FormField {
  readonly key: string;
  readonly required: boolean;
  readonly node: FormNode;
}

/** What of JSON Schema our plan's schema comes to. */
interface Shape {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly string[];
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly required?: readonly string[];
  readonly items?: Shape;
  readonly additionalProperties?: boolean | Shape;
  readonly anyOf?: readonly Shape[];
}

/** The whole plan. Fields that a form cannot hold (sources by system) are left to the text. */
export const planForm = (): Extract<FormNode, { kind: 'group' }> =>
  groupOf(z.toJSONSchema(sitePlan, { io: 'input', unrepresentable: 'any' }) as Shape);

function groupOf(shape: Shape): Extract<FormNode, { kind: 'group' }> {
  const fields = Object.entries(shape.properties ?? {}).flatMap(([key, part]): FormField[] => {
    const node = nodeOf(part);
    return node === null ? [] : [{ key, required: shape.required?.includes(key) === true, node }];
  });
  return { kind: 'group', fields };
}

function nodeOf(shape: Shape): FormNode | null {
  if (shape.const !== undefined) return null;
  // Of several forms the first is the plain one; the others are left to the text.
  if (shape.anyOf?.[0] !== undefined) return nodeOf(shape.anyOf[0]);
  if (shape.enum !== undefined)
    return { kind: 'choice', options: shape.enum, fallback: typeof shape.default === 'string' ? shape.default : null };
  switch (shape.type) {
    case 'string':
      return { kind: 'text', fallback: typeof shape.default === 'string' ? shape.default : null };
    case 'integer':
    case 'number':
      return { kind: 'number', fallback: typeof shape.default === 'number' ? shape.default : null };
    case 'boolean':
      return { kind: 'flag', fallback: shape.default === true };
    case 'array':
      if (shape.items?.enum !== undefined) return { kind: 'choices', options: shape.items.enum };
      if (shape.items?.type === 'string') return { kind: 'texts' };
      return shape.items?.type === 'object' ? { kind: 'groups', item: groupOf(shape.items) } : null;
    case 'object':
      if (shape.properties !== undefined) return groupOf(shape);
      return typeof shape.additionalProperties === 'object' && shape.additionalProperties.type === 'string'
        ? { kind: 'pairs' }
        : null;
    default:
      return null;
  }
}

export type FormPath = readonly (string | number)[];

/** Where a field's label stands among the texts: its path without the places in lists. */
export const labelPath = (path: FormPath): string => path.filter((part) => typeof part === 'string').join('.');

/** The value at a path of what the text holds; undefined where there is none. */
export function valueAt(value: Json | undefined, path: FormPath): Json | undefined {
  let found: unknown = value;
  for (const part of path) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, part)) return undefined;
    found = (found as Record<string | number, unknown>)[part];
  }
  return found as Json | undefined;
}

/** A further item of a list: like the last one, without what must be its own. */
export function anotherLike(items: readonly Json[], own: readonly string[]): Json {
  const last = items.at(-1);
  if (typeof last !== 'object' || last === null || Array.isArray(last)) return {};
  return Object.fromEntries(
    Object.entries(last)
      .filter(([key]) => !own.includes(key))
      .map(([key, value]) => [key, key === 'name' && typeof value === 'string' ? nextName(value, items) : value]),
  );
}

function nextName(name: string, items: readonly Json[]): string {
  const taken = new Set(items.map((item) => valueAt(item, ['name'])));
  const [, stem, number] = /^(.*?)(\d*)$/.exec(name) ?? [];
  for (let next = Number(number ?? 0) + 1; ; next += 1) {
    const tried = `${stem ?? name}${number === '' ? '-' : ''}${next}`;
    if (!taken.has(tried)) return tried;
  }
}
