// Users, groups and access lists of a simulated machine. Used by commands/index.ts. Groups are kept in /etc/group, as on a
// real machine; the users of the partitions are those who own them. Forms of the outputs are those of Debian 12.
import type { Call, Outcome } from '../machine.ts';
import { fileText } from '../reading.ts';
import { type FileNode, type MachineState, textFile } from '../state.ts';
import { completedReleases } from './as-built.ts';
import { lookedUp } from './frontend.ts';

const groupPath = '/etc/group';

const partitionUsers = (state: MachineState): readonly string[] =>
  Object.entries(state.files).flatMap(([path, { owner }]) =>
    /^\/srv\/slapgrid\/slappart\d+$/.test(path) ? [owner.slice(0, owner.indexOf(':'))] : [],
  );

const groupLines = (state: MachineState): readonly string[] =>
  (fileText(state, groupPath) ?? 'root:x:0:\n').split('\n').filter((line) => line !== '');

const withGroups = (lines: readonly string[]): Outcome => ({
  exit: 0,
  patch: { files: { [groupPath]: textFile(lines.map((line) => `${line}\n`).join('')) } },
});

function getent(call: Call): Outcome {
  const { argv, state } = call;
  const [, database, key = ''] = argv;
  if (database === 'group') {
    const line = groupLines(state).find((one) => one.startsWith(`${key}:`));
    return line === undefined ? { exit: 2 } : { exit: 0, out: `${line}\n` };
  }
  if (database === 'ahosts') return lookedUp(call, key);
  const users = partitionUsers(state).map((user, index) => `${user}:x:${1001 + index}:${1001 + index}::/:/bin/false\n`);
  return { exit: 0, out: `root:x:0:0:root:/root:/bin/bash\n${users.join('')}` };
}

function groupadd({ argv, state }: Call): Outcome {
  const name = argv.at(-1) ?? '';
  const lines = groupLines(state);
  if (lines.some((line) => line.startsWith(`${name}:`)))
    return { exit: 9, err: `groupadd: group '${name}' already exists\n` };
  return withGroups([...lines, `${name}:x:${990 - lines.length}:`]);
}

function groupdel({ argv, state }: Call): Outcome {
  const name = argv.at(-1) ?? '';
  const lines = groupLines(state);
  const left = lines.filter((line) => !line.startsWith(`${name}:`));
  return left.length === lines.length
    ? { exit: 6, err: `groupdel: group '${name}' does not exist\n` }
    : withGroups(left);
}

/** `gpasswd --members A,B GROUP`. */
function gpasswd({ argv, state }: Call): Outcome {
  const [, , members = '', name = ''] = argv;
  const unknown = members.split(',').find((user) => !partitionUsers(state).includes(user));
  if (unknown !== undefined) return { exit: 3, err: `gpasswd: user '${unknown}' does not exist\n` };
  return withGroups(
    groupLines(state).map((line) => (line.startsWith(`${name}:`) ? line.replace(/[^:]*$/, members) : line)),
  );
}

const withoutAcl = (program: string): Outcome => ({ exit: 127, err: `${program}: command not found\n` });
const absent = (program: string, path: string): Outcome => ({
  exit: 1,
  err: `${program}: ${path}: No such file or directory\n`,
});

const shortKinds: Readonly<Record<string, string>> = { u: 'user', g: 'group', m: 'mask', o: 'other', d: 'default' };

/** `setfacl --set LIST PATH`, `setfacl -b PATH`. */
function setfacl({ argv, state }: Call): Outcome {
  const path = argv.at(-1) ?? '';
  const [, how, list = ''] = argv;
  if (state.packages.acl === undefined) return withoutAcl('setfacl');
  const node = state.files[path];
  if (node === undefined) return absent('setfacl', path);
  if (how === '-b') return { exit: 0, patch: { files: { [path]: { ...node, acl: undefined } } } };
  const entries = list.split(',').map((entry) => {
    const words = entry.split(':');
    return words.map((word, at) => (at < words.length - 2 ? (shortKinds[word] ?? word) : word)).join(':');
  });
  const changed: FileNode = { ...node, acl: entries };
  return { exit: 0, patch: { files: { [path]: changed } } };
}

function getfacl({ argv, state }: Call): Outcome {
  if (state.packages.acl === undefined) return withoutAcl('getfacl');
  const path = argv.at(-1) ?? '';
  const node = state.files[path];
  if (node === undefined) return absent('getfacl', path);
  const rights = (shift: number): string =>
    ['r', 'w', 'x'].map((sign, at) => ((node.mode >> (shift + 2 - at)) & 1 ? sign : '-')).join('');
  const plain = [`user::${rights(6)}`, `group::${rights(3)}`, `other::${rights(0)}`];
  return { exit: 0, out: `${(node.acl ?? plain).join('\n')}\n\n` };
}

/** `test … PATH …`: whether it is there for a partition's user; who asks is always in the group here. */
function test({ argv, state }: Call): Outcome {
  const paths = argv.filter((word) => word.startsWith('/'));
  return { exit: paths.every((path) => state.files[path] !== undefined) ? 0 : 1 };
}

/** Looks for releases that are whole, or for what a partition's user may not touch: nothing, once the folder is shared. */
const find = (call: Call): Outcome => {
  const completed = completedReleases(call);
  if (completed !== null) return completed;
  const { argv, state } = call;
  const path = argv[1] ?? '';
  return state.files[path] === undefined ? absent('find', path) : { exit: 0, out: '' };
};

export const accountCommands: Readonly<Record<string, (call: Call) => Outcome>> = {
  find,
  getent,
  getfacl,
  gpasswd,
  groupadd,
  groupdel,
  setfacl,
  test,
};
