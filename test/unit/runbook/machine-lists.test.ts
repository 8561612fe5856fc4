import { describe, expect, it } from 'vitest';
import { kindOfList, readMachineList } from '../../../src-main/runbook/machine-lists.ts';
import type { ListKind } from '../../../src-shared/api.ts';
import { Problem } from '../../../src-shared/problem.ts';

const read = (kind: ListKind, text: string) => readMachineList(text, kind, 'list');
const refusal = (kind: ListKind, text: string): unknown => {
  try {
    return read(kind, text);
  } catch (error) {
    return error instanceof Problem ? [error.code, error.data.params.line, error.data.params.detail] : error;
  }
};

describe('a list of machines', () => {
  it.each([
    ['machines.csv', 'csv'],
    ['/home/ada/.ssh/config', 'ssh-config'],
    ['ssh_config', 'ssh-config'],
    ['inventory.ini', 'inventory'],
    ['hosts.yaml', 'inventory'],
  ])('%s is taken for %s', (path, kind) => {
    expect(kindOfList(path)).toBe(kind);
  });

  it('is read from CSV with quotes, either separator, and lists in a cell', () => {
    const wanted = [
      { name: 'node-1', fields: { address: '10.0.0.1', port: 2222, roles: ['node', 'registry'] } },
      { name: 'node-2', fields: { address: 'fd00::2', keyFile: '/home/a "b"/key' } },
    ];
    expect(
      read(
        'csv',
        '\uFEFFname,address,port,roles,keyFile\r\nnode-1,10.0.0.1,2222,node registry,\r\n\r\nnode-2,fd00::2,,,"/home/a ""b""/key"\r\n',
      ),
    ).toEqual(wanted);
    expect(
      read(
        'csv',
        'name;address;port;roles;keyFile\nnode-1;10.0.0.1;2222;"node;registry";\nnode-2;fd00::2;;;"/home/a ""b""/key"',
      ),
    ).toEqual(wanted);
  });

  it.each([
    ['an unknown column', 'name,address,colour\n', 1],
    ['no address', 'name,port\nn,1\n', 1],
    ['a short row', 'name,address\nn,a\nm\n', 3],
    ['an open quote', 'name,address\nn,"a\n', 2],
    ['a row without a name', 'name,address\n,a\n', 2],
    ['nothing but its head', 'name,address\n', 1],
  ])('of CSV with %s is refused at its line', (_what, text, line) => {
    expect(refusal('csv', text)).toEqual(['machine-list-invalid', line, expect.any(String)]);
  });

  it('is read from an ssh_config, where the first value counts and patterns are no machines', () => {
    const text = `# office
Host node-1 Node_2.example.org
  HostName %h.lan
  User tech
Host node-1
  Port 2200
  User ignored
Host *.example.org !node-9
  ProxyJump ada@gate.example.org:22
Match user nobody
  Port 1
Host *
  IdentityFile ~/.ssh/site
`;
    expect(read('ssh-config', text)).toEqual([
      { name: 'node-1', fields: { address: 'node-1.lan', port: 2200, user: 'tech', keyFile: '~/.ssh/site' } },
      {
        name: 'node-2',
        fields: { address: 'Node_2.example.org.lan', user: 'tech', keyFile: '~/.ssh/site', jump: 'gate' },
      },
    ]);
    expect(refusal('ssh-config', 'Host *\n  User x\n')).toEqual([
      'machine-list-invalid',
      1,
      'no machine is named here',
    ]);
    expect(refusal('ssh-config', 'Host a\n = 3\n')).toEqual(['machine-list-invalid', 2, expect.any(String)]);
  });

  it('is read from an INI inventory, with ranges, groups of groups, and the variables of both', () => {
    const text = `bastion ansible_host=192.0.2.1
[nodes]
node-[01:02] ansible_user='tech'   # the new ones
spare ansible_port=2222
[site:children]
nodes
[site:vars]
ansible_ssh_private_key_file = "/keys/site"
ansible_user=root
ansible_ssh_common_args=-o ProxyJump=ada@bastion
`;
    const behind = { keyFile: '/keys/site', jump: 'bastion' };
    expect(read('inventory', text)).toEqual([
      { name: 'bastion', fields: { address: '192.0.2.1' } },
      { name: 'node-01', fields: { address: 'node-01', user: 'tech', ...behind } },
      { name: 'node-02', fields: { address: 'node-02', user: 'tech', ...behind } },
      { name: 'spare', fields: { address: 'spare', user: 'root', port: 2222, ...behind } },
    ]);
    expect(refusal('inventory', '[nodes\nx\n')).toEqual(['machine-list-invalid', 1, expect.any(String)]);
    expect(refusal('inventory', '[nodes]\nx y\n')).toEqual(['machine-list-invalid', 2, expect.any(String)]);
  });

  it('is read from a YAML inventory', () => {
    const text = `all:
  vars: { ansible_user: root }
  children:
    nodes:
      hosts:
        node-1: { ansible_host: 10.0.0.1, ansible_port: 2222 }
        node-2:
      vars: { ansible_user: tech }
`;
    expect(read('inventory', text)).toEqual([
      { name: 'node-1', fields: { address: '10.0.0.1', port: 2222, user: 'tech' } },
      { name: 'node-2', fields: { address: 'node-2', user: 'tech' } },
    ]);
    expect(refusal('inventory', 'all:\n  hosts: [\n')).toEqual(['machine-list-invalid', 3, expect.any(String)]);
    expect(refusal('inventory', 'all: 3\n')).toEqual(['machine-list-invalid', 1, 'no machine is named here']);
  });

  const rows = (count: number, row: (index: number) => string) =>
    Array.from({ length: count }, (_, at) => row(at)).join('');
  const csv = (count: number) => `name,address\n${rows(count, (at) => `n${at},a${at}\n`)}`;
  const hosts = (count: number) => rows(count, (at) => `Host h${at}\n`);
  const yaml = (last: number) => `all:\n  hosts:\n    node-[1:${last}]:\n`;

  it.each<[ListKind, string]>([
    ['csv', csv(1000)],
    ['ssh-config', hosts(1000)],
    ['inventory', 'node-[0001:1000]\n'],
    ['inventory', `[a]\nn[1:1000]\n[b]\nn[1:1000]\n`],
    ['inventory', yaml(1000)],
  ])('holds a thousand machines: %s', (kind, text) => {
    expect(read(kind, text)).toHaveLength(1000);
  });

  it.each<[ListKind, string, number]>([
    ['csv', csv(1001), 1002],
    ['ssh-config', hosts(1001), 1],
    ['inventory', 'first\nnode-[1:1001]\n', 2],
    ['inventory', `node-[0:${'9'.repeat(400)}]\n`, 1],
    // Each range is fit by itself; read to its end this list would name millions.
    ['inventory', rows(9000, (at) => `a${at}-[1:1000]\n`), 2],
    ['inventory', yaml(1001), 1],
    ['inventory', `all:\n  hosts:\n${rows(2000, (at) => `    a${at}-[1:1000]:\n`)}`, 1],
  ])('of more than a thousand is refused: %s %#', (kind, text, line) => {
    expect(refusal(kind, text)).toEqual(['machine-list-invalid', line, 'more than 1000 machines']);
  });

  it('is read in no time however its patterns and groups are knotted', () => {
    const host = `${'a'.repeat(60)}b`;
    const config = `Host ${host}\nHostName 10.0.0.1\nHost ${'*a'.repeat(30)}\nPort 23\nHost *A?b\nPort 24\n`;
    const groups = Array.from({ length: 40 }, (_, at) =>
      ['l', 'r'].map(
        (side) => `[${side}${at}:children]\nl${at + 1}\nr${at + 1}\n[${side}${at}:vars]\nansible_user=u${at}\n`,
      ),
    ).flat();
    const begun = performance.now();
    expect(readMachineList(config, 'ssh-config', 'config')).toMatchObject([{ fields: { port: 24 } }]);
    expect(readMachineList(`[l40]\nh\n${groups.join('')}`, 'inventory', 'hosts')).toMatchObject([
      { name: 'h', fields: { user: 'u39' } },
    ]);
    expect(performance.now() - begun).toBeLessThan(2000);
  });

  it.each([
    ['[n]\na\nb ansible_ssh_private_key_file="{{ home }}/key"\n', 3, 'b: {{ home }}/key'],
    ['[n]\na\n[n:vars]\nansible_user={{who}}\n', 4, 'a: {{who}}'],
    ['[n]\na ansible_ssh_common_args="-o ProxyJump={{way}}"\n', 2, 'a: {{way}}'],
    ['all:\n  hosts:\n    a:\n      ansible_port: "{% if x %}22{% endif %}"\n', 4, 'a: {% if x %}22{% endif %}'],
  ])('takes no template of Ansible for a value: %j', (text, line, what) => {
    expect(refusal('inventory', text)).toEqual([
      'machine-list-invalid',
      line,
      `${what} is a template of Ansible; write the value itself`,
    ]);
    expect(read('inventory', 'a ansible_ssh_private_key_file=/k other="{{ x }}"\n')).toEqual([
      { name: 'a', fields: { address: 'a', keyFile: '/k' } },
    ]);
  });

  it('takes a variable called like something every object has for what it is: none of ours', () => {
    expect(readMachineList('h constructor=1 toString=2\n', 'inventory', 'hosts')).toEqual([
      { name: 'h', fields: { address: 'h' } },
    ]);
  });

  it('above 256 KiB is refused before it is taken apart', () => {
    const head = 'name,address\nn,a\n';
    const full = head + ' '.repeat(256 * 1024 - head.length);
    expect(read('csv', full)).toHaveLength(1);
    expect(refusal('csv', `${full} `)).toEqual(['machine-list-invalid', 1, 'larger than 256 KiB']);
  });
});
