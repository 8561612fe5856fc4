import { BlockList, isIPv4, isIPv6 } from 'node:net';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  inRange,
  isGlobalIpv6,
  parseAddress,
  parseRange,
  rangesEqual,
  rangesOverlap,
} from '../../../src-shared/address.ts';

const shortened = fc.ipV6().map((text) => text);

it('takes exactly the addresses that Node takes', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), shortened, fc.string(), fc.stringMatching(/^[0-9a-f:.]{0,20}$/)), (text) => {
      const node = isIPv4(text) ? 32 : isIPv6(text) && !text.includes('%') ? 128 : null;
      expect(parseAddress(text)?.bits ?? null).toBe(node);
    }),
    { numRuns: 2000 },
  );
});

it('agrees with Node on what lies in a range', () => {
  fc.assert(
    fc.property(fc.ipV6(), fc.ipV6(), fc.integer({ min: 0, max: 128 }), (network, address, length) => {
      const list = new BlockList();
      list.addSubnet(network, length, 'ipv6');
      const range = parseRange(`${network}/${length}`);
      const parsed = parseAddress(address);
      if (range === null || parsed === null) throw new Error('not parsed');
      expect(inRange(parsed, range)).toBe(list.check(address, 'ipv6'));
    }),
    { numRuns: 500 },
  );
});

it('knows equal and overlapping ranges however they are written', () => {
  const range = (text: string) => {
    const parsed = parseRange(text);
    if (parsed === null) throw new Error(text);
    return parsed;
  };
  expect(rangesEqual(range('fd00:1::/64'), range('fd00:0001:0:0::5/64'))).toBe(true);
  expect(rangesEqual(range('fd00:1::/64'), range('fd00:1::/65'))).toBe(false);
  expect(rangesOverlap(range('fd00::/16'), range('fd00:1::/64'))).toBe(true);
  expect(rangesOverlap(range('fd00::/32'), range('fd00:1::/64'))).toBe(false);
  expect(rangesOverlap(range('10.0.0.0/8'), range('::/0'))).toBe(false);
});

it.each([
  ['fd5a:1::11', true],
  ['2001:db8::1', true],
  ['fe80::1', false],
  ['febf::1', false],
  ['::1', false],
  ['::', false],
  ['ff02::1', false],
  ['10.0.0.1', false],
])('%s counts as global IPv6: %s', (text, expected) => {
  const parsed = parseAddress(text);
  expect(parsed !== null && isGlobalIpv6(parsed)).toBe(expected);
});
