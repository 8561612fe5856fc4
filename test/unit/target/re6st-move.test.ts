/** Where partitions are and were, and texts that name an address of before. */
import { describe, expect, it } from 'vitest';
import { parseChanges, parseMentions, parsePartitions, withNewAddresses } from '../../../src-main/target/re6st-move.ts';

describe('addresses of before', () => {
  const changes = [
    { was: 'fd5a:77::2', now: 'fdbb:1::2' },
    { was: 'fd5a:77::3', now: 'fd5a:77::2' },
    { was: '10.0.1.2', now: '10.0.9.9' },
  ];

  it.each([
    ['master_url = https://[fd5a:77::2]:2155', 'master_url = https://[fdbb:1::2]:2155'],
    ['registry http://[fd5a:77::3]:9026\n', 'registry http://[fd5a:77::2]:9026\n'],
    ['dnat to 10.0.1.2:2200', 'dnat to 10.0.9.9:2200'],
    ['fd5a:77::2 fd5a:77::3', 'fdbb:1::2 fd5a:77::2'],
    ['fd5a:77::2/128', 'fdbb:1::2/128'],
  ])('%j becomes %j', (text, wanted) => {
    expect(withNewAddresses(text, changes)).toBe(wanted);
  });

  it.each(['fd5a:77::21', 'fd5a:77::2:1', '1:fd5a:77::2', '10.0.1.23', '10.0.1.2.5', '110.0.1.2', 'nothing'])(
    '%j is another address',
    (text) => {
      expect(withNewAddresses(text, changes)).toBe(text);
    },
  );

  it('are none where the machine does not answer as ours', () => {
    expect(parseChanges('Traceback')).toEqual([]);
    expect(parseMentions('')).toBeNull();
    expect(withNewAddresses('10.0.1.2', [])).toBe('10.0.1.2');
  });
});

it('reads the addresses of partitions, and leaves out what is none', () => {
  const text = `slappart0 {"address_list": [{"addr": "10.0.1.2", "netmask": "255.255.255.255"}, {"addr": "fd5a:77::2"}], "tap": {}}
slappart1 {"address_list": broken}
other {"address_list": []}
slappart2 {"address_list": []}
`;
  expect(parsePartitions(text)).toEqual([
    { name: 'slappart0', addresses: ['10.0.1.2', 'fd5a:77::2'] },
    { name: 'slappart2', addresses: [] },
  ]);
});
