// What the scripted desk tells of media and drives: a sealed medium with something of everybody's on it, and a stick to format.

import type {
  DriveLoss,
  FormatChoice,
  MediaComparison,
  MediumContents,
  MediumGeneration,
  OutputOf,
  RecentMedium,
} from '../../src-shared/api.ts';
import type { Rehearsal } from '../../src-shared/rehearsal.ts';

const packages = [
  ['slapos-node', '1.22.1+0', 31_200_000],
  ['re6st-node', '0.642-1', 22_900_000],
  ['cron', '3.0pl1-162', 76_500],
  ['libssl3', '3.0.17-1~deb12u3', 2_020_000],
  ['python3.11-minimal', '3.11.2-6+deb12u6', 2_070_000],
] as const;

export const scriptedContents: MediumContents = {
  path: '/media/ada/FIELD/fieldkit',
  sealed: {
    site: 'plant-lille',
    generation: 3,
    sealedAt: '2026-03-02T16:40:00.000Z',
    program: 'SlapOS Field Kit 0.1.0',
    fingerprint: '7f3a91c04be2d8566a0f1c93be77d2405d1e88a3049b7cc2f6510ea4b83d9c6e',
    files: 348,
    sizeBytes: 3_412_000_000,
    kept: [2],
    updating: false,
    lacking: 0,
    mark: '9b1d'.repeat(16),
  },
  why: null,
  kinds: [
    { kind: 'packages', count: 307, sizeBytes: 214_300_000 },
    { kind: 'software', count: 2, sizeBytes: 3_190_000_000 },
    { kind: 'index', count: 2, sizeBytes: 9_120 },
    { kind: 'trust', count: 5, sizeBytes: 11_400 },
    { kind: 'site', count: 6, sizeBytes: 482_000 },
    { kind: 'other', count: 4, sizeBytes: 1_900_000 },
  ],
  systems: [
    {
      system: 'debian-12-amd64',
      sizeBytes: 109_800_000,
      packages: packages.map(([name, version, sizeBytes]) => ({ name, version, sizeBytes })),
    },
    {
      system: 'debian-13-amd64',
      sizeBytes: 104_500_000,
      packages: packages.slice(0, 3).map(([name, version, sizeBytes]) => ({ name, version, sizeBytes })),
    },
  ],
  releases: [
    {
      url: 'https://lab.example/nexedi/slapos/raw/1.0.358/software/slapos-master/software.cfg',
      system: 'debian 12.11 bookworm x86_64-linux-gnu',
      sizeBytes: 2_980_000_000,
    },
    {
      url: 'https://lab.example/nexedi/slapos/raw/1.0.358/software/caddy-frontend/software.cfg',
      system: 'debian 12.11 bookworm x86_64-linux-gnu',
      sizeBytes: null,
    },
  ],
  foreign: {
    beside: [
      { name: 'Holiday 2025', folder: true },
      { name: 'invoice-0042.pdf', folder: false },
    ],
    unlisted: ['debian/debian-12-amd64/notes.txt'],
  },
  freeBytes: 58_200_000_000,
  fileSystem: 'exfat',
};

export const scriptedDrives: readonly FormatChoice[] = [
  {
    device: '/dev/sdb',
    label: 'SanDisk Ultra · HOLIDAY',
    sizeBytes: 61_500_000_000,
    serial: '4C530001230412117295',
    why: null,
  },
  {
    device: '/dev/nvme0n1',
    label: 'Samsung SSD 980',
    sizeBytes: 512_100_000_000,
    serial: 'S649NX0R112233',
    why: { code: 'medium-drive-unusable', params: { drive: 'Samsung SSD 980', reason: 'holds-system' } },
  },
];

export const scriptedLoss: DriveLoss = {
  device: '/dev/sdb',
  name: 'SanDisk Ultra',
  serial: '4C530001230412117295',
  sizeBytes: 61_500_000_000,
  mark: 'c0ffee',
  typeName: 'HOLIDAY',
  volumes: [
    {
      device: '/dev/sdb1',
      label: 'HOLIDAY',
      fileSystem: 'vfat',
      sizeBytes: 59_000_000_000,
      readable: true,
      files: 2481,
      whole: true,
      newest: { path: 'DCIM/2026/IMG_0921.jpg', at: '2026-02-27T18:03:00.000Z' },
      medium: { site: 'plant-lille', generation: 2 },
    },
    {
      device: '/dev/sdb2',
      label: null,
      fileSystem: 'crypto_LUKS',
      sizeBytes: 2_400_000_000,
      readable: false,
      files: 0,
      whole: false,
      newest: null,
      medium: null,
    },
  ],
};

/** One plugged in, one that is elsewhere, and one that somebody spoilt. */
export const scriptedRecent: readonly RecentMedium[] = [
  {
    site: 'plant-lille',
    label: 'FIELD',
    path: '/media/ada/FIELD',
    here: true,
    at: '2026-11-17T07:40:00.000Z',
    sealedAt: '2026-11-17T07:40:00.000Z',
    generation: 3,
    why: null,
  },
  {
    site: 'practice',
    label: 'stick',
    path: '/home/ada/.local/share/slapos-field-kit/practice/stick',
    here: true,
    at: '2026-11-16T17:05:00.000Z',
    sealedAt: null,
    generation: null,
    why: { code: 'medium-unsealed', params: { path: '/home/ada/.local/share/slapos-field-kit/practice/stick' } },
  },
  {
    site: 'harbour',
    label: 'KIT-2',
    path: '/media/ada/KIT-2',
    here: false,
    at: '2026-10-02T15:12:00.000Z',
    sealedAt: '2026-10-02T15:12:00.000Z',
    generation: null,
    why: null,
  },
];

const rehearsed = { notRun: null, problem: null, files: 0, sizeBytes: 0, packages: [], releases: [], lacking: [] };

/** One that found an archive missing, with steps of every outcome. */
export const scriptedRehearsal: { readonly rehearsal: Rehearsal; readonly current: boolean } = {
  current: true,
  rehearsal: {
    format: 1,
    at: '2026-03-02T16:58:00.000Z',
    tookMs: 41_000,
    manifestSha256: '5'.repeat(64),
    generation: 3,
    fingerprint: '7f3a91c04be2d8566a0f1c93be77d2405d1e88a3049b7cc2f6510ea4b83d9c6e',
    unasked: [],
    steps: [
      { ...rehearsed, instance: 'connect@machine:master-1', outcome: 'done' },
      {
        ...rehearsed,
        instance: 'install-slapos-node@machine:master-1',
        outcome: 'done',
        files: 138,
        sizeBytes: 98_300_000,
        packages: packages.map(([name]) => name),
      },
      {
        ...rehearsed,
        instance: 'install-master-software@machine:master-1',
        outcome: 'failed',
        problem: {
          code: 'medium-file-missing',
          params: { file: `bcache/${'3e7b53fd'.repeat(16)}` },
          severity: 'strict',
          retryable: false,
          evidence: '',
        },
        lacking: [{ path: `bcache/${'3e7b53fd'.repeat(16)}`, code: 'medium-file-missing' }],
      },
      { ...rehearsed, instance: 'request-master@machine:master-1', outcome: 'asked', notRun: 'comes-after' },
    ],
  },
};

/** Two files of the medium above went bad since it was sealed. */
export const scriptedVerified: OutputOf<'media.verified'> = {
  mark: '9b1d'.repeat(16),
  at: '2026-11-22T09:14:00.000Z',
  report: {
    files: 412,
    sizeBytes: 9_120_000_000,
    generation: 3,
    fingerprint: '7f3a91c04be2d8566a0f1c93be77d2405d1e88a3049b7cc2f6510ea4b83d9c6e',
    fingerprintTrusted: true,
    cacheBypassed: false,
    findings: [
      { code: 'medium-file-damaged', params: { file: `bcache/${'3e7b53fd'.repeat(16)}`, offset: 41_943_040 } },
      { code: 'medium-file-missing', params: { file: 'debian/debian-12-amd64/slapos-node_1.22.1_amd64.deb' } },
    ],
  },
};

/** Another generation of the same site on the other stick. */
export const scriptedComparison: MediaComparison = {
  first: { site: 'plant-lille', generation: 3 },
  second: { site: 'plant-lille', generation: 2 },
  onlyFirst: ['debian/debian-12-amd64/debs/slapos-node_1.22.1_amd64.deb', `bcache/${'3e7b53fd'.repeat(16)}`],
  onlySecond: ['debian/debian-12-amd64/debs/slapos-node_1.21.0_amd64.deb'],
  differing: ['readme.html'],
};

export const scriptedGenerations: readonly MediumGeneration[] = [
  {
    generation: 2,
    sealedAt: '2026-02-11T10:05:00.000Z',
    files: 340,
    sizeBytes: 3_210_000_000,
    leaving: 14,
    returning: 6,
    differing: 3,
  },
];

export const scriptedTidy: Omit<OutputOf<'media.tidy'>, 'removed'> = {
  paths: ['debian/debian-12-amd64/debs/slapos-node_1.21.0_amd64.deb', 'generations/2/manifest.json'],
  sizeBytes: 31_400_000,
  generations: [2],
  mark: '77aa'.repeat(16),
};

export const scriptedCache: OutputOf<'cache.read'> = {
  folder: '/home/ada/.cache/slapos-field-kit',
  limitBytes: 100_000_000_000,
  count: 1214,
  sizeBytes: 9_870_000_000,
  kinds: [
    { kind: 'blobs', count: 3, sizeBytes: 9_100_000_000, usedAt: '2026-11-20T14:12:00.000Z' },
    { kind: 'debs', count: 1180, sizeBytes: 702_000_000, usedAt: '2026-11-20T14:02:00.000Z' },
    { kind: 'indexes', count: 22, sizeBytes: 67_000_000, usedAt: '2026-11-20T13:58:00.000Z' },
    { kind: 'releases', count: 9, sizeBytes: 1_000_000, usedAt: '2026-11-20T13:58:00.000Z' },
  ],
};

/** Read back, and one of it went bad. */
export const scriptedCacheCheck: OutputOf<'cache.check'> = {
  state: 'over',
  doneBytes: 9_870_000_000,
  totalBytes: 9_870_000_000,
  speed: null,
  leftMs: null,
  count: 1205,
  damaged: [`debs/${'4c1f'.repeat(16)}`],
};
