import { expect, it } from 'vitest';
import { type AsBuilt, differences, parts, unreadParts } from '../../../src-shared/as-built.ts';

const empty = Object.fromEntries(parts.map((part) => [part, {}])) as unknown as AsBuilt;

it('names what is gone, what is new and what is another, and nothing that is the same', () => {
  const was = { ...empty, package: { acl: '1', cron: '3', sudo: '1' }, rule: { 'ip a': 'x' } };
  const is = { ...empty, package: { acl: '2', cron: '3', gawk: '5' }, rule: { 'ip a': 'x' } };
  expect(differences('m', was, is)).toEqual([
    { machine: 'm', part: 'package', name: 'acl', was: '1', is: '2' },
    { machine: 'm', part: 'package', name: 'gawk', was: null, is: '5' },
    { machine: 'm', part: 'package', name: 'sudo', was: '1', is: null },
  ]);
  expect(differences('m', was, was)).toEqual([]);
});

it('says nothing of a part that could not be read, and says that', () => {
  const was = { ...empty, package: { acl: '1' } };
  const is = { ...empty, package: null };
  expect(differences('m', was, is)).toEqual([]);
  expect(unreadParts(was, is)).toEqual(['package']);
});

it('is not confused by names that every object has', () => {
  const was = { ...empty, file: { constructor: 'a' } };
  expect(differences('m', was, empty)).toEqual([
    { machine: 'm', part: 'file', name: 'constructor', was: 'a', is: null },
  ]);
});
