/** Who manages an interface, told from what a machine answers, and the file that is added. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import {
  addressesIn,
  applyArgv,
  networkSettings,
  settingsScript,
  settingsText,
} from '../../../src-main/target/network-settings.ts';

const answer = (out: string, exit = 0) => ({ exit, out, err: '' });
const networkd = answer(
  '● 2: eth0\n     Link File: /usr/lib/systemd/network/99-default.link\n  Network File: /run/systemd/network/10-netplan-eth0.network\n',
);
const nobody = answer('  Network File: n/a\n');
const up = answer('eth0=eth0\n');
const none = answer('', 1);

it('takes networkd at its word, whoever wrote its file', () => {
  expect(networkSettings({ status: networkd, ifstate: up, interfaces: none })).toEqual({
    manager: 'networkd',
    path: '/etc/systemd/network/10-netplan-eth0.network.d/fieldkit.conf',
    settled: null,
    partitions: [],
  });
});

it.each([
  ['source /etc/network/interfaces.d/*', true],
  ['  source interfaces.d/*  ', true],
  ['source-directory /etc/network/interfaces.d', true],
  ['source-directory interfaces.d/', true],
  ['#source /etc/network/interfaces.d/*', false],
  ['source /etc/network/interfaces.d/*.cfg', false],
  ['iface eth0 inet dhcp', false],
])('with ifupdown and %j there is a place: %s', (line, place) => {
  const interfaces = answer(`# first\n${line}\nauto lo\n`);
  expect(networkSettings({ status: nobody, ifstate: up, interfaces })).toEqual({
    manager: 'ifupdown',
    path: place ? '/etc/network/interfaces.d/fieldkit' : '',
    settled: null,
    partitions: [],
  });
});

it('knows nobody where neither answers', () => {
  for (const ifstate of [none, answer('', 127), answer('\n')])
    expect(networkSettings({ status: nobody, ifstate, interfaces: none })).toEqual({
      manager: null,
      path: '',
      settled: null,
      partitions: [],
    });
});

it.each(['networkd', 'ifupdown'] as const)('reads back the addresses it wrote for %s', (manager) => {
  const addresses = ['fd00:1::11/64', '2001:db8::5/48'];
  expect(addressesIn(settingsText(manager, 'eth0', addresses))).toEqual(addresses);
});

it('takes no interface down', () => {
  const all = (['networkd', 'ifupdown'] as const).flatMap((manager) =>
    applyArgv(manager, 'eth0', { added: ['fd00::1/64'], taken: ['fd00::2/64'] }),
  );
  expect(all.filter(([program]) => /^if(up|down)$/.test(program ?? ''))).toEqual([]);
});

// As the script printed them on Debian 12 with each manager.
it.each([
  ['nobody', '@partitions\n', null],
  [
    'networkd',
    '@networkd\n[Match]\nName=eth0\n# Address=fd00:9::9/64\n[Network]\nAddress=10.0.0.5/24\n[Address]\nAddress=fd00:1::11/64\n',
    ['fd00:1::11'],
  ],
  ['networkd that hears routers', '@networkd\n[Match]\nMACAddress=52:54:00:12:34:56\n[Network]\nDHCP=yes\n', []],
  [
    'ifupdown',
    '@ifupdown\naddress: fd00:1::11/64\nup: ip -6 address replace fd00:2::5/48 dev eth0\n',
    ['fd00:1::11', 'fd00:2::5'],
  ],
  ['NetworkManager', '@NetworkManager\nfd00:1::11/64, fd00:2::5/48\n', ['fd00:1::11', 'fd00:2::5']],
  ['NetworkManager without any', '@NetworkManager\n\n', []],
])('reads the addresses in the settings of %s', (_, out, settled) => {
  expect(networkSettings({ status: nobody, ifstate: none, interfaces: none, settings: answer(out) }).settled).toEqual(
    settled,
  );
});

it('knows the addresses that slapos sets for partitions', () => {
  const resource = '{"address_list": [{"addr": "10.0.0.2", "netmask": "255.255.255.255"}, {"addr": "fd5a:77::6"}]}';
  const out = `@networkd\nAddress=fd5a:77::11/64\n@partitions\n${resource}${resource.replace('::6', '::5')}`;
  expect(networkSettings({ status: nobody, ifstate: none, interfaces: none, settings: answer(out) })).toMatchObject({
    settled: ['fd5a:77::11'],
    partitions: ['fd5a:77::6', 'fd5a:77::5'],
  });
});

// The programs of each manager stand in for themselves, and say nothing where they do not manage it.
it.each([
  ['networkd', 'networkctl', 'echo "  Network File: $FOLDER/eth0.network"', ['fd00::1']],
  ['ifupdown', 'ifquery', 'printf "address: fd00::1/64"', ['fd00::1']],
  ['NetworkManager', 'nmcli', 'printf fd00::1/64', ['fd00::1']],
  ['nobody', 'none', '', null],
])('keeps settings of %s without a last line feed apart from what partitions hold', (_, name, says, settled) => {
  const folder = mkdtempSync(join(tmpdir(), 'fieldkit-settings-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const program of ['networkctl', 'ifquery', 'nmcli'])
    writeFileSync(join(folder, program), `#!/bin/sh\n${program === name ? says : ''}\n`, { mode: 0o755 });
  writeFileSync(join(folder, 'eth0.network'), '[Match]\nName=eth0\n[Network]\nAddress=fd00::1/64');
  mkdirSync(join(folder, 'slappart0'));
  writeFileSync(join(folder, 'slappart0', '.slapos-resource'), '{"address_list": [{"addr": "fd00::2"}]}');
  const script = settingsScript.replace('/srv/slapgrid', folder);
  const env = { PATH: `${folder}:${process.env.PATH}`, FOLDER: folder };
  const out = execFileSync('sh', ['-c', script, 'sh', 'eth0'], { env, encoding: 'utf8' });
  expect(networkSettings({ status: nobody, ifstate: none, interfaces: none, settings: answer(out) })).toMatchObject({
    settled,
    partitions: ['fd00::2'],
  });
});
