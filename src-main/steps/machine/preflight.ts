// Everything that would fail later and can be known now, read in one round trip; nothing on the machine is touched.
// Each check is one line of the table below: what was read, and the finding it yields.
import { z } from 'zod';
import { systemFacts, systemOf } from '../../../src-shared/site.ts';
import type { Finding, Probe } from '../../runbook/define.ts';
import { blocked, defineStep, done, finding, machineOfSubject, machines, says } from '../../runbook/define.ts';
import { parseDiskFree, parseOsRelease, wholeNumber } from '../../target/system.ts';

/** Free room asked for before anything is installed, in bytes: packages, releases, their archives while unpacking. */
const roomNeeded: Readonly<Record<string, number>> = { '/opt': 3e9, '/srv': 1e9, '/tmp': 5e8, '/usr': 1.5e9 };
const folders = Object.keys(roomNeeded);
/** Certificates and apt's Valid-Until suffer beyond this. */
const clockToleranceSeconds = 300;
const lookupPatienceSeconds = 5;

const probes = (interfaceName: string): Probe[] => [
  { id: 'os', kind: 'read', path: '/etc/os-release' },
  { id: 'architecture', kind: 'run', argv: ['dpkg', '--print-architecture'] },
  { id: 'init', kind: 'read', path: '/proc/1/comm' },
  { id: 'clock', kind: 'run', argv: ['date', '+%s'] },
  { id: 'disk', kind: 'run', argv: ['df', '--output=target,avail', '-B1', ...folders] },
  { id: 'interface', kind: 'run', argv: ['ip', '-o', 'link', 'show'] },
  { id: 'ipv6', kind: 'read', path: `/proc/sys/net/ipv6/conf/${interfaceName}/disable_ipv6` },
  { id: 'firewalld', kind: 'run', argv: ['dpkg-query', '-W', '-f', '${Status}', 'firewalld'] },
  { id: 'audit', kind: 'run', argv: ['dpkg', '--audit'] },
  { id: 'broken', kind: 'run', argv: ['apt-get', 'check', '-qq', '-o', 'Debug::NoLocking=1'], limitMs: 60_000 },
  { id: 'forwarding', kind: 'run', argv: ['sshd', '-T'], as: 'root' },
  {
    id: 'lookup',
    kind: 'run',
    argv: [
      'bash',
      '-c',
      'a=$(date +%s%N); getent ahosts no-such-name.invalid >/dev/null; b=$(date +%s%N); echo $(( (b - a) / 1000000 ))',
    ],
    limitMs: 40_000,
  },
];

export const preflight = defineStep({
  id: 'preflight',
  chapter: 'machine',
  phase: 'site',
  per: machines('master', 'node'),
  after: [{ step: 'connect', on: 'same' }],
  risk: 'reads',
  holds: [],
  input: z.strictObject({}),
  facts: z.strictObject({
    system: z.string(),
    architecture: z.string(),
    systemd: z.boolean(),
    /** Target's clock minus the laptop's, rounded to ten seconds. */
    clockOffSeconds: z.int(),
    /** Free bytes by folder. */
    free: z.record(z.string(), z.number()),
    interfaces: z.array(z.string()),
    ipv6Disabled: z.boolean(),
    firewalld: z.boolean(),
    aptTrouble: z.string(),
    forwarding: z.boolean(),
    /** Milliseconds that a look-up of a name without an answer takes. */
    lookupMs: z.number(),
  }),
  read: async (world, context) => {
    const machine = machineOfSubject(context);
    const answers = await world.probe(machine.name, probes(machine.interface));
    const out = (id: string): string => answers[id]?.out ?? '';
    const laptopSeconds = await world.sight<number>('laptop-clock');
    const os = parseOsRelease(out('os'));
    return {
      system: `${os.id}-${os.id === 'debian' ? os.version.split('.')[0] : os.version}`,
      architecture: out('architecture').trim(),
      systemd: out('init').trim() === 'systemd',
      clockOffSeconds: Math.round((wholeNumber(out('clock')) - laptopSeconds) / 10) * 10,
      free: parseDiskFree(out('disk'), folders),
      interfaces: out('interface')
        .split('\n')
        .flatMap((line) => /^\d+: ([^:@]+)/.exec(line)?.[1] ?? [])
        .filter((name) => name !== 'lo'),
      ipv6Disabled: out('ipv6').trim() === '1',
      firewalld: out('firewalld').includes('install ok installed'),
      aptTrouble: `${out('audit')}${answers.broken?.exit === 0 ? '' : (answers.broken?.err ?? '')}`
        .trim()
        .slice(0, 400),
      forwarding:
        !/^allowtcpforwarding (no|local)$/im.test(out('forwarding')) &&
        !/^disableforwarding yes$/im.test(out('forwarding')),
      lookupMs: wholeNumber(out('lookup')) || (answers.lookup?.exit === 124 ? 40_000 : 0),
    };
  },
  found: (facts, context) => [
    says('preflight', 'found.system', { system: facts.system, architecture: facts.architecture }),
    ...Object.entries(facts.free).map(([path, freeBytes]) => says('preflight', 'found.free', { path, freeBytes })),
    says('preflight', 'found.interfaces', {
      names: facts.interfaces.join(', '),
      wanted: machineOfSubject(context).interface,
    }),
    says('preflight', 'found.clock', { seconds: facts.clockOffSeconds }),
  ],
  verdict: (facts, context) => {
    const machine = machineOfSubject(context);
    const { name } = machine;
    const wanted = systemFacts(systemOf(machine));
    const system = `${wanted.distribution}-${wanted.release}`;
    const findings: Finding[] = [
      facts.system !== system &&
        finding('target-other-system', { machine: name, expected: system, found: facts.system }),
      facts.architecture !== wanted.architecture &&
        finding('target-other-architecture', {
          machine: name,
          expected: wanted.architecture,
          found: facts.architecture,
        }),
      !facts.systemd && finding('target-not-systemd', { machine: name }),
      ...Object.entries(roomNeeded).map(
        ([path, needed]) =>
          (facts.free[path] ?? 0) < needed &&
          finding('target-disk-small', { machine: name, path, needed, free: facts.free[path] ?? 0 }),
      ),
      facts.firewalld && finding('target-firewalld', { machine: name }),
      facts.aptTrouble !== '' && finding('target-apt-broken', { machine: name, detail: facts.aptTrouble }),
      !facts.interfaces.includes(machine.interface) &&
        finding('target-interface-missing', {
          machine: name,
          interface: machine.interface,
          present: facts.interfaces.join(', '),
        }),
      facts.ipv6Disabled && finding('target-ipv6-disabled', { machine: name, interface: machine.interface }),
      !facts.forwarding && finding('forwarding-forbidden', { machine: name }),
      Math.abs(facts.clockOffSeconds) > clockToleranceSeconds &&
        finding('target-clock-off', { machine: name, seconds: facts.clockOffSeconds }),
      facts.lookupMs > lookupPatienceSeconds * 1000 &&
        finding('target-name-lookup-slow', { machine: name, seconds: Math.round(facts.lookupMs / 1000) }),
    ].filter((item) => item !== false);
    const [first, ...rest] = findings;
    return first === undefined ? done() : blocked(first, ...rest);
  },
  plan: () => [],
});
