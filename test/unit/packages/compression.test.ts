import { execFileSync } from 'node:child_process';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { packingOf, unpack } from '../../../src-main/packages/compression.ts';
import { unless, whyWithout } from '../../unless.ts';

const text = Buffer.from('Package: thing\n'.repeat(20_000));
const packers: readonly (readonly ['gz' | 'xz' | 'zst', string, () => Uint8Array])[] = [
  ['gz', 'gzip', () => gzipSync(text)],
  ['xz', 'xz', () => execFileSync('xz', ['-c'], { input: text })],
  ['zst', 'zstd', () => execFileSync('zstd', ['-c'], { input: text })],
];

describe.each(packers)('%s', (packing, program, pack) => {
  const able = unless(packing === 'gz' ? null : whyWithout(program));

  it('is unpacked whole, up to the limit', able, async () => {
    expect(text.equals(await unpack(pack(), packing, 'file', text.length))).toBe(true);
    expect(packingOf(`Packages.${packing}`)).toBe(packing);
  });

  it('is refused when it holds more than the limit', able, async () => {
    await expect(unpack(pack(), packing, 'file', text.length - 1)).rejects.toMatchObject({
      code: 'index-malformed',
      data: { params: { file: 'file', detail: `more than ${text.length - 1} bytes` } },
    });
  });

  it('is refused when it is cut or damaged', able, async () => {
    const packed = Buffer.from(pack());
    const half = packed.subarray(0, packed.length >> 1);
    await expect(unpack(half, packing, 'file', text.length)).rejects.toMatchObject({ code: 'index-malformed' });
    await expect(unpack(Buffer.from('no such thing'), packing, 'file', 99)).rejects.toMatchObject({
      code: 'index-malformed',
    });
  });
});
