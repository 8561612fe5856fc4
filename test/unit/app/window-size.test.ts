import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { keepWindowSize, readWindowSize, usualSize } from '../../../src-main/app/window-size.ts';

it('gives back what was kept, and the usual size for anything else', () => {
  const folder = mkdtempSync(join(tmpdir(), 'fieldkit-size-'));
  try {
    const path = join(folder, 'window.json');
    expect(readWindowSize(path)).toEqual(usualSize);
    const size = { width: 1000, height: 700, maximized: true };
    keepWindowSize(path, size);
    expect(readWindowSize(path)).toEqual(size);
    for (const text of ['', '{', '{"width":1}', '{"width":1e9,"height":700,"maximized":false}']) {
      writeFileSync(path, text);
      expect(readWindowSize(path)).toEqual(usualSize);
    }
    expect(() => keepWindowSize(join(folder, 'missing', 'window.json'), size)).not.toThrow();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
