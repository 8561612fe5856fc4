import { describe, expect, it } from 'vitest';
import { sightingOf } from '../../../src-shared/sighting.ts';

describe('what a wait sees', () => {
  it('is how far, what fails, and the last line', () => {
    expect(
      sightingOf('done 3 8\nfailing slappart2 zope-listens\nfailing slappart4 db\nline [now] INFO on it\n'),
    ).toEqual({
      done: 3,
      total: 8,
      failing: ['slappart2 zope-listens', 'slappart4 db'],
      line: '[now] INFO on it',
    });
  });
  it('is nothing where a probe tells nothing', () => {
    for (const output of ['', 'HTTP/1.1 200 OK\n', 'f 644 root:root 12\n', 'done\n'])
      expect(sightingOf(output)).toBe(null);
  });
  it('never grows beyond a glance, and holds no control characters', () => {
    const many = Array.from({ length: 40 }, (_, index) => `failing one ${index}`).join('\n');
    const seen = sightingOf(`done 1 2\n${many}\nline \u001b[31m${'x'.repeat(5000)}`);
    expect(seen?.failing.length).toBe(8);
    expect(seen?.line.length).toBeLessThanOrEqual(300);
    expect(seen?.line).not.toContain('\u001b');
  });
});
