// A compiled release as an archive on the medium: packed on the build machine with cron paused, fetched, checked by the same
// reader as an archive from a file, and signed by us. The machine is left as it was: cron goes on even when we are killed.
import { z } from 'zod';
import { mediumPaths } from '../../../src-shared/manifest.ts';
import { compiledOn, systemOf } from '../../../src-shared/site.ts';
import type { Command, Finding } from '../../runbook/define.ts';
import {
  blocked,
  defineStep,
  done,
  finding,
  machineOfSubject,
  machines,
  run,
  says,
  todo,
  work,
} from '../../runbook/define.ts';
import { urlKey } from '../../software/entry.ts';
import { packScript, sizesScript } from '../../target/builder-scripts.ts';
import { resumeCron } from '../../target/cron-pause.ts';
import { parseConfig } from '../../target/slapos-config.ts';
import { wholeNumber } from '../../target/system.ts';
import { releaseFolder, slaposPaths } from '../slapos.ts';
import { newMasterMark } from './new-master-mark.ts';

const archivesFolder = '/var/lib/fieldkit/archives';
const releaseFacts = z.strictObject({
  name: z.string(),
  url: z.string(),
  completed: z.boolean(),
  /** Built with parts outside of its folder: its archive would be incomplete. */
  shared: z.boolean(),
  /** Which state of the compiled release this is; another one is archived anew. */
  stamp: z.string(),
  /** The archive as it lies on the build machine: null before it is packed, and after it was fetched. */
  packedBytes: z.number().nullable(),
  /** Bytes of the compiled files, told while they are not packed yet. */
  unpackedBytes: z.number().nullable(),
  /** Where the archive lies on the laptop, once it was fetched. */
  path: z.string(),
  fetchedBytes: z.number().nullable(),
  onMedium: z.boolean(),
});

export const archiveSoftware = defineStep({
  id: 'archive-software',
  chapter: 'prepare',
  phase: 'prepare',
  per: machines('builder'),
  after: [
    { step: 'use-new-master', on: 'same' },
    { step: 'make-keys', on: 'all' },
  ],
  risk: 'changes',
  holds: [],
  input: z.strictObject({}),
  facts: z.strictObject({ freeBytes: z.number(), releases: z.array(releaseFacts) }),
  read: async (world, context) => {
    const machine = machineOfSubject(context);
    const system = systemOf(machine);
    const releases = compiledOn(context.site, machine);
    if (releases.length === 0) return { freeBytes: 0, releases: [] };
    const first = await world.probe(machine.name, [
      { id: 'config', kind: 'read', path: slaposPaths.config },
      { id: 'disk', kind: 'run', argv: ['df', '--output=avail', '-B1', '/var'] },
      ...releases.flatMap(({ url }) => {
        const folder = releaseFolder(urlKey(url));
        return [
          {
            id: `${url} completed`,
            kind: 'run' as const,
            argv: ['stat', '-c', '%Y', `${folder}/.completed`],
            as: 'root',
          },
          { id: `${url} shared`, kind: 'stat' as const, path: `${folder}/.shared` },
          { id: `${url} mark`, kind: 'read' as const, path: newMasterMark(urlKey(url)) },
        ];
      }),
    ]);
    const where = { machine: machine.name, path: slaposPaths.config };
    const config = first.config?.exit === 0 ? parseConfig(first.config.out, where) : null;
    const sharedParts = (config?.get('slapos', 'shared_part_list') ?? '').trim() !== '';
    const stampOf = (url: string): string =>
      urlKey(`${first[`${url} completed`]?.out.trim() ?? ''} ${first[`${url} mark`]?.out.trim() ?? ''}`).slice(0, 12);
    const second = await world.probe(
      machine.name,
      releases.map(({ url }) => ({
        id: url,
        kind: 'run' as const,
        argv: ['sh', '-c', sizesScript, 'sh', archiveOnBuilder(url, stampOf(url)), releaseFolder(urlKey(url))],
        as: 'root',
        limitMs: 600_000,
      })),
    );
    const files = (await world.medium())?.files ?? {};
    const found: z.infer<typeof releaseFacts>[] = [];
    for (const { name, url } of releases) {
      const stamp = stampOf(url);
      const [kind, bytes = ''] = (second[url]?.out ?? '').trim().split(' ');
      const local = await world.sight<{ path: string; sizeBytes: number | null }>('built-archive', {
        name: `${system}-${urlKey(url)}-${stamp}.tar.gz`,
      });
      const locked = context.lock.releases[name];
      const entry = locked?.url === url ? locked.entries.find((item) => item.system === system) : undefined;
      const ours = entry?.certificate === context.lock.keys?.cacheCertificate && entry?.stamp === stamp;
      found.push({
        name,
        url,
        completed: first[`${url} completed`]?.exit === 0,
        shared: sharedParts || first[`${url} shared`]?.exit === 0,
        stamp,
        packedBytes: kind === 'packed' ? wholeNumber(bytes) : null,
        unpackedBytes: kind === 'unpacked' ? wholeNumber(bytes) : null,
        path: local.path,
        fetchedBytes: local.sizeBytes,
        onMedium: ours && entry !== undefined && files[mediumPaths.blob(entry.sha512)] === entry.sizeBytes,
      });
    }
    return { freeBytes: wholeNumber(first.disk?.out.split('\n')[1] ?? ''), releases: found };
  },
  found: ({ releases }) =>
    releases.length === 0
      ? [says('archive-software', 'found.none')]
      : releases.map(({ name, onMedium, fetchedBytes, packedBytes, unpackedBytes }) => {
          if (onMedium) return says('archive-software', 'found.onMedium', { name });
          if (fetchedBytes !== null)
            return says('archive-software', 'found.fetched', { name, sizeBytes: fetchedBytes });
          return packedBytes === null
            ? says('archive-software', 'found.compiled', { name, sizeBytes: unpackedBytes ?? 0 })
            : says('archive-software', 'found.packed', { name, sizeBytes: packedBytes });
        }),
  verdict: ({ freeBytes, releases }, context) => {
    const { name: machine } = machineOfSubject(context);
    const open = releases.filter((item) => !item.onMedium);
    const findings = open.flatMap(({ url, completed, shared, packedBytes, unpackedBytes, fetchedBytes }): Finding[] => {
      if (!completed)
        return [
          finding('step-before-missing', { step: 'archive-software', before: `compile-software@machine:${machine}` }),
        ];
      if (shared) return [finding('release-archive-shared-parts', { path: releaseFolder(urlKey(url)) })];
      // Packed it takes less; how much less, nobody knows before.
      const needed = packedBytes === null && fetchedBytes === null ? (unpackedBytes ?? 0) : 0;
      return needed > freeBytes
        ? [finding('target-disk-small', { machine, path: '/var', folders: archivesFolder, needed, free: freeBytes })]
        : [];
    });
    const [first, ...rest] = findings;
    if (first !== undefined) return blocked(first, ...rest);
    return releases.every((item) => item.onMedium && item.packedBytes === null) ? done() : todo();
  },
  plan: ({ releases }, context) => {
    const machine = machineOfSubject(context);
    const unpacked = releases.filter(
      (item) => !item.onMedium && item.fetchedBytes === null && item.packedBytes === null,
    );
    // Sizes first: how long fetching takes is told once the archive is packed.
    if (unpacked.length > 0)
      return unpacked.map(({ name, url, stamp, unpackedBytes }) =>
        run(
          machine.name,
          ['sh', '-c', packScript, 'sh', urlKey(url), archiveOnBuilder(url, stamp), String(unpackedBytes ?? 0)],
          {
            limitMs: 6 * 3_600_000,
            long: true,
            afterwards: ['sh', '-c', resumeCron],
            progress: { line: '^packed (?<done>\\d+) of (?<total>\\d+)$', unit: 'bytes' },
            note: says('archive-software', 'does.pack', { name, sizeBytes: unpackedBytes ?? 0 }),
          },
        ),
      );
    return releases.flatMap((item): Command[] => {
      const { name, url, stamp, packedBytes, path } = item;
      const from = archiveOnBuilder(url, stamp);
      const receive: Command = {
        kind: 'receive',
        on: { machine: machine.name },
        from,
        to: path,
        note: says('archive-software', 'does.fetch', { name, sizeBytes: packedBytes ?? 0 }),
      };
      const system = systemOf(machine);
      const sizeBytes = item.fetchedBytes ?? packedBytes ?? 0;
      return [
        ...(item.onMedium || item.fetchedBytes !== null ? [] : [receive]),
        ...(item.onMedium
          ? []
          : [
              work(
                'import-software',
                { release: name, url, system, path, stamp },
                says('archive-software', 'does.sign', { name, sizeBytes }),
              ),
            ]),
        ...(packedBytes === null
          ? []
          : [run(machine.name, ['rm', '-f', from, `${from}.part`], { note: says('archive-software', 'does.tidy') })]),
      ];
    });
  },
});

const archiveOnBuilder = (url: string, stamp: string): string => `${archivesFolder}/${urlKey(url)}-${stamp}.tar.gz`;
