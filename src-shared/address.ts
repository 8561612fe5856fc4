// IP addresses and ranges as numbers, so that rules about them are arithmetic. Pure.

/** An address with its family's width in bits. */
export interface Address {
  readonly bits: 32 | 128;
  readonly value: bigint;
}
export interface Range extends Address {
  readonly length: number;
}

const parseIpv4 = (text: string): bigint | null => {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)) return null;
  return parts.reduce((sum, part) => (sum << 8n) | BigInt(part), 0n);
};

const parseIpv6 = (text: string): bigint | null => {
  const embedded = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  if (embedded?.[1] !== undefined && embedded[2] !== undefined) {
    const low = parseIpv4(embedded[2]);
    if (low === null) return null;
    return parseIpv6(`${embedded[1]}${(low >> 16n).toString(16)}:${(low & 0xffffn).toString(16)}`);
  }
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const groups = (half: string | undefined): string[] => (half === undefined || half === '' ? [] : half.split(':'));
  const head = groups(halves[0]);
  const tail = groups(halves[1]);
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return null;
  const all = [...head, ...Array.from({ length: halves.length === 2 ? missing : 0 }, () => '0'), ...tail];
  if (!all.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return null;
  return all.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n);
};

/** Reads an IPv4 or IPv6 address without scope or brackets; null when it is none. */
export function parseAddress(text: string): Address | null {
  const v4 = parseIpv4(text);
  if (v4 !== null) return { bits: 32, value: v4 };
  const v6 = text.includes(':') ? parseIpv6(text) : null;
  return v6 === null ? null : { bits: 128, value: v6 };
}

/** Reads `address/length`; the host part is kept. Null when it is none. */
export function parseRange(text: string): Range | null {
  const match = /^([^/]+)\/(\d{1,3})$/.exec(text);
  if (match?.[1] === undefined || match[2] === undefined) return null;
  const address = parseAddress(match[1]);
  const length = Number(match[2]);
  return address === null || length > address.bits ? null : { ...address, length };
}

const networkOf = (range: Range, length: number): bigint => range.value >> BigInt(range.bits - length);

/** Whether two ranges share an address. */
export function rangesOverlap(a: Range, b: Range): boolean {
  if (a.bits !== b.bits) return false;
  const length = Math.min(a.length, b.length);
  return networkOf(a, length) === networkOf(b, length);
}

/** Whether two ranges are the same network. */
export const rangesEqual = (a: Range, b: Range): boolean => a.length === b.length && rangesOverlap(a, b);

/** Whether the address lies in the range. */
export const inRange = (address: Address, range: Range): boolean =>
  rangesOverlap({ ...address, length: address.bits }, range);

/**
 * Whether SlapOS takes the IPv6 address as global: neither link-local, loopback, multicast nor unspecified.
 * Unique local addresses (fd00::/8) count as global. Source: slapos.core, format.py.
 */
export function isGlobalIpv6({ bits, value }: Address): boolean {
  if (bits !== 128 || value <= 1n) return false;
  const top = value >> 118n; // ten bits
  return top !== 0x3fan && value >> 120n !== 0xffn;
}

/** A link-local IPv6 address without its scope (fe80::/10, RFC 4291); it means something on one link only. */
const isLinkLocalAddress = ({ bits, value }: Address): boolean => bits === 128 && value >> 118n === 0x3fan;

/**
 * Reads `fe80::1%eth0`: a link-local address and the laptop's interface through which it is reached (RFC 4007). Null when it is none,
 * and for any other address: a scope says nothing about those.
 */
export function parseScoped(text: string): { readonly address: Address; readonly scope: string } | null {
  const [, bare = '', scope = ''] = /^([^%]+)%([a-zA-Z0-9_.-]{1,15})$/.exec(text) ?? [];
  const address = parseAddress(bare);
  return address === null || !isLinkLocalAddress(address) ? null : { address, scope };
}

/** Whether the text is a link-local address, with its scope or without. */
export function isLinkLocal(text: string): boolean {
  const address = parseScoped(text)?.address ?? parseAddress(text);
  return address !== null && isLinkLocalAddress(address);
}
