import { describe, expect, it } from 'vitest';
import { parseAccessList, parseGroupMembers, parsePartitionUsers } from '../../../src-main/target/accounts.ts';

describe('users and groups', () => {
  it('takes the partitions’ users in the order of their numbers, and nobody else', () => {
    const passwd =
      'root:x:0:0::/root:/bin/sh\nslapuser10:x:1:1::/:\nslapuser2:x:2:2::/:\nslapsoft:x:3:3::/:\nmyslapuser1:x:4:4::/:\n';
    expect(parsePartitionUsers(passwd)).toEqual(['slapuser2', 'slapuser10']);
  });

  it('tells an empty group from none', () => {
    expect(parseGroupMembers('slapcommon:x:990:\n')).toEqual([]);
    expect(parseGroupMembers('slapcommon:!:990:b,a\n')).toEqual(['a', 'b']);
    expect(parseGroupMembers('')).toBe(null);
  });
});

describe('access lists', () => {
  it('compares whatever the order, and without what getfacl remarks', () => {
    expect(parseAccessList('user::rwx\ngroup:slapcommon:rwx\t#effective:r-x\ndefault:other::---\n\n')).toEqual([
      'default:other::---',
      'group:slapcommon:rwx',
      'user::rwx',
    ]);
  });
});
