// The copy of the medium's content that stays on a master: what it must hold, what it lacks, and the commands that fill it.
// Used by serve-content. Pure. Never counts a file as there that was not checked on the machine itself: the list, which is
// written after the files, says so; a copy that was cut off is checked again file by file, and only what differs is sent.
import { z } from 'zod';
import { systemsOf } from '../../src-shared/site.ts';
import type { Answer, Command, Probe } from '../runbook/define.ts';
import { run, says } from '../runbook/define.ts';
import { wholeNumber } from '../target/system.ts';
import { contentPaths } from './content-server.ts';

/** A file of the medium's signed list. */
export const contentFile = z.strictObject({ path: z.string(), sha256: z.string(), sizeBytes: z.int() });
export type ContentFile = z.infer<typeof contentFile>;

export const copyFacts = z.strictObject({
  /** What is not there, or not known to be right, in the list's order. */
  missing: z.array(contentFile),
  count: z.int(),
  sizeBytes: z.int(),
  /** The machine's list says exactly what the medium's does. */
  listed: z.boolean(),
  /** Free room where the copy lies. */
  freeBytes: z.int(),
  /** Null while the medium is not at hand: the copy is then judged by its own list. */
  list: z.string().nullable(),
});
export type CopyFacts = z.infer<typeof copyFacts>;

export const copyProbes: readonly Probe[] = [
  { id: 'copy-list', kind: 'read', path: contentPaths.list },
  {
    id: 'copy-files',
    kind: 'run',
    argv: ['find', contentPaths.copy, '-type', 'f', '!', '-name', '*.part', '-printf', '%s %P\\n'],
    limitMs: 120_000,
  },
  { id: 'copy-room', kind: 'run', argv: ['df', '--output=avail', '-B1', '/srv'] },
];

/** What is served: software releases of all systems, and the packages of those that the plan names. */
export const servedFiles = (
  files: readonly ContentFile[],
  site: Parameters<typeof systemsOf>[0],
): readonly ContentFile[] => {
  const folders = ['bdir/', 'bcache/', ...systemsOf(site).map((system) => `debian/${system}/`)];
  return files.filter(({ path }) => folders.some((folder) => path.startsWith(folder)));
};

const listText = (files: readonly ContentFile[]): string =>
  files.map(({ sha256, path }) => `${sha256}  ${path}\n`).join('');

/** @param wanted what the medium's signed list says, null while it is not at hand */
export function copyFactsOf(
  wanted: readonly ContentFile[] | null,
  answers: Readonly<Record<string, Answer>>,
): CopyFacts {
  const freeBytes = wholeNumber((answers['copy-room']?.out ?? '').trim().split('\n').at(-1) ?? '');
  const listOnMachine = answers['copy-list']?.exit === 0 ? answers['copy-list'].out : '';
  const listed = new Map(
    listOnMachine.split('\n').flatMap((line) => {
      const [, sha256 = '', path = ''] = /^([0-9a-f]{64}) {2}(.+)$/.exec(line) ?? [];
      return path === '' ? [] : [[path, sha256] as const];
    }),
  );
  const sizes = new Map(
    (answers['copy-files']?.out ?? '').split('\n').flatMap((line) => {
      const [, size = '', path = ''] = /^(\d{1,15}) (.+)$/.exec(line) ?? [];
      return path === '' ? [] : [[path, Number(size)] as const];
    }),
  );
  if (wanted === null) {
    const lost = [...listed].filter(([path]) => !sizes.has(path));
    return {
      missing: lost.map(([path, sha256]) => ({ path, sha256, sizeBytes: 0 })),
      count: listed.size,
      sizeBytes: [...listed.keys()].reduce((sum, path) => sum + (sizes.get(path) ?? 0), 0),
      listed: listed.size > 0,
      freeBytes,
      list: null,
    };
  }
  const list = listText(wanted);
  return {
    missing: wanted.filter(
      ({ path, sha256, sizeBytes }) => sizes.get(path) !== sizeBytes || listed.get(path) !== sha256,
    ),
    count: wanted.length,
    sizeBytes: wanted.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    listed: list === listOnMachine,
    freeBytes,
    list,
  };
}

export const missingBytes = ({ missing }: CopyFacts): number =>
  missing.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);

const keepList = 'cat >"$1.new" && sync "$1.new" && mv -f "$1.new" "$1"';

/** Folders, files, and the list that says that they are there. */
export function fillCopy(machine: string, facts: CopyFacts): readonly Command[] {
  const { missing, list } = facts;
  if (list === null) return [];
  const folders = new Set(
    missing.flatMap(({ path }) => {
      const parts = path.split('/').slice(0, -1);
      return parts.map((_, index) => `${contentPaths.copy}/${parts.slice(0, index + 1).join('/')}`);
    }),
  );
  return [
    run(machine, ['install', '-d', '-m', '0755', '/srv/fieldkit', contentPaths.copy, ...[...folders].sort()]),
    ...(missing.length === 0
      ? []
      : [
          {
            kind: 'copy' as const,
            on: { machine },
            to: contentPaths.copy,
            files: [...missing],
            note: says('serve-content', 'does.copy', { count: missing.length, sizeBytes: missingBytes(facts) }),
          },
        ]),
    run(machine, ['sh', '-c', keepList, 'sh', contentPaths.list], {
      stdin: list,
      note: says('serve-content', 'does.list'),
    }),
  ];
}
