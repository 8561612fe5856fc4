// Every check of the preflight against what a bare Debian 12 answered: as recorded it says nothing, and with one answer or one
// line of the plan changed it says exactly its own finding. A check without a row here fails.
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { Answer, Context, World } from '../../../src-main/runbook/define.ts';
import { preflight } from '../../../src-main/steps/machine/preflight.ts';
import { preflightChecks } from '../../../src-main/steps/machine/preflight-checks.ts';
import { emptyLock, type SiteLock } from '../../../src-shared/lock.ts';
import { Problem, problems } from '../../../src-shared/problem.ts';
import { sitePlan } from '../../../src-shared/site.ts';
import type { Finding, Verdict } from '../../../src-shared/step.ts';

const recorded = readFileSync(new URL('../../fixtures/preflight/bare-debian-12.txt', import.meta.url), 'utf8');
const laptopSeconds = 1_795_383_117;
/** An hour before. */
const recordedAt = new Date((laptopSeconds - 3600) * 1000).toISOString();
const url = 'https://example.org/raw/1.0/software/slapos-master/software.cfg';
const md5 = '0123456789abcdef0123456789abcdef';

const carried = (name: string, version: string, sizeBytes: number, source = 'debian') => ({
  name,
  version,
  architecture: 'amd64',
  sha256: 'a'.repeat(64),
  sizeBytes,
  url: `https://example.org/${name}.deb`,
  path: `${name}.deb`,
  source,
});
const lock: SiteLock = {
  ...emptyLock,
  systems: {
    'debian-12-amd64': {
      snapshots: [],
      vendor: [carried('slapos-node', '1.22', 200_000_000, 'vendor')],
      packages: [
        carried('slapos-node', '1.22', 200_000_000, 'vendor'),
        carried('gcc-12', '12.2.0-14', 20_000_000),
        carried('libc6', '2.36-9+deb12u14', 3_000_000),
        carried('libc6-dev', '2.36-9+deb12u14', 2_000_000),
        // Newer on the machine, and nobody asks for this very version.
        carried('tar', '1.34', 1_000_000),
        carried('cron', '3.0pl1-162', 100_000),
      ],
      roots: ['slapos-node'],
    },
  },
  releases: {
    'slapos-master': {
      url,
      md5,
      entries: [
        {
          system: 'debian-12-amd64',
          sha512: 'b'.repeat(128),
          sizeBytes: 1_000_000_000,
          entry: '',
          signature: '',
          certificate: '',
        },
      ],
    },
  },
};

interface Change {
  /** Answers put in place of the recorded ones. */
  readonly answers?: Readonly<Record<string, string | ((before: string) => string)>>;
  readonly machine?: Readonly<Record<string, unknown>>;
  readonly site?: Readonly<Record<string, unknown>>;
  readonly secondsAway?: number;
  /** A moment that is surely past. */
  readonly least?: string;
  /** What the record says of install-slapos-node. */
  readonly install?: { readonly everDone: boolean; readonly commands: readonly { readonly state: string }[] };
}

function outputOf({ answers = {} }: Change): string {
  return Object.entries(answers).reduce((text, [name, value]) => {
    const pattern = new RegExp(`^@${name}\\n((?: .*\\n|\\n)*)`, 'm');
    const before = pattern.exec(text)?.[1];
    if (before === undefined) throw new Error(`no answer ${name} was recorded`);
    const after = typeof value === 'string' ? `${value}\n`.replace(/^(?=.)/gm, ' ') : value(before);
    return text.replace(pattern, () => `@${name}\n${after}`);
  }, recorded);
}

async function judge(change: Change, output = outputOf(change), setClock = false) {
  const site = sitePlan.parse({
    format: 1,
    name: 'somewhere',
    machines: [
      {
        name: 'm',
        roles: ['master'],
        address: '192.168.32.11',
        release: '12',
        interface: 'enp1s0',
        ...change.machine,
      },
    ],
    releases: [{ name: 'slapos-master', url }],
    ...change.site,
  });
  const context: Context<never> = {
    site,
    lock,
    subject: { kind: 'machine', name: 'm' },
    input: { setClock } as never,
    needs: [],
    earlier: { answers: {}, skipped: [], everDone: false } as never,
    record: () => change.install as never,
  };
  const answer: Answer = { exit: 0, out: output, err: '' };
  const world = {
    probe: async () => ({ facts: answer }),
    sight: async () => ({ seconds: laptopSeconds - (change.secondsAway ?? 0), least: change.least ?? recordedAt }),
  } as unknown as World;
  const facts = preflight.facts.parse(await preflight.read(world, context as never));
  return {
    verdict: preflight.verdict(facts, context as never) as Verdict,
    plan: preflight.plan(facts, context as never),
  };
}

const folders = (path: string, edit: (words: string[]) => void) => (before: string) =>
  before.replace(new RegExp(`^ ${path} .*$`, 'm'), (line) => {
    const words = line.slice(1).split(' ');
    edit(words);
    return ` ${words.join(' ')}`;
  });
const free = (path: string, bytes: number) =>
  folders(path, (words) => {
    words[1] = String(Math.floor(bytes / 4096));
  });
const option = (path: string, name: string) => folders(path, (words) => words.splice(6, 1, `${name},relatime`));
const more = (line: string) => (before: string) => ` ${line}\n${before}`;
const listens = (at: string, program: string) =>
  more(`LISTEN 0 511 ${at} 0.0.0.0:* users:(("${program}",pid=77,fd=6))`);

/** What makes each check say something, and what it says. */
const cases: Readonly<Record<string, { readonly change: Change; readonly params: Readonly<Record<string, unknown>> }>> =
  {
    'target-other-system': {
      change: { answers: { os: (text) => text.replace('VERSION_ID="12"', 'VERSION_ID="13"') } },
      params: { expected: 'debian-12', found: 'debian-13' },
    },
    'target-other-architecture': { change: { answers: { architecture: 'arm64' } }, params: { found: 'arm64' } },
    'target-not-systemd': { change: { answers: { init: 'tini' } }, params: {} },
    'target-kernel-old': { change: { answers: { kernel: '3.10.0-1160.el7' } }, params: { oldest: '4.18' } },
    'target-in-container': { change: { answers: { container: 'lxc' } }, params: { kind: 'lxc' } },
    'laptop-clock-behind': {
      change: { least: new Date((laptopSeconds + 86_400) * 1000).toISOString() },
      params: { behindMs: 86_400_000, least: new Date((laptopSeconds + 86_400) * 1000).toISOString() },
    },
    'target-clock-off': { change: { secondsAway: -7200 }, params: { awayMs: -7_200_000 } },
    'target-memory-small': {
      change: { answers: { memory: 'MemTotal: 2000000 kB\nSwapTotal: 500000 kB' } },
      params: { free: 2_560_000_000, needed: 4e9 },
    },
    'target-reboot-required': { change: { answers: { reboot: '/run/reboot-required' } }, params: {} },
    'target-selinux-enforcing': { change: { answers: { selinux: '1' } }, params: {} },
    'target-umask-strict': { change: { answers: { umask: '0077' } }, params: { umask: '0077' } },
    'target-disk-small': {
      change: { answers: { folders: free('/tmp', 900_000_000) } },
      params: { path: '/tmp', folders: '/tmp', needed: 1_100_000_000 },
    },
    'target-inodes-few': {
      change: {
        answers: {
          folders: folders('/srv', (words) => {
            words[3] = '900';
          }),
        },
      },
      params: { path: '/srv', count: 900 },
    },
    'target-read-only': { change: { answers: { folders: option('/srv', 'ro') } }, params: { path: '/srv' } },
    'target-no-exec': { change: { answers: { folders: option('/opt', 'rw,noexec') } }, params: { path: '/opt' } },
    'target-tmp-no-exec': { change: { answers: { folders: option('/tmp', 'rw,noexec') } }, params: {} },
    'target-file-system-unfit': {
      change: {
        answers: {
          folders: folders('/srv', (words) => {
            words[5] = 'nfs4';
          }),
        },
      },
      params: { path: '/srv', fileSystem: 'nfs4' },
    },
    'target-disk-errors': {
      change: { answers: { disk_errors: 'blk_update_request: I/O error, dev sda, sector 2048' } },
      params: { detail: 'blk_update_request: I/O error, dev sda, sector 2048' },
    },
    'target-apt-broken': {
      change: { answers: { apt: 'E: Unmet dependencies.\nexit 100' } },
      params: { detail: 'E: Unmet dependencies.' },
    },
    'target-apt-busy': {
      change: { answers: { apt_holders: 'unattended-upgr' } },
      params: { holder: 'unattended-upgr' },
    },
    'target-upgrades-automatic': { change: { answers: { automatic: 'enabled' } }, params: {} },
    'target-packages-held': {
      change: { answers: { packages: more('hi  gcc-12 12.2.0-1') } },
      params: { count: 1, first: 'gcc-12' },
    },
    'target-packages-newer': {
      change: { answers: { packages: (text) => text.replace(/libc6 2\.36\S*/, 'libc6 2.41-1') } },
      params: { count: 1, first: 'libc6', installed: '2.41-1', carried: '2.36-9+deb12u14' },
    },
    'target-sources-foreign': {
      change: { answers: { sources: more('https://packages.example.com/apt') } },
      params: { hosts: 'packages.example.com' },
    },
    'target-firewalld': { change: { answers: { packages: more('ii  firewalld 1.3.3-1') } }, params: {} },
    'target-cron-stopped': {
      change: { answers: { packages: more('ii  cron 3.0pl1-162'), cron: 'inactive' } },
      params: {},
    },
    'target-interface-missing': {
      change: { machine: { interface: 'eth7', addresses: ['fd00::1/64'] } },
      params: { interface: 'eth7', present: 'enp1s0' },
    },
    'target-interface-down': { change: { answers: { carrier: 'down\n0' } }, params: { interface: 'enp1s0' } },
    'target-ipv6-disabled': { change: { answers: { ipv6_off: '1' } }, params: { interface: 'enp1s0' } },
    'target-addresses-unmanaged': {
      change: { answers: { addresses: (text) => text.replace('fd00:1::11', 'fe80::12') } },
      params: { interface: 'enp1s0' },
    },
    'target-prefix-long': {
      change: {
        answers: { addresses: (text) => text.replace('"fd00:1::11","prefixlen":64', '"fd00:1::11","prefixlen":120') },
      },
      params: { length: 120 },
    },
    'target-address-lent': {
      change: {
        answers: {
          addresses: (text) =>
            text.replace('"local":"192.168.32.11",', '"dynamic":true,"valid_life_time":3600,"local":"192.168.32.11",'),
        },
      },
      params: { address: '192.168.32.11' },
    },
    'target-address-duplicate': {
      change: {
        answers: {
          addresses: (text) =>
            text.replace('"local":"fd00:1::11",', '"tentative":true,"dadfailed":true,"local":"fd00:1::11",'),
        },
      },
      params: { address: 'fd00:1::11' },
    },
    'target-network-overlaps': {
      change: { machine: { ipv4Network: '192.168.0.0/16' } },
      params: { network: '192.168.0.0/16', address: '192.168.32.11/24' },
    },
    'target-name-lookup-slow': { change: { answers: { lookup: '20003' } }, params: { seconds: 20 } },
    'target-route-black-hole': {
      change: { answers: { route: 'default via 192.168.32.1 dev enp1s0', beyond: '5004' } },
      params: { route: 'default via 192.168.32.1 dev enp1s0' },
    },
    'target-localhost-unknown': { change: { answers: { names: 'self' } }, params: {} },
    'target-own-name-unknown': { change: { answers: { names: 'localhost' } }, params: {} },
    'target-proxy-set': {
      change: { answers: { proxies: 'export http_proxy=http://me:hidden7word@proxy.example:3128/' } },
      params: { setting: 'http_proxy=http://proxy.example:3128/' },
    },
    'target-firewall-active': { change: { answers: { firewall: 'ufw' } }, params: { firewall: 'ufw' } },
    'forward-port-taken': {
      change: { answers: { sockets: listens('127.0.0.1:5050', 'python3') } },
      params: { port: 5050, holder: 'python3' },
    },
    'target-port-taken': {
      change: { answers: { sockets: listens('*:8080', 'java') } },
      params: { port: 8080, holder: 'java' },
    },
    'target-web-port-taken': {
      change: { answers: { sockets: listens('0.0.0.0:80', 'apache2') } },
      params: { holder: 'apache2' },
    },
    'target-frontend-port-taken': {
      change: {
        machine: { roles: ['node', 'frontend'] },
        answers: { datagrams: 'UNCONN 0 0 0.0.0.0:443 0.0.0.0:* users:(("caddy",pid=9,fd=6))' },
      },
      params: { protocol: 'UDP', port: 443, holder: 'caddy' },
    },
    'forwarding-forbidden': { change: { answers: { sshd: 'allowtcpforwarding no\nmaxsessions 10' } }, params: {} },
    'target-sessions-few': {
      change: { answers: { sshd: 'maxsessions 1\nallowtcpforwarding yes' } },
      params: { count: 1 },
    },
    'target-slapos-foreign': { change: { answers: { slapos: '/opt/slapos/bin' } }, params: {} },
    'target-slapos-other-version': {
      change: { answers: { packages: more('ii  slapos-node 1.19') } },
      params: { installed: '1.19', carried: '1.22' },
    },
    'target-slapproxy-left': {
      change: {
        answers: { slapos: '/opt/slapos/bin\n/opt/slapos/slapproxy.db', packages: more('ii  slapos-node 1.22') },
      },
      params: {},
    },
    'target-users-left': { change: { answers: { users: '20' } }, params: { count: 20 } },
    'slapos-config-duplicate-section': {
      change: { answers: { sections: '1:[slapos]\n12:[networkcache]\n40:[networkcache]' } },
      params: { section: 'networkcache', first: 12, second: 40 },
    },
    'partitions-below-master': { change: { machine: { partitions: 5 } }, params: { count: 5, wanted: 9 } },
    'target-tunnel-missing': {
      change: { answers: { tunnel: '' }, site: { ranges: { re6st: 'fd00:2::/48' } } },
      params: {},
    },
  };

const codesOf = (verdict: Verdict): readonly string[] => verdict.findings.map(({ code }: Finding) => code);

it('finds nothing on a sound machine', async () => {
  expect((await judge({})).verdict).toEqual({ state: 'done', findings: [] });
});

it('has a case for every check, and no other', () => {
  expect(Object.keys(cases).sort()).toEqual(preflightChecks.map(({ id }) => id).sort());
});

it.each(Object.entries(cases))('%s', async (id, { change, params }) => {
  const { verdict, plan } = await judge(change);
  expect(codesOf(verdict)).toEqual([id]);
  const [found] = verdict.findings;
  expect(found?.params).toMatchObject(params);
  // Exactly what its texts may use.
  const { params: wanted, severity } = problems[id as keyof typeof problems];
  expect(Object.keys(found?.params ?? {}).sort()).toEqual([...wanted].sort());
  expect(verdict.state).toBe(severity === 'warning' ? 'done' : 'blocked');
  expect(plan).toEqual([]);
});

it('says all of it at once, what blocks first', async () => {
  const all = Object.assign({}, ...Object.values(cases).map(({ change }) => change.answers ?? {}));
  const { verdict } = await judge({ answers: all, machine: { partitions: 5 }, secondsAway: 900 });
  const weights = codesOf(verdict).map((code) => problems[code as keyof typeof problems].severity);
  expect(weights.length).toBeGreaterThan(25);
  const order = { strict: 0, skippable: 1, warning: 2 };
  expect(weights).toEqual([...weights].sort((a, b) => order[a] - order[b]));
});

it('adds up what folders of one mount need, and leaves out what is there already', async () => {
  const short = (before: string) =>
    ['/opt', '/srv', '/usr', '/var'].reduce((text, path) => free(path, 6.9e9)(text), before);
  const bare = await judge({ answers: { folders: short } });
  expect(bare.verdict.findings).toMatchObject([
    {
      code: 'target-disk-small',
      params: {
        folders: '/opt, /srv, /usr, /var',
        // slapgrid's own minimum twice; the release, slapos-node and the other packages unpacked; their archives; spare room.
        needed: 2 * 1_048_576_000 + 4 * 1_200_000_000 + 4 * 22_100_000 + 222_100_000 + 2 * 100_000_000,
      },
    },
  ]);
  const installed = await judge({
    answers: {
      folders: short,
      releases: `${md5} completed`,
      cron: 'active',
      packages: (text) =>
        `${text} ii  slapos-node 1.22\n ii  gcc-12 12.2.0-14\n ii  cron 3.0pl1-162\n ii  libc6-dev 2.36-9+deb12u14\n`,
      slapos: '/opt/slapos/bin\n/etc/opt/slapos/slapos.cfg\n/opt/slapos/slapproxy.db',
      users: '20',
    },
  });
  expect(installed.verdict).toEqual({ state: 'done', findings: [] });
});

it('offers to set the clock, under guard, only when asked to', async () => {
  const change: Change = { secondsAway: -7200 };
  expect((await judge(change)).plan).toEqual([]);
  const asked = await judge(change, outputOf(change), true);
  expect(asked.verdict).toMatchObject({ state: 'todo', findings: [{ code: 'target-clock-off' }] });
  expect(asked.plan).toMatchObject([
    { kind: 'guard', commands: [{ argv: ['sh', '-c', expect.any(String), 'sh', '7200'] }] },
  ]);
  expect(asked.plan[0]).toHaveProperty('undo', expect.stringMatching(/' sh -7200$/));
  // A laptop that is known to be wrong sets nobody's clock.
  const wrong = { secondsAway: 7200, least: new Date(laptopSeconds * 1000).toISOString() };
  const refused = await judge(wrong, outputOf(wrong), true);
  expect(refused.plan).toEqual([]);
  expect(refused.verdict).toMatchObject({
    state: 'blocked',
    findings: [{ code: 'laptop-clock-behind', params: { behindMs: 7_200_000 } }, { code: 'target-clock-off' }],
  });
  expect(await judge({ secondsAway: 200 }, recorded, true)).toMatchObject({ verdict: { state: 'done' }, plan: [] });
});

it('leaves to install-slapos-node what that step was cut off in, and nothing else', async () => {
  const answers = { apt: 'E: Unmet dependencies.\nexit 100' };
  const verdictAfter = async (everDone: boolean, state: string) =>
    (await judge({ answers, install: { everDone, commands: [{ state }] } })).verdict.state;
  expect(await verdictAfter(false, 'unknown')).toBe('done');
  expect(await verdictAfter(false, 'pending')).toBe('blocked');
  expect(await verdictAfter(true, 'performed')).toBe('blocked');
});

it('does not ask for a cron that an installation was cut off before', async () => {
  for (const [state, verdict] of [
    ['iU', 'done'],
    ['iF', 'done'],
    ['ii', 'blocked'],
  ] as const) {
    const answers = { packages: (text: string) => `${text} ${state}  cron 3.0pl1-162\n`, cron: 'inactive' };
    expect((await judge({ answers })).verdict.state, state).toBe(verdict);
  }
});

it.each([
  ['nothing', ''],
  ['half of it', recorded.slice(0, recorded.length / 2)],
  ['a greeting of the shell before it', `Welcome to this machine\n${recorded}`],
  ['an answer less', recorded.replace(/^@memory\n[^@]*/m, '')],
])('%s is no answer', async (_what, output) => {
  await expect(judge({}, output)).rejects.toSatisfy(
    (error) => error instanceof Problem && error.code === 'facts-unreadable',
  );
});
