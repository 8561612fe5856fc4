// What the facts script prints on a simulated machine: a sound one, but for the faults that are switched on, and with what
// its state holds. Used by commands/index.ts.
import { askedFolders } from '../../target/facts-script.ts';
import type { Call, Outcome } from '../machine.ts';
import { fileText } from '../reading.ts';
import { systemOfState } from '../simulated-site.ts';
import { ip, ownIpv4 } from './network.ts';
import { clockSeconds, diskFree } from './system.ts';

const blockBytes = 4096;

/** Every section of the script, in its order. */
export function practiceFacts(call: Call): string {
  const { state, faults } = call;
  const text = (path: string): string => fileText(state, path, faults) ?? '';
  const here = (path: string): boolean => state.files[path] !== undefined;
  const folders = askedFolders.map((path) => {
    const mount = path === '/tmp' ? '/tmp' : '/';
    const blocks = Math.floor(diskFree(call, path === '/tmp' ? path : '/opt') / blockBytes);
    return `${path} ${blocks} ${blockBytes} 2400000 2621440 ext4 rw,relatime ${mount}`;
  });
  const sections: Readonly<Record<string, string>> = {
    os: text('/etc/os-release'),
    architecture: systemOfState(state).architecture,
    init: text('/proc/1/comm'),
    container: 'none',
    kernel: `6.1.0-30-${systemOfState(state).architecture}`,
    clock: String(clockSeconds(call)),
    memory: 'MemTotal:        8149136 kB\nSwapTotal:       1000444 kB',
    folders: folders.join('\n'),
    packages: Object.entries(state.packages)
      .map(([name, { version }]) => `ii  ${name} ${version}`)
      .join('\n'),
    audit: '',
    apt: 'exit 0',
    apt_holders: '',
    automatic: '',
    sources: 'http://deb.debian.org/debian',
    firewall: '',
    links: ip({ ...call, argv: ['ip', '-o', 'link', 'show'] }).out ?? '',
    carrier: 'up\n1',
    ipv6_off: '0',
    addresses: addresses(call),
    lookup: '9',
    route: '',
    beyond: '',
    proxies: '',
    datagrams: '',
    sockets: 'LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:(("sshd",pid=612,fd=3))',
    slapos: [
      '/opt/slapos/bin',
      '/etc/opt/slapos/slapos.cfg',
      '/opt/slapos/slapproxy.db',
      '/opt/slapgrid',
      '/srv/slapgrid',
    ]
      .filter(here)
      .join('\n'),
    sections: text('/etc/opt/slapos/slapos.cfg')
      .split('\n')
      .flatMap((line, index) => (line.startsWith('[') ? [`${index + 1}:${line}`] : []))
      .join('\n'),
    releases: Object.keys(state.files)
      .flatMap((path) => /^\/opt\/slapgrid\/([0-9a-f]{32})$/.exec(path)?.[1] ?? [])
      .map((md5) => `${md5} ${here(`/opt/slapgrid/${md5}/.completed`) ? 'completed' : 'open'}`)
      .join('\n'),
    users: '0',
    names: 'localhost\nself',
    sshd: `maxsessions 10\nallowtcpforwarding ${faults.has('forwarding-forbidden') ? 'no' : 'yes'}\ndisableforwarding no`,
    cron: state.packages.cron === undefined ? 'inactive' : 'active',
    umask: '0022',
    selinux: '',
    tunnel: 'there',
    reboot: '',
    disk_errors: '',
  };
  const parts = Object.entries(sections).map(
    ([name, answer]) => `@${name}\n${answer.trim() === '' ? '' : answer.replace(/\n$/, '').replace(/^/gm, ' ')}\n`,
  );
  return `${parts.join('')}@end\n`;
}

function addresses(call: Call): string {
  const ipv6 = ip({ ...call, argv: ['ip', '-j', '-6', 'addr', 'show', 'dev', call.state.made.interface] }).out ?? '[]';
  const parsed = JSON.parse(ipv6) as { addr_info: unknown[] }[];
  const ipv4 = { family: 'inet', local: ownIpv4(call.state), prefixlen: 24, scope: 'global' };
  return JSON.stringify(parsed.map((item) => ({ ...item, addr_info: [ipv4, ...item.addr_info] })));
}

/** Sets the clock forward by so many seconds. */
export const shiftClock = ({ argv, state }: Call): Outcome => ({
  exit: 0,
  patch: { clockShiftSeconds: state.clockShiftSeconds + Number(argv[4] ?? 0) },
});
