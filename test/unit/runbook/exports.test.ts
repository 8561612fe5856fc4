import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { ansibleInventory, ansiblePlaybook } from '../../../src-main/runbook/exports/ansible.ts';
import { performedSteps } from '../../../src-main/runbook/exports/performed.ts';
import { shellRunbook } from '../../../src-main/runbook/exports/shell.ts';
import type { JournalEvent, NewEvent } from '../../../src-shared/journal.ts';
import { sitePlan } from '../../../src-shared/site.ts';
import type { Command } from '../../../src-shared/step.ts';

const on = { machine: 'node-1' };
const run = (argv: string[], more: object = {}): Command => ({ kind: 'run', on, argv, limitMs: 5000, ...more });

let seq = 0;
const event = (fields: NewEvent): JournalEvent => {
  seq += 1;
  return { ...fields, seq, at: '2026-11-17T08:00:00.000Z', mono: seq } as JournalEvent;
};

/** A run of an instance with these commands, as the engine writes it; `outcomes` of each. */
function ran(
  instance: string,
  commands: Command[],
  outcome: 'done' | 'failed' | 'undone' = 'done',
  each: 'performed' | 'failed' = 'performed',
): JournalEvent[] {
  const hash = `${instance} ${commands.length} ${seq}`;
  return [
    event({ kind: 'run-started', instance, input: {} }),
    event({ kind: 'plan', instance, plan: { instance, round: 1, hash, commands } }),
    ...commands.map((_, index) =>
      event({
        kind: 'command-ended',
        instance,
        hash,
        index,
        outcome: each,
        exit: 0,
        durationMs: 1,
        output: null,
        problem: null,
      }),
    ),
    event({ kind: 'run-ended', instance, outcome, problem: null }),
  ];
}

describe('what was performed', () => {
  const a = run(['a']);
  const b = run(['b']);
  const instances = (events: readonly JournalEvent[]) =>
    performedSteps(events, ['node-1']).map((item) => item.instance);

  it('is told run by run, without what failed, was undone, or belongs to others', () => {
    const first = ran('one@machine:node-1', [a]);
    const second = ran('two@machine:node-1', [b]);
    expect(instances([...first, ...second])).toEqual(['one@machine:node-1', 'two@machine:node-1']);
    const renewed = event({ kind: 'renewed', machine: 'node-1', computer: null, by: 'somebody' });
    expect(instances([...first, renewed, ...second])).toEqual(['two@machine:node-1']);
    // What the second run found done stands on the first.
    expect(instances([...first, ...second, ...ran('one@machine:node-1', [b])])).toEqual([
      'one@machine:node-1',
      'two@machine:node-1',
      'one@machine:node-1',
    ]);
    expect(instances(ran('one@machine:node-1', [a], 'failed', 'failed'))).toEqual([]);
    // The next run does not do again what was performed before the failure.
    expect(instances(ran('one@machine:node-1', [a], 'failed'))).toEqual(['one@machine:node-1']);
    expect(instances([...first, ...ran('one@machine:node-1', [b], 'undone')])).toEqual([]);
    expect(performedSteps(first, ['master-1'])).toEqual([]);
    expect(instances(ran('keys@site', [{ kind: 'work', job: 'make-keys', args: {} }]))).toEqual([]);
  });

  it('belongs to the machine that each command acts on', () => {
    const there: Command = { kind: 'run', on: { machine: 'node-2' }, argv: ['c'], limitMs: 5000 };
    const mixed = ran('one@machine:node-1', [a, there, b]);
    expect(performedSteps(mixed, ['node-1', 'node-2'])).toEqual([
      { instance: 'one@machine:node-1', machine: 'node-1', commands: [a] },
      { instance: 'one@machine:node-1', machine: 'node-2', commands: [there] },
      { instance: 'one@machine:node-1', machine: 'node-1', commands: [b] },
    ]);
  });

  it('is gone from a machine that was installed anew, whichever step did it, and stands on the others', () => {
    const there: Command = { kind: 'run', on: { machine: 'node-2' }, argv: ['c'], limitMs: 5000 };
    const site = ran('move@site', [a, there]);
    const others = ran('join@machine:node-2', [b, there]);
    const own = ran('join@machine:node-1', [there, a]);
    const renewed = event({ kind: 'renewed', machine: 'node-1', computer: null, by: 'somebody' });
    const steps = performedSteps([...site, ...others, ...own, renewed], ['node-1', 'node-2']);
    expect(steps).toEqual(
      ['move@site', 'join@machine:node-2', 'join@machine:node-1'].map((instance) => ({
        instance,
        machine: 'node-2',
        commands: [there],
      })),
    );
  });

  it('is told by machine where several were worked on side by side', () => {
    const second = { machine: 'node-2' };
    const other = (argv: string[]): Command => ({ kind: 'run', on: second, argv, limitMs: 5000 });
    const one = ran('one@machine:node-1', [a, b]);
    const two = ran('one@machine:node-2', [other(['c']), other(['d'])]);
    // Started, planned, a command each, in turns.
    const mixed = one.flatMap((item, index) => [item, ...two.slice(index, index + 1)]);
    expect(performedSteps(mixed, ['node-1', 'node-2'])).toEqual([
      { instance: 'one@machine:node-1', machine: 'node-1', commands: [a, b] },
      { instance: 'one@machine:node-2', machine: 'node-2', commands: [other(['c']), other(['d'])] },
    ]);
  });

  it('is left as it was by a run that found nothing to do', () => {
    const first = ran('one@machine:node-1', [a]);
    expect(performedSteps([...first, ...ran('one@machine:node-1', [])], ['node-1'])).toEqual([
      { instance: 'one@machine:node-1', machine: 'node-1', commands: [a] },
    ]);
  });
});

describe('the playbook', () => {
  const steps = [
    {
      instance: 'join@machine:node-1',
      machine: 'node-1',
      commands: [
        run(['cat', '{{ not a template }}'], { capture: 'the-id', expect: [0, 10] }),
        run(['join'], { stdin: ['token ', { secret: 'node-token' }, " it's\n"], as: 'ada' }),
        {
          kind: 'write',
          on,
          path: '/etc/x',
          text: ['id ', { captured: 'the-id' }, '\n'],
          mode: 0o640,
          owner: 'root:adm',
          before: null,
        },
        { kind: 'send', on, from: 'packages/a.deb', to: '/tmp/a.deb', sha256: '', sizeBytes: 1, mode: 0o644 },
        { kind: 'reboot', on, limitMs: 600_000 },
      ] as Command[],
    },
    { instance: 'refresh@machine:master-1', machine: 'master-1', commands: [run(['true'])] },
    { instance: 'go@machine:node-1', machine: 'node-1', commands: [run(['true'])] },
  ];
  const text = ansiblePlaybook('plant', steps);
  const plays = parse(text, { logLevel: 'error' }) as { hosts: string; tasks: Record<string, never>[] }[];

  it('is a play for each stretch of work on one machine', () => {
    expect(plays.map(({ hosts, tasks }) => [hosts, tasks.length])).toEqual([
      ['node-1', 5],
      ['master-1', 1],
      ['node-1', 1],
    ]);
  });

  it('takes secrets from the environment, unlogged, and passes captured outputs on', () => {
    const [first, join, write, send] = plays[0]?.tasks ?? [];
    expect(first).toMatchObject({
      register: 'captured_the_id',
      failed_when: expect.stringContaining('not in [0, 10]'),
    });
    expect(join).toMatchObject({
      become_user: 'ada',
      no_log: true,
      'ansible.builtin.command': {
        stdin: "{{ 'token ' ~ lookup('ansible.builtin.env', 'FIELDKIT_SECRET_NODE_TOKEN') ~ ' it\\'s\\n' }}",
      },
    });
    expect(write).toMatchObject({
      'ansible.builtin.copy': {
        content: "{{ 'id ' ~ captured_the_id.stdout ~ '\\n' }}",
        mode: '0640',
        owner: 'root',
        group: 'adm',
      },
    });
    expect(send).toMatchObject({ 'ansible.builtin.copy': { src: "{{ medium ~ '/packages/a.deb' }}" } });
  });

  it('marks text that only looks like a template', () => {
    expect(text).toContain('!unsafe "{{ not a template }}"');
  });
});

it('the inventory names hosts by role, and the way to them', () => {
  const machine = { address: 'fd00::1', release: '12', interface: 'eth0' };
  const { machines } = sitePlan.parse({
    format: 1,
    name: 'plant',
    machines: [
      { ...machine, name: 'm', roles: ['master'], user: 'ada' },
      { ...machine, name: 'n', address: 'fd00::2', roles: ['node', 'registry'], jump: 'm' },
    ],
  });
  expect(parse(ansibleInventory(machines))).toMatchObject({
    all: {
      hosts: { n: { ansible_host: 'fd00::2', ansible_ssh_common_args: '-o ProxyJump=ada@[fd00::1]:22' } },
      children: { master: { hosts: { m: {} } }, node: { hosts: { n: {} } }, registry: { hosts: { n: {} } } },
    },
  });
});

it('the shell runbook tells each step with its machine', () => {
  const text = shellRunbook('plant', [{ instance: 'one@machine:node-1', machine: 'node-1', commands: [run(['a b'])] }]);
  expect(text).toContain("# ---- one@machine:node-1\n\n# on node-1, as root\n'a b'");
});
