import { describe, expect, it } from 'vitest';
import { planMedium } from '../../../src-main/steps/prepare/plan-medium.ts';
import type { Json } from '../../../src-shared/json.ts';
import { emptyLock } from '../../../src-shared/lock.ts';
import { sitePlan } from '../../../src-shared/site.ts';

const site = sitePlan.parse({
  format: 1,
  name: 'site',
  machines: [{ name: 'one', roles: ['master'], address: '10.0.0.1', release: '12', interface: 'eth0' }],
  releases: [{ name: 'slapos-master', url: 'http://127.0.0.1/software.cfg' }],
});
const system = 'debian-12-amd64';
const software = (name: string, writeBytes: number) => ({
  kind: 'software' as const,
  name,
  system,
  count: 1,
  totalBytes: writeBytes,
  fetchBytes: writeBytes,
  writeBytes,
});
const resolved = { vendor: [], packages: [], software: [] };
const contextWith = (skipped: readonly string[]) =>
  ({ site, lock: emptyLock, needs: [{ kind: 'package', name: 'cron', system }], earlier: { skipped } }) as never;
const context = contextWith([]);
const facts = (more: object): Json => ({
  unresolved: resolved,
  absent: [],
  items: [software('slapos-master', 500), software('re6stnet', 100), software('rapid-cdn', 300)],
  volumes: [],
  limit: null,
  large: [],
  unsized: [],
  speed: null,
  trusted: { keys: [], missing: null },
  ...more,
});
const medium = (neededBytes: number, freeBytes: number) => ({
  path: '/stick',
  holds: ['medium'],
  neededBytes,
  freeBytes,
});

describe('the plan of the medium', () => {
  it.each([
    ['just fits', 900, 900, 'done', undefined],
    ['one byte short', 900, 899, 'blocked', 'rapid-cdn (debian-12-amd64)'],
    ['short of more than the largest', 900, 520, 'blocked', 'rapid-cdn (debian-12-amd64), re6stnet (debian-12-amd64)'],
    ['too small for the master', 900, 100, 'blocked', '-'],
  ])('%s', (_name, needed, free, state, drop) => {
    const verdict = planMedium.verdict(facts({ volumes: [medium(needed, free)] }), context);
    expect(verdict.state).toBe(state);
    const [found] = verdict.findings;
    expect(found?.params.drop).toBe(drop);
    if (state === 'blocked')
      expect(found).toMatchObject({ code: 'room-short', params: { path: '/stick', needed, free } });
  });

  const fat = { path: '/stick', fileSystem: 'vfat', maxFileBytes: 2 ** 32 - 1 };

  it('refuses a file that the medium’s file system cannot hold, and names it', () => {
    const large = [{ name: 'slapos-master', system, sizeBytes: 2 ** 32 }];
    const unresolved = { ...resolved, software: [{ release: 'rapid-cdn', systems: [system] }] };
    expect(planMedium.verdict(facts({ limit: fat, large, unresolved }), context)).toEqual({
      state: 'blocked',
      findings: [
        {
          code: 'medium-file-too-large',
          params: { path: '/stick', fileSystem: 'vfat', file: `slapos-master (${system})`, size: 2 ** 32 },
        },
      ],
    });
  });

  it('stops on FAT before anything is compiled whose size nobody knows, unless a person passes over it', () => {
    const unsized = [{ name: 'slapos-master', system }];
    const expected = { code: 'medium-file-size-unknown', params: expect.objectContaining({ fileSystem: 'vfat' }) };
    const judged = (limit: Json, skipped: readonly string[] = []) =>
      planMedium.verdict(facts({ limit, unsized }), contextWith(skipped));
    expect(judged(fat)).toEqual({ state: 'blocked', findings: [expected] });
    expect(judged(fat, ['medium-file-size-unknown'])).toEqual({ state: 'done', findings: [expected] });
    expect(judged(null)).toEqual({ state: 'done', findings: [] });
  });

  it('judges every volume, the cache as well as the medium', () => {
    const cache = { path: '/home', holds: ['cache'], neededBytes: 10, freeBytes: 9 };
    const verdict = planMedium.verdict(facts({ volumes: [cache, medium(1, 2)] }), context);
    expect(verdict.findings[0]?.params.path).toBe('/home');
  });

  it('refuses for want of room before it has resolved everything', () => {
    const unresolved = { ...resolved, software: [{ release: 'rapid-cdn', systems: [system] }] };
    expect(planMedium.verdict(facts({ unresolved, volumes: [medium(2, 1)] }), context).state).toBe('blocked');
    expect(planMedium.verdict(facts({ unresolved, volumes: [medium(1, 2)] }), context).state).toBe('todo');
  });

  it('names the archive that is missing on the laptop', () => {
    const absent = [{ name: 'slapos-master', system }];
    expect(planMedium.verdict(facts({ absent }), context).findings[0]).toMatchObject({
      code: 'release-archive-missing',
    });
  });

  it('reckons the time with the speed that was measured, else with that of an ordinary stick', () => {
    const items = [{ ...software('slapos-master', 60e6), totalBytes: 80e6 }];
    const told = (speed: Json) => planMedium.found(facts({ items, speed }), context).at(-1);
    expect(told(null)).toEqual({ key: 'steps.plan-medium.found.times', params: { fetchMs: 6000, writeMs: 4000 } });
    expect(told({ writeBytes: 4e6, readBytes: 8e6 })).toEqual({
      key: 'steps.plan-medium.found.timesMeasured',
      params: { fetchMs: 6000, writeMs: 25_000, writeBytes: 4e6, readBytes: 8e6 },
    });
  });

  it('finds versions first, then packages and entries', () => {
    const open = { vendor: [system], packages: [system], software: [{ release: 're6stnet', systems: [system] }] };
    const jobs = (unresolved: object) =>
      planMedium
        .plan(facts({ unresolved }), context)
        .map((command) =>
          command.kind === 'work' ? [command.job, command.args.roots ?? command.args.release ?? ''] : [],
        );
    expect(jobs(open)).toEqual([['resolve-vendor-packages', '']]);
    expect(jobs({ ...open, vendor: [] })).toEqual([
      ['solve-packages', ['cron']],
      ['look-up-software', 're6stnet'],
    ]);
    expect(planMedium.plan(facts({}), context)).toEqual([]);
  });
});
