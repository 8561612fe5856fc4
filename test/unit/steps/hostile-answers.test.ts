// A machine that lies, babbles or says nothing: whatever it answers, a step yields facts, a verdict and a plan, or a problem
// by code. Never a fault of the program.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Answer, Context, Step, World } from '../../../src-main/runbook/define.ts';
import { lineOf, shellOf } from '../../../src-main/runbook/explain.ts';
import { instancesOf } from '../../../src-main/runbook/instances.ts';
import { runbook } from '../../../src-main/steps/index.ts';
import { emptyLock, type SiteLock } from '../../../src-shared/lock.ts';
import { Problem } from '../../../src-shared/problem.ts';
import { sitePlan } from '../../../src-shared/site.ts';
import { planSchema } from '../../../src-shared/step.ts';

const url = 'https://example.org/raw/1.0/software/slapos-master/software.cfg';
const site = sitePlan.parse({
  format: 1,
  name: 'somewhere',
  machines: [
    { name: 'm', roles: ['master'], address: 'fd00::1', release: '12', interface: 'eth0', addresses: ['fd00::11/64'] },
    { name: 'b', roles: ['builder'], address: 'fd00::2', release: '12', interface: 'eth0' },
    { name: 'n', roles: ['node', 'registry'], address: 'fd00::3', release: '12', interface: 'eth0', client: 'tech' },
    { name: 'l', roles: ['node'], address: 'fd00::5', release: '12', interface: 'eth0', leaving: true },
    { name: 'f', roles: ['node', 'frontend'], address: 'fd00::4', release: '12', interface: 'eth0' },
  ],
  releases: [{ name: 'slapos-master', url, from: 'builder', newMaster: true }],
  frontend: { domain: 'shop.example.org', certificate: 'site.crt', key: 'site.key', dns: 'fd00::9' },
  ranges: { re6st: 'fd00:6::/48' },
});
const vendor = {
  name: 'slapos-node',
  version: '1.2-3',
  architecture: 'amd64',
  sha256: 'a'.repeat(64),
  sizeBytes: 3,
  url: 'https://example.org/x.deb',
  path: 'x.deb',
  source: 'vendor',
};
const lock: SiteLock = {
  ...emptyLock,
  systems: { 'debian-12-amd64': { snapshots: [], vendor: [vendor], packages: [vendor], roots: ['slapos-node'] } },
};

/** Fragments that the steps look for, so that the lies go further than noise does. */
const fragments = [
  'ID=debian\nVERSION_ID="12"\n',
  'HTTP/1.1 200 OK\r\n',
  'HTTP/1.0 999999999',
  '[slapos]\ncomputer_id = local_computer\n',
  '[networkcache]\n[networkcache]\n',
  '[networkcache]\nsignature-certificate-list =\n  -----BEGIN CERTIFICATE-----\n',
  "Network File: /etc/systemd/network/';reboot;'.network\n",
  'Network File: /x/../../../...network\n',
  '[{"addr_info":[{"local":"fd00::zz","prefixlen":1e99}]}]',
  '[{"addr_info":[{"local":"fd00::11","prefixlen":64}]}]',
  '{"instance":{"parameters":{"__proto__":{"x":1}}}}',
  '{"__proto__":null}',
  'install ok installed 1.2-3',
  'slapos 1.22.1',
  '9'.repeat(400),
  '-1',
  'NaN',
  '1e999',
  'slappart0 slappart1 slappart99999999999999999999',
  '\u001b]0;title\u0007\u001b[2J\u009b31m',
  '\u202egnp.exe\u2066',
  '\u0000',
  url,
  '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
  '/srv/x 12\n',
  'Filesystem Avail\n/ 99999999999999999999999999\n',
];
const output = fc.oneof(
  fc
    .array(fc.oneof(fc.constantFrom(...fragments), fc.string({ unit: 'binary', maxLength: 40 })), { maxLength: 6 })
    .map((parts) => parts.join('')),
  fc.constant('x'.repeat(2_000_000)),
);
const answer: fc.Arbitrary<Answer> = fc.record({
  exit: fc.constantFrom(0, 0, 0, 1, 124, 127, 255, -1),
  out: output,
  err: output,
});

describe('a machine that lies', () => {
  const onMachines = runbook.filter((step) => step.per.kind === 'machine');
  it.each(onMachines.map((step) => [step.id, step] as const))(
    'to %s',
    { timeout: 120_000 },
    async (_id, step: Step) => {
      const [instance] = instancesOf([step], site);
      if (instance === undefined) throw new Error('no machine for it');
      const context: Context<Record<string, never>> = {
        site,
        lock,
        subject: instance.subject,
        input: {},
        needs: [],
        earlier: { answers: {}, skipped: [], everDone: false, formerly: null, commands: [] },
        record: () => undefined,
      };
      await fc.assert(
        fc.asyncProperty(fc.infiniteStream(answer), fc.boolean(), output, async (answers, open, text) => {
          const world = {
            probe: async (_machine: string, probes: readonly { readonly id: string }[]) =>
              Object.fromEntries(
                probes.flatMap(({ id }) => {
                  const given = answers.next().value as Answer;
                  return given.exit === -1 ? [] : [[id, given]];
                }),
              ),
            hostKey: async () => ({ type: text.slice(0, 50), fingerprint: text.slice(0, 200) }),
            leaseOpen: () => open,
            medium: async () => null,
            sight: async (name: string) => {
              if (name === 'backups') return [];
              if (name === 'secret') return { held: open, spent: !open };
              if (name === 'frontend-certificate')
                return { fault: null, chain: '', fingerprint: '00'.repeat(32), until: '', parametersSha256: '' };
              return name === 'built-archive' ? { path: '/nowhere', sizeBytes: open ? 3 : null } : 1_700_000_000;
            },
          } as unknown as World;
          try {
            const facts = step.facts.parse(await step.read(world, context));
            step.found(facts, context);
            const verdict = step.verdict(facts, context);
            if (verdict.state === 'done' || verdict.state === 'blocked') return;
            const commands = step.plan(facts, context);
            planSchema.parse({ instance: instance.key, round: 1, hash: 'x', commands });
            commands.map(lineOf);
            shellOf(commands);
          } catch (error) {
            if (!(error instanceof Problem) || error.code === 'internal') throw error;
          }
        }),
        { numRuns: 150 },
      );
      expect(Object.hasOwn(Object.prototype, 'x')).toBe(false);
    },
  );
});
