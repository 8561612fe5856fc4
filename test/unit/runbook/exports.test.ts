import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { byMarks, nameAddresses } from '../../../src-main/runbook/exports/addresses.ts';
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
  const text = ansiblePlaybook('plant', { steps, machines: [], left: [] });
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
        stdin: "token {{ lookup('ansible.builtin.env', 'FIELDKIT_SECRET_NODE_TOKEN') }} it's\n",
      },
    });
    expect(write).toMatchObject({
      'ansible.builtin.copy': {
        content: 'id {{ captured_the_id.stdout }}\n',
        mode: '0640',
        owner: 'root',
        group: 'adm',
      },
    });
    expect(send).toMatchObject({ 'ansible.builtin.copy': { src: '{{ medium }}/packages/a.deb' } });
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
  expect(parse(ansibleInventory(machines, nameAddresses([], [], machines)))).toMatchObject({
    all: {
      hosts: { n: { ansible_host: 'fd00::2', ansible_ssh_common_args: '-o ProxyJump=ada@[fd00::1]:22' } },
      children: {
        role_master: { hosts: { m: {} } },
        role_node: { hosts: { n: {} } },
        role_registry: { hosts: { n: {} } },
      },
    },
  });
});

it('the inventory makes no template of a path that looks like one', () => {
  const { machines } = sitePlan.parse({
    format: 1,
    name: 'plant',
    machines: [
      {
        ...{ name: 'm', roles: ['master'], address: '10.0.0.1', release: '12', interface: 'eth0' },
        keyFile: "{{ lookup('pipe', 'id') }}",
      },
    ],
  });
  expect(ansibleInventory(machines, nameAddresses([], [], machines))).toMatch(
    /ansible_ssh_private_key_file: !unsafe .*lookup/,
  );
});

it('the shell runbook tells each step with its machine', () => {
  const steps = [{ instance: 'one@machine:node-1', machine: 'node-1', commands: [run(['a b'])] }];
  const text = shellRunbook('plant', { steps, machines: [], left: [] });
  expect(text).toContain("# ---- one@machine:node-1\n\n# on node-1, as root\n'a b'");
});

describe('machines whose names could be taken for something else', () => {
  const machineName = fc.oneof(
    fc.constantFrom('node', 'master', 'all', 'ungrouped', 'a', 'a-further-1', 'further-1-at-a', 'at-a', '1', '1-a'),
    fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,12}$/),
  );
  const namedAll = fc.uniqueArray(machineName, { minLength: 1, maxLength: 6 }).map((names) => {
    const { machines } = sitePlan.parse({
      format: 1,
      name: 'plant',
      machines: names.map((name, index) => ({
        ...{ name, roles: ['node'], address: `10.0.0.${index + 1}`, release: '12', interface: 'eth0' },
        addresses: [`fd00::${index + 1}/64`, `fd00::1:${index + 1}/64`],
      })),
    });
    const steps = machines.map(({ name, address, addresses }) => ({
      ...{ instance: `one@machine:${name}`, machine: name },
      commands: [
        run(['echo', name, address, ...addresses.map((range) => range.split('/')[0] ?? '')], { on: { machine: name } }),
      ],
    }));
    return { machines, named: nameAddresses(steps, [], machines) };
  });

  it('have a variable of their own for each address in a shell runbook', () => {
    fc.assert(
      fc.property(namedAll, ({ machines, named }) => {
        const said = execFileSync('sh', ['-e'], { input: shellRunbook('plant', named), encoding: 'utf8' });
        const own = machines.map(({ name, address, addresses }) =>
          [name, address, ...addresses.map((range) => range.split('/')[0])].join(' '),
        );
        expect(said.trim().split('\n')).toEqual(own);
      }),
      { numRuns: 40 },
    );
  });

  it('are not the name of a group of the inventory, and each play is for one host of it', () => {
    fc.assert(
      fc.property(namedAll, ({ machines, named }) => {
        const { all } = parse(ansibleInventory(machines, named)) as {
          all: { hosts: Record<string, { ansible_host: string }>; children: Record<string, object> };
        };
        const groups = ['all', 'ungrouped', ...Object.keys(all.children)];
        const plays = parse(ansiblePlaybook('plant', named)) as { name: string; hosts: string }[];
        expect(plays.map(({ hosts }) => groups.includes(hosts))).not.toContain(true);
        expect(plays.map(({ hosts }) => all.hosts[hosts]?.ansible_host)).toEqual(
          machines.map(({ address }) => address),
        );
      }),
      { numRuns: 100 },
    );
  });
});

describe('addresses of the machines', () => {
  const fields = { release: '12', interface: 'eth0' };
  const { machines } = sitePlan.parse({
    format: 1,
    name: 'plant',
    machines: [
      { ...fields, name: 'master-1', roles: ['master'], address: '10.0.0.1', addresses: ['fd00:0::11/64'] },
      { ...fields, name: 'node-1', roles: ['node'], address: '10.0.0.12' },
      { ...fields, name: 'node-2', roles: ['node'], address: 'node-2.lan' },
    ],
  });
  /** What was read of a machine that was reached elsewhere then, and had more addresses than the plan knows. */
  const read = [
    event({
      kind: 'facts',
      instance: 'preflight@machine:node-1',
      facts: {
        machine: { addresses: [{ address: '192.168.7.5' }, { address: 'fd00::12' }, { address: '127.0.0.1' }] },
      },
      found: [],
      verdict: { state: 'done', findings: [] },
    }),
    event({
      kind: 'facts',
      instance: 'connect@machine:node-1',
      facts: {},
      found: [{ key: 'steps.connect.found.answers', params: { machine: 'node-1', address: '192.168.7.5', port: 22 } }],
      verdict: { state: 'done', findings: [] },
    }),
    event({
      kind: 'facts',
      instance: 'preflight@machine:node-2',
      facts: { machine: { addresses: [{ address: '10.0.0.13' }] } },
      found: [],
      verdict: { state: 'done', findings: [] },
    }),
  ];
  const named = (commands: readonly Command[], machine = 'node-1') =>
    nameAddresses([{ instance: `one@machine:${machine}`, machine, commands }], read, machines);
  /** The only word of a command, taken apart: `master-1/0` for an address. */
  const told = (word: string, machine?: string): string => {
    const [command] = named([run([word])], machine).steps[0]?.commands ?? [];
    const text = command?.kind === 'run' ? String(command.argv[0]) : '';
    return byMarks(text)
      .map((part) =>
        typeof part === 'string'
          ? part
          : `<${part.machine} ${part.place}${part.form === 'plain' ? '' : ` ${part.form}`}>`,
      )
      .join('');
  };

  it.each([
    ['http://10.0.0.1/x', 'http://<master-1 0>/x'],
    ['http://10.0.0.12:80', 'http://<node-1 0>:80'],
    // Where it was reached before stands for where it is reached now.
    ['192.168.7.5', '<node-1 0>'],
    ['10.0.0.13', '<node-2 1>'],
    ['https://[fd00::11]:2155/', 'https://[<master-1 1>]:2155/'],
    ['fd00:0:0:0:0:0:0:11', '<master-1 1>'],
    ['Address=FD00::11/64\n', 'Address=<master-1 1>/64\n'],
    ['{"a": "{\\"b\\": \\"fd00::12\\"}"}', '{"a": "{\\"b\\": \\"<node-1 1>\\"}"}'],
    ['^x 10\\.0\\.0\\.1$', '^x <master-1 0 pattern>$'],
    [
      'u=http%3A%2F%2F%5Bfd00%3A%3A11%5D%2F&v=http%3A%2F%2F10.0.0.1%2F',
      'u=http%3A%2F%2F%5B<master-1 1 url>%5D%2F&v=http%3A%2F%2F<master-1 0>%2F',
    ],
    ['127.0.0.1:5050:10.0.0.1:80', '127.0.0.1:5050:<master-1 0>:80'],
    ['from 10.0.0.1.', 'from <master-1 0>.'],
    ['printf "\\n10.0.0.1\\r\\n"', 'printf "\\n<master-1 0>\\r\\n"'],
    ['::ffff:10.0.0.1', '::ffff:10.0.0.1'],
    ...[
      '10.0.0.120',
      '110.0.0.1',
      '1.10.0.0.1',
      '10.0.0.1.2',
      '10\\.0\\.0\\.1\\.2',
      '10.0.0.1.nip.io',
      'v10.0.0.1',
      'fd00::111',
      'fd00::11:1',
      'afd00::11',
      '10.0.0.0/16',
    ].map((word) => [word, word]),
  ])('%s', (word, expected) => {
    expect(told(word)).toBe(expected);
  });

  it('are not those that a plan once said wrongly, and never those of a machine that had them before', () => {
    const plan = machines.map((machine) =>
      machine.name === 'node-2' ? { ...machine, address: '10.0.0.14' } : machine,
    );
    const met = (address: string, ...more: string[]) =>
      event({
        kind: 'facts',
        instance: 'connect@machine:node-1',
        facts: {},
        found: [
          { key: 'steps.connect.found.answers', params: { machine: 'node-1', address, port: 22 } },
          { key: 'steps.connect.found.hostKey', params: { type: 'ssh-ed25519', fingerprint: 'SHA256:x' } },
          ...more.map((key) => ({ key, params: {} })),
        ],
        verdict: { state: 'todo', findings: [] },
      });
    const words = (events: readonly JournalEvent[]) => {
      const commands = [run(['10.0.0.1']), run(['10.0.0.99'])];
      const { steps, left } = nameAddresses(
        [{ instance: 'one@machine:node-1', machine: 'node-1', commands }],
        events,
        plan,
      );
      const parts = steps
        .flatMap((step) => step.commands)
        .map((item) => item.kind === 'run' && byMarks(`${item.argv[0]}`));
      return { parts, left };
    };
    const master = { machine: 'master-1', place: 0, form: 'plain' };
    // The master answered where node-1 was looked for: its key was not taken.
    expect(words([met('10.0.0.1'), met('10.0.0.99')])).toEqual({
      parts: [[master], ['10.0.0.99']],
      left: ['10.0.0.99'],
    });
    // Both have been there, one after the other: who is meant is not known.
    const root = 'steps.connect.found.root';
    expect(words([met('10.0.0.1', root), met('10.0.0.99', root)])).toEqual({
      parts: [['10.0.0.1'], [{ machine: 'node-1', place: 0, form: 'plain' }]],
      left: ['10.0.0.1'],
    });
  });

  it("are told as they were, and said to be, when they are nobody's or stand in encoded text", () => {
    const encoded = Buffer.from('listen 10.0.0.1:80').toString('base64');
    expect(
      named([run(['x', `echo ${encoded} | base64 -d`, '9.9.9.9', '10.0.0.0/16', '127.0.0.1', '0.0.0.0'])]).left,
    ).toEqual(['10.0.0.1', '9.9.9.9']);
  });

  it("are one machine's own before they are another one's, and nobody's when two others had them", () => {
    const both = [
      ...read,
      ...['node-1', 'node-2'].map((name) =>
        event({
          kind: 'facts',
          instance: `preflight@machine:${name}`,
          facts: { machine: { addresses: [{ address: '10.0.99.9' }] } },
          found: [],
          verdict: { state: 'done', findings: [] },
        }),
      ),
    ];
    const of = (machine: string) =>
      nameAddresses([{ instance: 'x@site', machine, commands: [run(['10.0.99.9'])] }], both, machines);
    expect(of('node-1').machines.map(({ further }) => further)).toEqual([[], ['10.0.99.9'], []]);
    expect(of('node-2').machines.map(({ further }) => further)).toEqual([[], [], ['10.0.99.9']]);
    expect(of('master-1').left).toEqual(['10.0.99.9']);
  });

  it('are replaced wherever they stand, and nothing else is, whatever is around them', () => {
    const known = ['10.0.0.1', '10.0.0.12', '192.168.7.5', '10.0.0.13', 'fd00::11', 'fd00::12', 'fd00:0:0::11'];
    const around = fc.stringMatching(/^[ \n"'=,;(){}[\]|<>@#&]{1,6}[ -~]{0,12}[ \n"'=,;(){}[\]|<>@#&]{1,6}$/);
    fc.assert(
      fc.property(fc.array(fc.tuple(around, fc.constantFrom(...known)), { maxLength: 6 }), around, (pairs, last) => {
        const text = [...pairs.flat(), last].join('');
        const [command] =
          named([{ kind: 'write', on, path: '/x', text, mode: 0o644, before: null }]).steps[0]?.commands ?? [];
        const parts = command?.kind === 'write' ? byMarks(String(command.text)) : [];
        // Each is found, in order.
        expect(parts.filter((part) => typeof part !== 'string')).toHaveLength(pairs.length);
        // Put back, the text is what it was.
        let at = 0;
        const back = parts.map((part) => (typeof part === 'string' ? part : pairs[at++]?.[1])).join('');
        expect(back).toBe(text);
      }),
      { numRuns: 300 },
    );
  });

  it('come from the inventory in a playbook, also in what Ansible would take for a template or for data', () => {
    const commands: Command[] = [
      run(['curl', 'http://10.0.0.12/', 'https://[fd00::11]/'], {
        stdin: ['{"at": "10.0.0.1", "with": "', { secret: 'key' }, '"}'],
      }),
      { kind: 'write', on, path: '/x', text: 'a {{ b }} 10.0.0.1 @\n', mode: 0o644, before: 'http://10.0.0.1' },
      {
        kind: 'until',
        on,
        probe: { id: 'a', kind: 'run', argv: ['http', '10.0.0.12'], limitMs: 20_000 },
        wanted: { pattern: "^it's 10\\.0\\.0\\.1" },
        everyMs: 1000,
        limitMs: 5000,
        awaited: { key: 'x', params: {} },
        evidence: [],
      },
    ];
    const text = ansiblePlaybook('plant', named(commands));
    const [play] = parse(text, { logLevel: 'error' }) as { tasks: Record<string, unknown>[] }[];
    expect(play?.tasks).toMatchObject([
      {
        name: "one@machine:node-1: curl 'http://node-1/' 'https://[master-1]/'",
        vars: { text_1: '{"at": "@1@", "with": "@3@"}' },
        'ansible.builtin.command': {
          argv: ['curl', 'http://{{ ansible_host }}/', "https://[{{ hostvars['master-1'].own_addresses[0] }}]/"],
          stdin:
            "{{ text_1 | replace('@1@', hostvars['master-1'].ansible_host) | replace('@3@', lookup('ansible.builtin.env', 'FIELDKIT_SECRET_KEY')) | string }}",
        },
      },
      {
        vars: { text_1: 'a {{ b }} @@1@@ @\n' },
        'ansible.builtin.copy': {
          content: "{{ text_1 | replace('@@1@@', hostvars['master-1'].ansible_host) | string }}",
        },
      },
      {
        'ansible.builtin.command': { argv: ['timeout', '20', 'http', '{{ ansible_host }}'] },
        until: [
          "result.stdout is search('^it\\'s ' ~ (hostvars['master-1'].ansible_host | regex_escape), multiline=true)",
        ],
      },
    ]);
    expect(text).toContain('text_1: !unsafe |\n');
    expect(text).not.toContain('10.0.0.1');
    expect(parse(ansibleInventory(machines, named(commands)))).toMatchObject({
      all: { hosts: { 'master-1': { ansible_host: '10.0.0.1', own_addresses: ['fd00::11'] } } },
    });
  });

  it('are variables at the head of a shell runbook, and read where they stand', () => {
    const commands: Command[] = [
      run(['printf', '%s|', "it's 10.0.0.1 $x", 'fd00::12', '^10\\.0\\.0\\.1', 'fd00%3A%3A12'], {}),
      run(['cat'], { stdin: 'to 10.0.0.1 `x` $y \\z ^10\\.0\\.0\\.1 fd00%3A%3A12\n' }),
    ];
    const runbook = shellRunbook('plant', named(commands));
    expect(runbook).toContain('\nat_master_1=10.0.0.1\nfurther_1_at_node_1=fd00::12\n');
    const elsewhere = runbook.replace('=10.0.0.1', '=10.5.5.5').replace('=fd00::12', '=fd05::5');
    expect(execFileSync('sh', ['-e'], { input: elsewhere, encoding: 'utf8' })).toBe(
      "it's 10.5.5.5 $x|fd05::5|^10\\.5\\.5\\.5|fd05%3A%3A5|to 10.5.5.5 `x` $y \\z ^10\\.5\\.5\\.5 fd05%3A%3A5\n",
    );
  });
});
