// SSH to a machine: its host key compared by a person with the console's and pinned in the plan, login and sudo proved.
// Nothing is sent to a machine whose key was not compared.
import { z } from 'zod';
import type { LaptopClockSight } from '../../../src-shared/laptop-clock.ts';
import { randomart } from '../../../src-shared/randomart.ts';
import {
  blocked,
  defineStep,
  done,
  finding,
  machineOfSubject,
  machines,
  says,
  todo,
  work,
} from '../../runbook/define.ts';
import { clockToleranceSeconds } from './preflight-checks.ts';

export const connect = defineStep({
  id: 'connect',
  chapter: 'machine',
  phase: 'site',
  per: machines('builder', 'master', 'node'),
  after: [{ step: 'describe-site', on: 'all' }],
  risk: 'reads',
  opensWay: true,
  holds: [],
  input: z.strictObject({}),
  facts: z.strictObject({
    keyType: z.string(),
    fingerprint: z.string(),
    pinned: z.string().nullable(),
    /** `root` once commands run as root there; empty before the key is pinned. */
    user: z.string(),
    /** Its clock minus the laptop's, in whole minutes; 0 when they agree. Told here as well: between two visits either may go wrong. */
    clockOffSeconds: z.int(),
  }),
  read: async (world, context) => {
    const machine = machineOfSubject(context);
    const key = await world.hostKey(machine.name);
    const pinned = machine.hostKey ?? null;
    if (pinned !== key.fingerprint)
      return { keyType: key.type, fingerprint: key.fingerprint, pinned, user: '', clockOffSeconds: 0 };
    const { who, clock } = await world.probe(machine.name, [
      { id: 'who', kind: 'run', argv: ['id', '-un'], as: 'root' },
      { id: 'clock', kind: 'run', argv: ['date', '+%s'] },
    ]);
    const { seconds } = await world.sight<LaptopClockSight>('laptop-clock');
    const off = /^\d{1,12}$/.test(clock?.out.trim() ?? '') ? Number(clock?.out) - seconds : 0;
    return {
      keyType: key.type,
      fingerprint: key.fingerprint,
      pinned,
      user: who?.out.trim() ?? '',
      clockOffSeconds: Math.abs(off) > clockToleranceSeconds ? Math.round(off / 60) * 60 : 0,
    };
  },
  found: ({ keyType, fingerprint, user }, context) => {
    const { name, address, port } = machineOfSubject(context);
    return [
      says('connect', 'found.answers', { machine: name, address, port }),
      says('connect', 'found.hostKey', { type: keyType, fingerprint }),
      ...(user === '' ? [] : [says('connect', 'found.root', { login: machineOfSubject(context).user })]),
    ];
  },
  verdict: ({ fingerprint, pinned, user, clockOffSeconds }, context) => {
    const { name, user: login } = machineOfSubject(context);
    if (pinned === null) return todo();
    if (pinned !== fingerprint) {
      const since =
        context.earlier.answers[questionId(name)] === undefined ? '' : (context.record('connect')?.doneAt ?? '');
      return blocked(finding('host-key-changed', { machine: name, expected: pinned, found: fingerprint, since }));
    }
    if (user !== 'root') return blocked(finding('sudo-refused', { machine: name, user: login }));
    return clockOffSeconds === 0
      ? done()
      : done(finding('target-clock-off', { machine: name, awayMs: clockOffSeconds * 1000 }));
  },
  plan: ({ keyType, fingerprint }, context) => {
    const { name, address } = machineOfSubject(context);
    const picture = randomart(keyType, fingerprint);
    return [
      {
        kind: 'ask',
        question: {
          id: questionId(name),
          kind: 'confirm',
          key: 'steps.connect.asks.hostKey',
          params: { machine: name, address },
          show: [
            { label: keyType, value: fingerprint },
            ...(picture === null ? [] : [{ label: 'keyPicture', value: picture }]),
            { label: 'console', value: consoleCommand(keyType) },
          ],
          choices: [],
        },
      },
      work('pin-host-key', { machine: name, fingerprint }, says('connect', 'does.pin', { fingerprint })),
    ];
  },
});

const keyFiles: readonly (readonly [RegExp, string])[] = [
  [/ed25519/, 'ssh_host_ed25519_key.pub'],
  [/^ecdsa-/, 'ssh_host_ecdsa_key.pub'],
  [/rsa/, 'ssh_host_rsa_key.pub'],
];

/** Typed by hand at a console that shows 25 lines: only the key that is asked about, its line and its picture. */
const consoleCommand = (keyType: string): string =>
  `ssh-keygen -lvf /etc/ssh/${keyFiles.find(([type]) => type.test(keyType))?.[1] ?? 'ssh_host_*_key.pub'}`;

const questionId = (machine: string): string => `host-key:${machine}`;
