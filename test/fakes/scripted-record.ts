// A record as the window gets one: built by the program's own builder, from a short journal.
import { buildDossier } from '../../src-main/runbook/dossier.ts';
import { planFromText } from '../../src-main/runbook/plan-file.ts';
import { Secrets } from '../../src-main/runbook/secrets.ts';
import { type AsBuilt, parts } from '../../src-shared/as-built.ts';
import type { JournalEvent } from '../../src-shared/journal.ts';
import { emptyLock } from '../../src-shared/lock.ts';

const plan = planFromText(
  'format: 1\nname: plant-lille\nmachines:\n  - { name: master-1, roles: [master], address: 192.168.32.11, release: "12", interface: enp1s0 }\n',
  'site.yaml',
);
const key = 'use-cache@machine:master-1';
const hash = 'a'.repeat(64);
const stamp = (seq: number) => ({
  seq,
  at: new Date(Date.UTC(2026, 10, 17, 8, seq)).toISOString(),
  mono: seq * 60_000,
});
const journal: readonly JournalEvent[] = [
  { ...stamp(1), kind: 'opened', program: 'SlapOS Field Kit 0.1.0', who: 'ada', laptop: 'bench-1', tornLine: false },
  { ...stamp(2), kind: 'instances', list: [{ step: 'use-cache', subject: { kind: 'machine', name: 'master-1' } }] },
  { ...stamp(3), kind: 'run-started', instance: key, input: {} },
  {
    ...stamp(4),
    kind: 'plan',
    instance: key,
    plan: {
      instance: key,
      round: 1,
      hash,
      commands: [
        {
          kind: 'write',
          on: { machine: 'master-1' },
          path: '/etc/opt/slapos/slapos.cfg',
          text: '[networkcache]\nurl = http://127.0.0.1:5050\n',
          before: '[networkcache]\nurl = http://shacache.nxdcdn.com\n',
          mode: 0o644,
        },
      ],
    },
  },
  { ...stamp(5), kind: 'command-started', instance: key, hash, index: 0 },
  {
    ...stamp(6),
    kind: 'command-ended',
    instance: key,
    hash,
    index: 0,
    outcome: 'performed',
    exit: null,
    durationMs: 400,
    output: null,
    problem: null,
  },
  { ...stamp(7), kind: 'run-ended', instance: key, outcome: 'done', problem: null },
];
const facts: AsBuilt = {
  ...(Object.fromEntries(parts.map((part) => [part, {}])) as unknown as AsBuilt),
  system: { distribution: 'debian 12', kernel: '6.1.0-40-amd64' },
  package: { 'slapos-node': '1.22.1+1.0.499+0-1', nftables: '1.0.6-2+deb12u2' },
  rule: { 'ip fieldkit_master': 'chain prerouting {\n\ttcp dport 80 dnat to 10.0.10.108:2200\n}' },
  disk: null,
};

export const scriptedRecord = buildDossier(
  {
    number: 2,
    madeAt: new Date(Date.UTC(2026, 10, 17, 9)),
    who: 'ada',
    laptop: 'bench-1',
    program: 'SlapOS Field Kit 0.1.0',
    practice: false,
    remark: 'Handed over to the plant.',
    events: journal,
    plan,
    lock: emptyLock,
    manifest: null,
    facts: { 'master-1': facts },
  },
  new Secrets(),
);
export const scriptedSummary = {
  number: 2,
  madeAt: scriptedRecord.madeAt,
  who: 'ada',
  laptop: 'bench-1',
  remark: scriptedRecord.remark,
};
