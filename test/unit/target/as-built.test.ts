import { describe, expect, it } from 'vitest';
import { asBuiltProbes, parseAsBuilt } from '../../../src-main/target/as-built.ts';
import { parts } from '../../../src-shared/as-built.ts';
import type { Answer } from '../../../src-shared/step.ts';

const ok = (out: string): Answer => ({ exit: 0, out, err: '' });
const question = { instance: 'slapos-master', shared: ['/srv/slapcommon/erp5-ssl'] };
const md5 = 'a'.repeat(32);

const answers: Record<string, Answer> = {
  os: ok('ID=debian\nVERSION_ID="12"\n'),
  kernel: ok('6.1.0-40-amd64\n'),
  hostname: ok('master-1\n'),
  architecture: ok('amd64\n'),
  disk: ok(
    [
      'NAME="sda" TYPE="disk" SIZE="42949672960" FSTYPE="" UUID="" MOUNTPOINT=""',
      'NAME="sda1" TYPE="part" SIZE="42949672960" FSTYPE="ext4" UUID="11-22" MOUNTPOINT="/mnt/a\\x20b"',
      'NAME="loop0" TYPE="loop" SIZE="1" FSTYPE="" UUID="" MOUNTPOINT=""',
      '',
    ].join('\n'),
  ),
  'host-key': ok(`ssh-ed25519 ${Buffer.alloc(51, 7).toString('base64')} root@master-1\n`),
  address: ok(
    JSON.stringify([
      {
        ifname: 'enp1s0',
        addr_info: [
          { local: '10.0.0.1', prefixlen: 24 },
          { local: 'fd00::1', prefixlen: 64, temporary: true },
          { local: 'fd00::2', prefixlen: 64 },
        ],
      },
    ]),
  ),
  program: ok('slapos 1.22.1\n'),
  package: ok('ii  acl 2.3.1-3\nrc  gone 1.0\nhi  held 2:1.0-1\n'),
  config: ok('[slapos]\ncomputer_id = local_computer\npassword = canary4of4\n[networkcache]\nlist =\n  a\n  b\n'),
  proxyConfig: { exit: 1, out: '', err: '' },
  partition: ok(
    '/srv/slapgrid/slappart0/.slapos-resource {"address_list": [{"addr": "10.0.0.2"}, {"addr": "fd00::3"}]}\n',
  ),
  release: ok(`/opt/slapgrid/${md5}/.completed\n`),
  instance: ok(
    JSON.stringify({
      instance: {
        partition: 'slappart0',
        release: 'http://x/software.cfg',
        requestedState: 'started',
        parameters: { city: 'Lille', 'admin-password': 'canary4of4' },
        published: { 'family-1': 'https://10.0.0.2:2152' },
        zope: 'slappart1',
        address: '10.0.0.2:2200',
        children: 3,
        moved: true,
      },
      failing: [],
      missing: [],
      behind: [],
      used: [],
      answers: true,
    }),
  ),
  'folder /srv/slapcommon/erp5-ssl': ok('d 2770 root:slapcommon 4096'),
  rule: ok(
    'table ip fieldkit_master {\n\tchain a {\n\t\ttcp dport 80 dnat to 10.0.0.2:2200\n\t}\n}\ntable ip6 b {\n}\n',
  ),
  unit: ok('cron.service enabled enabled\nfieldkit-run-x.service enabled enabled\nssh.service masked enabled\n'),
  file: ok(`${'b'.repeat(64)}  /etc/fstab\n`),
};

describe('what stands on a machine', () => {
  it('is read from what its programs print', () => {
    const facts = parseAsBuilt(answers, question, { [md5]: 'http://x/software.cfg' });
    expect(facts).toEqual({
      system: { distribution: 'debian 12', kernel: '6.1.0-40-amd64', hostname: 'master-1', architecture: 'amd64' },
      disk: { sda: 'disk 42.9 GB', sda1: 'part 42.9 GB ext4 11-22 /mnt/a b' },
      'host-key': { 'ssh-ed25519': expect.stringMatching(/^SHA256:[A-Za-z0-9+/]{43}$/) },
      address: { '10.0.0.1/24': 'enp1s0', 'fd00::2/64': 'enp1s0' },
      program: { slapos: '1.22.1' },
      package: { acl: '2.3.1-3', held: '2:1.0-1' },
      config: {
        'slapos.cfg [slapos] computer_id': 'local_computer',
        'slapos.cfg [slapos] password': '[secret]',
        'slapos.cfg [networkcache] list': 'a, b',
      },
      partition: { slappart0: '10.0.0.2, fd00::3' },
      release: { 'http://x/software.cfg': md5 },
      instance: {
        release: 'http://x/software.cfg',
        state: 'started',
        'web server': '10.0.0.2:2200',
        'parameter city': 'Lille',
        'parameter admin-password': '[secret]',
        'published family-1': 'https://10.0.0.2:2152',
      },
      folder: { '/srv/slapcommon/erp5-ssl': '2770 root:slapcommon' },
      rule: { 'ip fieldkit_master': 'chain a {\n\ttcp dport 80 dnat to 10.0.0.2:2200\n}', 'ip6 b': '' },
      unit: { 'cron.service': 'enabled', 'ssh.service': 'masked' },
      file: { '/etc/fstab': 'b'.repeat(64) },
    });
    expect(JSON.stringify(facts)).not.toContain('canary');
  });

  it('is unread where a program failed, and empty where there is none', () => {
    const silent = parseAsBuilt({}, question, {});
    expect(parts.filter((part) => silent[part] === null)).toEqual(
      parts.filter((part) => !['config', 'folder', 'instance'].includes(part)),
    );
    const failed = parseAsBuilt(
      { ...answers, rule: { exit: 127, out: '', err: '' }, unit: { exit: 124, out: '', err: '' } },
      question,
      {},
    );
    expect(failed.rule).toEqual({});
    expect(failed.unit).toBe(null);
  });

  it('says so where the configuration cannot be read by slapos either', () => {
    const { config } = parseAsBuilt({ ...answers, config: ok('[a]\n[a]\n') }, question, {});
    expect(config?.['slapos.cfg']).toMatch(/^slapos-config-duplicate-section [0-9a-f]{64}$/);
  });

  it('is asked for in one round trip, by questions that write nothing', () => {
    const probes = asBuiltProbes(question);
    expect(new Set(probes.map(({ id }) => id)).size).toBe(probes.length);
    const words = JSON.stringify(probes);
    expect(words).not.toMatch(/>[^&]|\btee\b|\brm\b|\bmv\b/);
  });
});
