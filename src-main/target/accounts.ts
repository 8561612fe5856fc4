// Users, groups and access lists of a machine, as its ordinary programs print them. Pure; used by the steps' reads.

/** Users of partitions in `getent passwd`, in the order of their numbers. */
export const parsePartitionUsers = (passwd: string): readonly string[] =>
  [...passwd.matchAll(/^(slapuser(\d+)):/gm)].sort((a, b) => Number(a[2]) - Number(b[2])).map(([, name]) => name ?? '');

/** Members of a group in a line of `getent group`, sorted; null when there is no such group. */
export function parseGroupMembers(line: string): readonly string[] | null {
  const members = /^[^:\n]+:[^:\n]*:\d+:([^:\n]*)$/m.exec(line)?.[1];
  return members === undefined ? null : members.split(',').filter(Boolean).sort();
}

/** Entries of `getfacl --omit-header`, sorted, without remarks on what is effective. */
export const parseAccessList = (text: string): readonly string[] =>
  text
    .split('\n')
    .map((line) => line.replace(/\s*#.*$/, '').trim())
    .filter((line) => line !== '')
    .sort();
