// What stands on a machine, as plain names and values: written into a site's record, and read again months later to be
// compared with it. Every part is a list of its own, so that comparing needs to know nothing of what it compares. Pure.
import { z } from 'zod';

/** What is looked at, in the order it is shown. Texts: `record.part.<part>`. */
export const parts = [
  'system',
  'disk',
  'host-key',
  'address',
  'program',
  'package',
  'config',
  'partition',
  'release',
  'instance',
  'folder',
  'rule',
  'unit',
  'file',
] as const;
export type Part = (typeof parts)[number];

/** Names and values of one part; null when it could not be read. */
const entries = z.record(z.string(), z.string()).nullable();

export const asBuilt = z.strictObject(
  Object.fromEntries(parts.map((part) => [part, entries])) as Record<Part, typeof entries>,
);
export type AsBuilt = z.infer<typeof asBuilt>;

/** `was` null: it is new; `is` null: it is gone. */
export const difference = z.strictObject({
  machine: z.string(),
  part: z.enum(parts),
  name: z.string(),
  was: z.string().nullable(),
  is: z.string().nullable(),
});
export type Difference = z.infer<typeof difference>;

/** What differs, in the order of the parts, then by name. A part that either side could not read is not compared. */
export function differences(machine: string, was: AsBuilt, is: AsBuilt): readonly Difference[] {
  return parts.flatMap((part) => {
    const before = was[part];
    const now = is[part];
    if (before === null || now === null) return [];
    const names = [...new Set([...Object.keys(before), ...Object.keys(now)])].sort();
    return names.flatMap((name): Difference[] => {
      const one = Object.hasOwn(before, name) ? (before[name] ?? null) : null;
      const other = Object.hasOwn(now, name) ? (now[name] ?? null) : null;
      return one === other ? [] : [{ machine, part, name, was: one, is: other }];
    });
  });
}

/** Parts that could not be read, now or then: what a comparison says nothing about. */
export const unreadParts = (...of: readonly AsBuilt[]): readonly Part[] =>
  parts.filter((part) => of.some((one) => one[part] === null));
