// The folder of the certificate authority, shared by the users of all partitions through one group and default access lists.
// Never open to others: it holds the authority's private key.
import { z } from 'zod';
import { systemsOf } from '../../../src-shared/site.ts';
import type { AnyContext, Command, Probe } from '../../runbook/define.ts';
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
} from '../../runbook/define.ts';
import { parseAccessList, parseGroupMembers, parsePartitionUsers } from '../../target/accounts.ts';
import { aptFacts, aptFactsOf, aptProbes, installUnlessThere, isInstalled, packageStatusArgv } from '../apt.ts';
import { caAccessEntries, caAccessList, caGroup, caMode } from '../ca-folder.ts';

export const shareCaFolder = defineStep({
  id: 'share-ca-folder',
  chapter: 'master',
  phase: 'site',
  per: machines('master'),
  after: [{ step: 'install-master-software', on: 'same' }],
  risk: 'changes',
  holds: ['content'],
  needs: (site) => systemsOf(site).map((system) => ({ kind: 'package', name: 'acl', system })),
  input: z.strictObject({}),
  facts: z.strictObject({
    /** What dpkg says of the package `acl`. */
    package: z.string(),
    /** Users of the partitions. */
    users: z.array(z.string()),
    /** Members of the group; null while there is none. */
    members: z.array(z.string()).nullable(),
    /** `mode owner:group`, empty while there is no folder. */
    folder: z.string(),
    /** Folders above it that are not there, the lowest first. */
    above: z.array(z.string()),
    access: z.array(z.string()),
    /** Users who cannot read, write and enter it, tried as these users. */
    refused: z.array(z.string()),
    /** Our configuration of apt as it is. */
    apt: aptFacts,
  }),
  read: async (world, context) => {
    const { name } = machineOfSubject(context);
    const { caFolder } = context.site.master;
    const first = await world.probe(name, [
      ...aptProbes,
      { id: 'package', kind: 'run', argv: packageStatusArgv('acl') },
      { id: 'passwd', kind: 'run', argv: ['getent', 'passwd'] },
      { id: 'group', kind: 'run', argv: ['getent', 'group', caGroup] },
      { id: 'folder', kind: 'stat', path: caFolder },
      ...foldersAbove(caFolder).map((path): Probe => ({ id: path, kind: 'stat', path })),
      {
        id: 'access',
        kind: 'run',
        argv: ['getfacl', '--absolute-names', '--omit-header', '--no-effective', caFolder],
      },
    ]);
    const users = parsePartitionUsers(first.passwd?.out ?? '');
    const tried = await world.probe(
      name,
      users.map((user) => ({
        id: user,
        kind: 'run',
        as: user,
        argv: ['test', '-r', caFolder, '-a', '-w', caFolder, '-a', '-x', caFolder],
      })),
    );
    return {
      package: first.package?.exit === 0 ? first.package.out : '',
      users: [...users],
      members: first.group?.exit === 0 ? [...(parseGroupMembers(first.group.out) ?? [])] : null,
      folder: first.folder?.exit === 0 ? (/^d (\S+ \S+)/.exec(first.folder.out)?.[1] ?? first.folder.out) : '',
      above: foldersAbove(caFolder).filter((path) => first[path]?.exit !== 0),
      access: first.access?.exit === 0 ? [...parseAccessList(first.access.out)] : [],
      refused: users.filter((user) => tried[user]?.exit !== 0),
      apt: aptFactsOf(first),
    };
  },
  found: ({ users, members, folder, refused }, { site }) => {
    const path = site.master.caFolder;
    return [
      members === null
        ? says('share-ca-folder', 'found.noGroup', { group: caGroup })
        : says('share-ca-folder', 'found.members', {
            group: caGroup,
            count: users.filter((user) => members.includes(user)).length,
            users: users.length,
          }),
      folder === ''
        ? says('share-ca-folder', 'found.noFolder', { path })
        : says('share-ca-folder', 'found.folder', { path, mode: folder }),
      says('share-ca-folder', 'found.access', { count: users.length - refused.length, users: users.length }),
    ];
  },
  verdict: (facts, context) => {
    const { name, partitions } = machineOfSubject(context);
    if (facts.users.length < partitions)
      return blocked(finding('partitions-too-few', { machine: name, expected: partitions, found: facts.users.length }));
    const { members } = facts;
    const shared = members !== null && facts.users.every((user) => members.includes(user));
    const fits = facts.folder === `${caMode} root:${caGroup}` && same(facts.access, caAccessEntries);
    return isInstalled(facts.package) && shared && fits && facts.refused.length === 0 ? done() : todo();
  },
  plan: ({ package: status, users, members, above, apt }, context) => {
    const { name } = machineOfSubject(context);
    const path = context.site.master.caFolder;
    const all = [...new Set([...(members ?? []), ...users])];
    return [
      ...installUnlessThere(context, 'acl', status, apt, says('share-ca-folder', 'does.install')),
      ...(members === null ? [run(name, ['groupadd', '--system', caGroup])] : []),
      // The whole list at once: who was a member before stays one.
      run(name, ['gpasswd', '--members', all.join(','), caGroup], {
        note: says('share-ca-folder', 'does.members', { count: users.length, group: caGroup }),
      }),
      ...above.slice(0, 1).map((folder) => run(name, ['install', '-d', '-m', '0755', folder])),
      run(name, ['install', '-d', '-m', caMode, '-o', 'root', '-g', caGroup, path]),
      run(name, ['setfacl', '--set', caAccessList, path], {
        note: says('share-ca-folder', 'does.access', { group: caGroup }),
      }),
    ];
  },
  undo: {
    plan: ({ members, folder, above, access }, context, before) => {
      const { name } = machineOfSubject(context);
      const path = context.site.master.caFolder;
      // What the master keeps in it is never thrown away: the folder goes only while it is empty.
      if (before === null || isFilled(context)) return [];
      return [
        ...(folder === '' || before.folder !== '' ? [] : [run(name, ['rmdir', path])]),
        ...before.above
          .filter((made) => !above.includes(made))
          .map((made) => run(name, ['rmdir', '--ignore-fail-on-non-empty', made])),
        ...(folder === '' || before.folder === '' || (folder === before.folder && same(access, before.access))
          ? []
          : asBefore(name, path, before)),
        ...(members === null || before.members !== null ? [] : [run(name, ['groupdel', caGroup])]),
        ...(members !== null && before.members !== null && !same(members, before.members)
          ? [run(name, ['gpasswd', '--members', before.members.join(','), caGroup])]
          : []),
      ];
    },
    stays: (_facts, context, before) => [
      says('share-ca-folder', 'stays.package'),
      ...(isFilled(context) || before === null
        ? [says('share-ca-folder', 'stays.folder', { path: context.site.master.caFolder })]
        : []),
    ],
  },
});

/** The folders above, the lowest first, without the root. */
const foldersAbove = (path: string): readonly string[] => {
  const above = path.slice(0, path.lastIndexOf('/'));
  return above === '' ? [] : [above, ...foldersAbove(above)];
};

/** Puts mode, owner, group and access list of a folder back. */
function asBefore(
  machine: string,
  path: string,
  { folder, access }: { readonly folder: string; readonly access: readonly string[] },
): readonly Command[] {
  const [, mode = '', owner = '', group = ''] = /^(\d+) ([^:]+):(.+)$/.exec(folder) ?? [];
  if (mode === '') return [];
  return [
    // Without the program nobody can have given it an access list.
    run(machine, access.length === 0 ? ['setfacl', '-b', path] : ['setfacl', '--set', access.join(','), path]),
    // Five digits: with fewer the set-group-id bit of a folder would stay.
    run(machine, ['install', '-d', '-m', mode.padStart(5, '0'), '-o', owner, '-g', group, path], {
      note: says('share-ca-folder', 'does.restore', { path, mode: folder }),
    }),
  ];
}

/** The master was asked for with this folder: its authority lies in it. */
const isFilled = (context: AnyContext): boolean => context.record('request-master')?.everDone === true;

const same = (found: readonly string[], wanted: readonly string[]): boolean =>
  found.length === wanted.length && wanted.every((entry) => found.includes(entry));
