// Addresses of the site's machines inside recorded commands: an export names the machine instead, so that it holds for another one.
// Called by the exports; pure. Goes by the shape of what was read, knows no step.
// Must never touch what only looks like an address: a version, a longer address, a fingerprint.
import { z } from 'zod';
import { type Address, parseAddress, parseRange } from '../../../src-shared/address.ts';
import type { JournalEvent } from '../../../src-shared/journal.ts';
import type { Machine } from '../../../src-shared/site.ts';
import { subjectNameOf } from '../../../src-shared/step.ts';
import type { PerformedStep } from './performed.ts';

/** How an address is written where it stands: as it is, with its dots escaped in a pattern, or with its colons escaped in a URL. */
export type AddressForm = 'plain' | 'pattern' | 'url';

/** A machine's address in a text. Place 0 is where the machine is reached, the others are its further addresses, from 1. */
export interface NamedAddress {
  readonly machine: string;
  readonly place: number;
  readonly form: AddressForm;
}

export interface NamedSteps {
  /** The steps, with each known address replaced by a mark; `byMarks` takes texts apart again. */
  readonly steps: readonly PerformedStep[];
  /** Where each machine of the plan is reached, and those of its further addresses that are named. */
  readonly machines: readonly {
    readonly name: string;
    readonly reached: string;
    readonly reachedIsNamed: boolean;
    readonly further: readonly string[];
  }[];
  /** Addresses that are nobody's of the plan, or stand in encoded text: they are told as they were. */
  readonly left: readonly string[];
}

// ---------------------------------------------------------------- whose address it is

const machineRead = z.looseObject({
  machine: z.looseObject({ addresses: z.array(z.looseObject({ address: z.string() })) }),
});

const keyOf = ({ bits, value }: Address): string => `${bits} ${value}`;
/** Means another machine wherever it is read, or none. */
const isNobodys = ({ bits, value }: Address): boolean =>
  value <= 1n || (bits === 32 ? value >> 24n === 127n || value >> 28n >= 14n : value >> 118n === 0x3fan);

interface Owner {
  readonly machine: string;
  /** It is reached there, or was: the plan's address stands for both. */
  readonly reached: boolean;
  /** It was only reached there once. */
  readonly former: boolean;
}
/** Whose address each one is, by its value; several machines may have had one address, one after the other. */
type Owners = ReadonlyMap<string, readonly Owner[]>;

function ownersOf(events: Iterable<JournalEvent>, machines: readonly Machine[]): Owners {
  const owners = new Map<string, Owner[]>();
  const byName = new Map(machines.map((machine) => [machine.name, machine]));
  const learn = (name: string, text: string, reached: boolean, former = false): void => {
    const address = parseAddress(text);
    const now = byName.get(name);
    if (address === null || now === undefined || isNobodys(address)) return;
    const known = owners.get(keyOf(address)) ?? [];
    const same = known.find(({ machine }) => machine === name);
    const others = known.filter((owner) => owner !== same);
    // A machine is reached where the plan says; where it was reached before stands for that, if it is of the same family.
    const stands = reached && parseAddress(now.address)?.bits === address.bits;
    owners.set(keyOf(address), [
      ...others,
      { machine: name, reached: stands || same?.reached === true, former: former && same?.former !== false },
    ]);
  };
  for (const { name, address, addresses } of machines) {
    learn(name, address, true);
    for (const range of addresses) learn(name, range.split('/')[0] ?? '', false);
  }
  for (const event of events) {
    if (event.kind !== 'facts') continue;
    const read = machineRead.safeParse(event.facts);
    if (read.success)
      for (const { address } of read.data.machine.addresses) learn(subjectNameOf(event.instance), address, false);
    // A host key without a login: it may be that of another machine, which a wrong address in the plan led to.
    const says = (end: string): boolean => event.found.some(({ key }) => key.endsWith(end));
    if (says('.found.hostKey') && !says('.found.root')) continue;
    for (const { key, params } of event.found)
      if (key.endsWith('.found.answers') && params.machine === subjectNameOf(event.instance))
        learn(subjectNameOf(event.instance), String(params.address ?? ''), true, true);
  }
  return owners;
}

/** Its own machine's before anybody else's. Nothing can be said of several others', or where it was its own and is another's now. */
function ownerOf(owners: Owners, address: Address, machine: string): Owner | null {
  const all = owners.get(keyOf(address)) ?? [];
  const own = all.find((owner) => owner.machine === machine);
  if (own !== undefined) return own.former && all.some(({ former }) => !former) ? null : own;
  return all.length === 1 ? (all[0] ?? null) : null;
}

// ---------------------------------------------------------------- where addresses stand in texts

const ipv4 = String.raw`\d{1,3}(?:\\?\.\d{1,3}){3}`;
const colon = '(?::|%3[aA])';
const hex = '[0-9a-fA-F]';
/** Whole words only: what is escaped before a word ends there. */
const begins = (not: string): string => String.raw`(?:(?<![\w.%${not}])|(?<=%${hex}{2}|\\[nrt]))`;
const ends = String.raw`(?!\w|\\?\.\w)`;
const ipv4Word = `${begins('')}${ipv4}${ends}`;
const ipv6Word = `${begins(':')}(?:${hex}{1,4})?${colon}(?:${hex}{0,4}${colon})*(?:${ipv4}|${hex}{1,4}|(?<=::|%3[aA]%3[aA]))${ends}(?!::|:\\w)`;
const addressWord = new RegExp(`${ipv6Word}|${ipv4Word}`, 'g');
const ipv4Alone = new RegExp(ipv4Word, 'g');

const readWord = (word: string): { readonly address: Address; readonly form: AddressForm } | null => {
  const address = parseAddress(word.replace(/%3a/gi, ':').replaceAll('\\.', '.'));
  if (address === null) return null;
  return { address, form: /%3a/i.test(word) ? 'url' : word.includes('\\.') ? 'pattern' : 'plain' };
};

const open = '\u0001';
const close = '\u0002';
const marked = new RegExp(`${open}([^/]+)/(\\d+)/(\\w+)${close}`);

/** A text taken apart at its marks, in order. */
export const byMarks = (text: string): readonly (string | NamedAddress)[] => {
  const parts: (string | NamedAddress)[] = [];
  const words = text.split(new RegExp(marked, 'g'));
  for (let at = 0; at < words.length; at += 4) {
    if (words[at] !== '') parts.push(words[at] ?? '');
    const [machine, place, form] = words.slice(at + 1, at + 4);
    if (machine !== undefined) parts.push({ machine, place: Number(place), form: form as AddressForm });
  }
  return parts;
};

/** A text without marks, each put in other words. */
export const withoutMarks = (text: string, word: (of: NamedAddress) => string): string =>
  byMarks(text)
    .map((part) => (typeof part === 'string' ? part : word(part)))
    .join('');

export const hasMarks = (text: string): boolean => marked.test(text);

/** Addresses inside base64 are seen, not replaced: what is around them could not be read any more. */
const encodedWord = /(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{12,}={0,2}(?![A-Za-z0-9+/=])/g;

/** Puts marks for the addresses of the site's machines into everything that the commands say. */
export function nameAddresses(
  steps: readonly PerformedStep[],
  events: Iterable<JournalEvent>,
  machines: readonly Machine[],
): NamedSteps {
  const owners = ownersOf(events, machines);
  const named = new Set<string>();
  const further = new Map<string, string[]>();
  const left = new Set<string>();
  const placeOf = (machine: string, text: string): number => {
    const known = further.get(machine) ?? [];
    const value = parseAddress(text)?.value;
    const at = known.findIndex((one) => parseAddress(one)?.value === value);
    if (at >= 0) return at + 1;
    further.set(machine, [...known, text]);
    return known.length + 1;
  };
  const mark =
    (machine: string) =>
    (word: string, at: number, whole: string): string => {
      const read = readWord(word);
      // `5050:10.0.0.1` begins like an address of the other family.
      if (read === null)
        return word.includes('.') && /:|%3a/i.test(word) ? word.replace(ipv4Alone, mark(machine)) : word;
      if (isNobodys(read.address)) return word;
      const owner = ownerOf(owners, read.address, machine);
      if (owner === null) {
        // A network is no machine's address.
        if (!isNetwork(whole.slice(at, at + word.length + 4))) left.add(word);
        return word;
      }
      const text = word.replace(/%3a/gi, ':').replaceAll('\\.', '.');
      if (owner.reached) named.add(owner.machine);
      return `${open}${owner.machine}/${owner.reached ? 0 : placeOf(owner.machine, text)}/${read.form}${close}`;
    };
  const within = (machine: string, text: string): string => {
    for (const [word] of text.matchAll(encodedWord)) {
      const inside = Buffer.from(word, 'base64').toString('utf8');
      for (const [one] of inside.matchAll(addressWord)) {
        const read = readWord(one);
        if (read !== null && ownerOf(owners, read.address, machine) !== null) left.add(one);
      }
    }
    return text.replace(addressWord, mark(machine));
  };
  const marks = (machine: string, value: unknown): unknown => {
    if (typeof value === 'string') return within(machine, value);
    if (Array.isArray(value)) return value.map((item) => marks(machine, item));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, untold.has(key) ? item : marks(machine, item)]),
    );
  };
  const all = steps.map((step) => ({
    ...step,
    commands: step.commands.map((command) => marks(step.machine, command) as typeof command),
  }));
  return {
    steps: all,
    machines: machines.map(({ name, address }) => ({
      name,
      reached: address,
      reachedIsNamed: named.has(name),
      further: further.get(name) ?? [],
    })),
    left: [...left].sort(),
  };
}

/** Parts of a command that no export tells: what stood there before, what is said to a person, what failures mean. */
const untold = new Set(['before', 'note', 'awaited', 'failures', 'hopeless', 'evidence', 'undo', 'kind', 'on']);

const isNetwork = (text: string): boolean => {
  const range = parseRange(/^[^/]+\/\d{1,3}/.exec(text)?.[0] ?? '');
  return (
    range !== null &&
    range.length < range.bits &&
    (range.value & ((1n << BigInt(range.bits - range.length)) - 1n)) === 0n
  );
};
