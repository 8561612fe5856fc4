// Repairing and formatting over a laptop whose UDisks2 does what it is told, and keeps a list of what it was told.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { type FormatHands, formatDrive, lookBeforeFormat } from '../../../src-main/medium/format.ts';
import type { BlockDevice } from '../../../src-main/medium/lsblk.ts';
import type { MountHands } from '../../../src-main/medium/mount.ts';
import type { Mount } from '../../../src-main/medium/mounts.ts';
import { mendVolume, needsRepair, repairVolume } from '../../../src-main/medium/repair.ts';
import { type Circumstances, judgeDrives } from '../../../src-main/medium/safety.ts';
import { device, mounted, stick } from './layouts.ts';
import { problemOf } from './scratch.ts';

interface Laptop {
  readonly hands: FormatHands;
  readonly calls: string[];
  devices: readonly BlockDevice[];
  mounts: Mount[];
  /** What UDisks2 answers by method; default: as told. */
  answers: Record<string, { readonly data?: unknown; readonly said?: string }>;
}

const nothing: Circumstances = {
  mounts: [],
  loopFiles: new Map(),
  swapFiles: [],
  canMount: true,
  runningFrom: [],
  advanced: false,
};
const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

function laptop(
  devices: readonly BlockDevice[],
  mounts: readonly Mount[] = [],
  readable: string | null = null,
): Laptop {
  const ok = (stdout = '') => Promise.resolve({ exit: 0, stdout, stderr: '' });
  const self: Laptop = {
    calls: [],
    devices,
    mounts: [...mounts],
    answers: {},
    hands: {
      mounts: () => Promise.resolve(self.mounts),
      devices: () => Promise.resolve(self.devices),
      drives: () => Promise.resolve(judgeDrives(self.devices, { ...nothing, mounts: self.mounts })),
      run: (argv) => {
        if (argv[0] === 'udisksctl') {
          const [, verb = '', , path = ''] = argv;
          self.calls.push(`${verb} ${path}`);
          if (verb === 'unmount') self.mounts = self.mounts.filter(({ source }) => source !== path);
          if (verb === 'mount' && readable !== null) self.mounts.push(mounted(path, readable, { readOnly: true }));
          return ok();
        }
        const [, , , , , , object = '', , method = '', ...words] = argv;
        if (method === 'ResolveDevice') return ok(JSON.stringify({ type: 'ao', data: [[`/block/${words[4]}`]] }));
        self.calls.push([method, object, ...words].join(' '));
        const answer = self.answers[method] ?? { data: [true] };
        if (answer.said !== undefined)
          return Promise.resolve({ exit: 1, stdout: '', stderr: `Call failed: ${answer.said}\n` });
        if (method === 'CreatePartitionAndFormat') {
          const kind = words[6] ?? '';
          const path = `${object.slice('/block/'.length)}1`;
          self.devices = [stick('a', { path, fileSystem: kind, label: words[10] ?? '', mountPoints: [] })];
        }
        return ok(JSON.stringify({ type: 'b', data: answer.data }));
      },
    },
  };
  return self;
}

const clock = { monotonicMs: () => 0 };
const never = ['Format /', 'CreatePartitionAndFormat'];
const touched = ({ calls }: Laptop) => calls.filter((call) => never.some((word) => call.startsWith(word)));
const request = { device: '/dev/sda', typed: 'SITE', fileSystem: 'exfat', label: 'FIELDKIT' } as const;

describe('formatting', () => {
  const usual = () =>
    laptop(
      [stick('a', { label: 'SITE', mountPoints: ['/media/anna/SITE'] })],
      [mounted('/dev/sda1', '/media/anna/SITE')],
    );

  test('what would be lost: labels, how many files, the newest; what is not mounted is mounted for reading and let go', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'fieldkit-loss-'));
    folders.push(folder);
    await mkdir(join(folder, 'photos'));
    for (const name of ['old.txt', 'photos/one.jpg', 'photos/two.jpg']) await writeFile(join(folder, name), name);
    const self = laptop([stick('a', { label: 'SITE', fileSystem: 'exfat', mountPoints: [] })], [], folder);
    const loss = await lookBeforeFormat('/dev/sda', self.hands, clock);
    expect(loss).toMatchObject({
      typeName: 'SITE',
      volumes: [{ label: 'SITE', readable: true, files: 3, whole: true, medium: null }],
    });
    expect(loss.volumes[0]?.newest?.path).toMatch(/^(old\.txt|photos\/(one|two)\.jpg)$/);
    expect(self.calls).toEqual(['mount /dev/sda1', 'unmount /dev/sda1']);
    expect(self.mounts).toEqual([]);
  });

  test('counting is given up after a while, and said to be a part', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'fieldkit-loss-'));
    folders.push(folder);
    await mkdir(join(folder, 'a/b/c'), { recursive: true });
    await writeFile(join(folder, 'seen'), '');
    await writeFile(join(folder, 'a/b/c/unseen'), '');
    let now = 0;
    const self = laptop([stick('a', { mountPoints: [folder] })], [mounted('/dev/sda1', folder)]);
    const hurried: FormatHands = {
      ...self.hands,
      drives: () =>
        Promise.resolve(
          judgeDrives([stick('a', { mountPoints: [] })], nothing).map((drive) => ({
            ...drive,
            volumes: drive.volumes.map((volume) => ({ ...volume, mountPoint: folder })),
          })),
        ),
    };
    const loss = await lookBeforeFormat('/dev/sda', hurried, { monotonicMs: () => (now += 20_000) });
    expect(loss.volumes[0]).toMatchObject({ files: 1, whole: false });
  });

  test('one partition over all of it, owned by who asked, after everything was unmounted', async () => {
    const self = usual();
    const { mark } = await lookBeforeFormat('/dev/sda', self.hands, clock);
    expect(await formatDrive({ ...request, mark }, self.hands)).toBe('/dev/sda1');
    expect(self.calls).toEqual([
      'unmount /dev/sda1',
      'Format /block//dev/sda sa{sv} dos 1 tear-down b true',
      'CreatePartitionAndFormat /block//dev/sda ttssa{sv}sa{sv} 1048576 0   0 exfat 3 label s FIELDKIT take-ownership b true update-partition-type b true',
    ]);
  });

  test.each([
    ['another in its place', () => [stick('a', { label: 'SITE', uuid: 'other' })], 'format-drive-changed'],
    ['pulled', () => [], 'medium-absent'],
    [
      'it has become the system’s',
      () => [stick('a', { label: 'SITE', mountPoints: ['/home'] })],
      'medium-drive-unusable',
    ],
  ])('%s meanwhile: nothing is erased', async (_what, devices, code) => {
    const self = usual();
    const { mark } = await lookBeforeFormat('/dev/sda', self.hands, clock);
    self.mounts = [];
    self.devices = devices();
    expect((await problemOf(formatDrive({ ...request, mark }, self.hands))).code).toBe(code);
    expect(touched(self)).toEqual([]);
  });

  test('swapped while it was being unmounted: nothing is erased', async () => {
    const self = usual();
    const { mark } = await lookBeforeFormat('/dev/sda', self.hands, clock);
    const swapped: FormatHands = {
      ...self.hands,
      run: (argv) => {
        if (argv[1] === 'unmount') self.devices = [stick('a', { label: 'SITE', uuid: 'other', mountPoints: [] })];
        return self.hands.run(argv);
      },
    };
    expect((await problemOf(formatDrive({ ...request, mark }, swapped))).code).toBe('format-drive-changed');
    expect(touched(self)).toEqual([]);
  });

  test.each(['', 'site', 'SITE2', 'yes'])('another name typed (%j): nothing is erased', async (typed) => {
    const self = usual();
    const { mark } = await lookBeforeFormat('/dev/sda', self.hands, clock);
    expect((await problemOf(formatDrive({ ...request, typed, mark }, self.hands))).code).toBe('format-name-differs');
    expect(touched(self)).toEqual([]);
  });

  test.each(['', 'TWELVELETTER', 'é', '-x', 'a/b', ' A', 'A '])('%j is no name for a stick', async (label) => {
    const self = usual();
    const { mark } = await lookBeforeFormat('/dev/sda', self.hands, clock);
    expect((await problemOf(formatDrive({ ...request, label, mark }, self.hands))).code).toBe('format-label-unfit');
    expect(self.calls).toEqual([]);
  });

  test.each([
    ['of the system', stick('a', { mountPoints: ['/'] }), 'holds-system'],
    ['that nobody understands', stick('a', { fileSystem: 'LVM2_member', mountPoints: [] }), 'unknown-content'],
    ['that is not on USB', stick('a', {}, { transport: 'sata' }), 'not-usb'],
    ['with its switch locked', stick('a', {}, { readOnly: true }), 'read-only'],
  ])('a drive %s is not even looked at', async (_what, drive, reason) => {
    const self = laptop([drive]);
    const found = await problemOf(lookBeforeFormat('/dev/sda', self.hands, clock));
    expect(found).toMatchObject({ code: 'medium-drive-unusable', params: { reason } });
    expect(self.calls).toEqual([]);
  });

  test('a volume alone is no drive', async () => {
    expect((await problemOf(lookBeforeFormat('/dev/sda1', usual().hands, clock))).code).toBe('medium-absent');
  });

  test('what UDisks2 says is told, and success is what lies there afterwards', async () => {
    const self = usual();
    const { mark } = await lookBeforeFormat('/dev/sda', self.hands, clock);
    self.answers.Format = { said: 'Not authorized' };
    expect(await problemOf(formatDrive({ ...request, mark }, self.hands))).toMatchObject({
      code: 'format-failed',
      params: { drive: '/dev/sda', detail: 'Not authorized' },
    });
  });
});

describe('repairing', () => {
  const fat = (health: boolean | null) => {
    const self = laptop([stick('a', { fileSystem: 'vfat', mountPoints: [] })]);
    self.answers.Check = health === null ? { said: 'filesystem is not supported' } : { data: [health] };
    return self;
  };
  const needs = (self: Laptop) => needsRepair('/dev/sda1', self.hands, self.hands.devices);

  test('FAT that was pulled is damaged; what cannot be checked is not said to be', async () => {
    expect(await needs(fat(false))).toBe(true);
    expect(await needs(fat(true))).toBe(false);
    expect(await needs(fat(null))).toBe(false);
  });

  test('what has a journal is not asked: mounting mends it', async () => {
    const self = laptop([stick('a', { fileSystem: 'ext4', mountPoints: [] })]);
    self.answers.Check = { data: [false] };
    expect(await needs(self)).toBe(false);
    expect(self.calls).toEqual([]);
  });

  test('the tool for FAT ends as failed when it has changed something: the look afterwards counts', async () => {
    const self = fat(true);
    self.answers.Repair = { said: 'Process reported exit code 1' };
    self.mounts = [mounted('/dev/sda1', '/media/anna/SITE', { afterError: true })];
    await repairVolume('/dev/sda1', self.hands);
    expect(self.calls.map((call) => call.split(' ')[0])).toEqual(['unmount', 'Repair', 'Check']);
  });

  test('still damaged, or nothing that could repair it: said', async () => {
    for (const health of [false, null]) {
      const self = fat(health);
      self.answers.Repair = { said: 'no tool' };
      expect(await problemOf(repairVolume('/dev/sda1', self.hands))).toMatchObject({
        code: 'medium-repair-failed',
        params: { drive: '/dev/sda1', detail: 'no tool' },
      });
    }
  });

  describe('asked for by a person', () => {
    const place = '/media/anna/SITE';
    const volume = { path: '/dev/sda1', mountPoint: place };
    /** A damaged one that is whole once it was repaired; `stopAt`: it is asked to stop when UDisks2 is asked for that. */
    function damaged(stopAt = '') {
      const self = fat(false);
      self.mounts = [mounted('/dev/sda1', place)];
      const stages: string[] = [];
      const stop = new AbortController();
      const run: MountHands['run'] = async (argv, signal) => {
        const method = argv.find((word) => ['Check', 'Repair'].includes(word)) ?? '';
        if (method !== '' && method === stopAt) stop.abort();
        signal?.throwIfAborted();
        const answer = await self.hands.run(argv, signal);
        if (method === 'Repair') self.answers.Check = { data: [true] };
        if (argv[1] === 'mount') self.mounts.push(mounted('/dev/sda1', place));
        return answer;
      };
      const mend = (yes: boolean) =>
        mendVolume(
          volume,
          { yes, onStage: (stage) => stages.push(stage), signal: stop.signal },
          { ...self.hands, run },
        );
      return { self, stages, mend };
    }
    const said = ({ calls }: Laptop) => calls.map((call) => call.split(' ')[0]);

    test('it is looked at and stays as it was found; with a yes it is repaired and mounted again', async () => {
      const { self, stages, mend } = damaged();
      expect(await mend(false)).toEqual({ health: 'damaged', repaired: false, mountPoint: null });
      expect(self.mounts.map(({ mountPoint }) => mountPoint)).toEqual([place]);
      expect(stages).toEqual(['looking']);
      expect(said(self)).not.toContain('Repair');
      expect(await mend(true)).toEqual({ health: 'whole', repaired: true, mountPoint: place });
      expect(stages).toEqual(['looking', 'looking', 'repairing', 'mounting']);
      // Whole by now: a yes has nothing to repair.
      self.calls.length = 0;
      expect(await mend(true)).toEqual({ health: 'whole', repaired: false, mountPoint: null });
      expect(said(self)).not.toContain('Repair');
    });

    test('a stop ends the look, and the volume is as it was found', async () => {
      const made = damaged('Check');
      await expect(made.mend(true)).rejects.toThrow();
      expect(made.self.mounts.map(({ mountPoint }) => mountPoint)).toEqual([place]);
      expect(said(made.self)).not.toContain('Repair');
    });

    test('a repair that has begun goes on to its end; then nothing is mounted', async () => {
      const made = damaged('Repair');
      expect(await made.mend(true)).toEqual({ health: 'whole', repaired: true, mountPoint: null });
      expect(said(made.self)).toContain('Repair');
      expect(made.self.mounts).toEqual([]);
    });
  });

  test('a device of another kind has no volume to repair', async () => {
    const self = laptop([device('/dev/sdb', { fileSystem: 'vfat', readOnly: true })]);
    expect(await needsRepair('/dev/sdb', self.hands, self.hands.devices)).toBe(false);
  });
});
