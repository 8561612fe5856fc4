// The site as an Ansible inventory and playbook, with the builtin modules of ansible-core. Pure.
// Each command becomes one task; secrets are read from the environment where ansible-playbook runs, and their tasks not logged.
// Addresses of the site's machines are those of the inventory.
import { Document, Scalar, visit } from 'yaml';
import type { Machine } from '../../../src-shared/site.ts';
import type { Command, Probe, Text } from '../../../src-shared/step.ts';
import { lineOf } from '../explain.ts';
import { byMarks, type NamedAddress, type NamedSteps, withoutMarks } from './addresses.ts';

type Value = string | number | boolean | null | readonly Value[] | { readonly [key: string]: Value };
type Reference = Exclude<Exclude<Text, string>[number], string>;
type Task = Readonly<Record<string, Value>>;

/**
 * Hosts by role, as `inventory.yml`. A machine is reached as the plan says; passwords are asked by ansible itself. Where the playbook
 * names further addresses of a machine, they are here as `own_addresses`.
 */
export function ansibleInventory(machines: readonly Machine[], named: NamedSteps): string {
  const group = (role: string) =>
    Object.fromEntries(
      machines.filter(({ roles }) => roles.some((own) => own === role)).map(({ name }) => [hostOf(name), {}]),
    );
  const hosts = Object.fromEntries(
    machines.map(({ name, address, port, user, keyFile, jump }) => {
      const through = machines.find((item) => item.name === jump);
      const further = named.machines.find((item) => item.name === name)?.further ?? [];
      return [
        hostOf(name),
        {
          ansible_host: address,
          ansible_port: port,
          ansible_user: user,
          ...(further.length === 0 ? {} : { own_addresses: further }),
          ...(keyFile === undefined ? {} : { ansible_ssh_private_key_file: keyFile }),
          ...(through === undefined
            ? {}
            : {
                ansible_ssh_common_args: `-o ProxyJump=${through.user}@${bracketed(through.address)}:${through.port}`,
              }),
        },
      ];
    }),
  );
  const roles = [...new Set(machines.flatMap((item) => item.roles))];
  const inventory = new Document({
    all: { hosts, children: Object.fromEntries(roles.map((role) => [`role_${role}`, { hosts: group(role) }])) },
  });
  visit(inventory, {
    Scalar: (key, node) => {
      if (key === 'value') markUnsafe(node);
    },
  });
  return inventory.toString();
}

/**
 * Ansible takes the name of a group for all its machines, also where a machine has that name. Those of roles begin in a way that no
 * machine's does; a machine called as one of Ansible's own groups gets a sign more.
 */
const hostOf = (machine: string): string => (['all', 'ungrouped'].includes(machine) ? `${machine}_` : machine);

const bracketed = (address: string): string => (address.includes(':') ? `[${address}]` : address);

/** The playbook: a play for each stretch of work on one machine, in the order of the work. */
export function ansiblePlaybook(site: string, { steps, left }: NamedSteps): string {
  const plays: { readonly machine: string; readonly tasks: Task[] }[] = [];
  for (const { instance, machine, commands } of steps) {
    if (plays.at(-1)?.machine !== machine) plays.push({ machine, tasks: [] });
    plays.at(-1)?.tasks.push(...commands.flatMap((command) => tasksOf({ instance, machine }, command)));
  }
  const document = new Document(
    plays.map(({ machine, tasks }) => ({
      name: `${site}: ${machine}`,
      hosts: hostOf(machine),
      become: true,
      gather_facts: false,
      tasks,
    })),
  );
  visit(document, {
    Scalar: (_key, node) => {
      const { value } = node;
      if (typeof value !== 'string') return;
      if (value.startsWith(templated)) node.value = value.slice(templated.length);
      else markUnsafe(node);
      if (value.includes('\n')) node.type = Scalar.BLOCK_LITERAL;
    },
  });
  document.commentBefore = [
    ` What SlapOS Field Kit did on the machines of ${site}, with what it found there; it looks at nothing first.`,
    ' Secrets are taken from the environment (FIELDKIT_SECRET_…). `medium` is the folder fieldkit of the medium on the machine',
    ' that runs this. Content is asked for where the site plan says; through a connection it must be led there with ssh -R.',
    ' Addresses of the machines are those of the inventory; other machines want other ones there.',
    ...(left.length === 0 ? [] : [` Addresses that are told as they were: ${left.join(', ')}`]),
  ].join('\n');
  return document.toString({ lineWidth: 0 });
}

/** Text that only looks like a template must stay text. */
function markUnsafe(node: Scalar): void {
  if (typeof node.value === 'string' && /\{[{%#]/.test(node.value)) node.tag = '!unsafe';
}

/** Marks a text that is a template of ours; no text of a site can begin with it. */
const templated = '\u0000';

const register = (name: string): string => `captured_${name.replace(/[^a-zA-Z0-9_]/g, '_')}`;

/** What stands for a reference or an address, as an expression; `here` is the machine of the task. */
function expressionOf(of: Reference | NamedAddress, here: string): string {
  if ('secret' in of)
    return `lookup('ansible.builtin.env', 'FIELDKIT_SECRET_${of.secret.toUpperCase().replace(/[^A-Z0-9_]/g, '_')}')`;
  if ('captured' in of) return `${register(of.captured)}.stdout`;
  const host = of.machine === here ? '' : `hostvars['${hostOf(of.machine)}'].`;
  const address = of.place === 0 ? `${host}ansible_host` : `${host}own_addresses[${of.place - 1}]`;
  return `${address}${{ plain: '', pattern: ' | regex_escape', url: ' | urlencode' }[of.form]}`;
}

interface TaskTexts {
  /** The text, or the template that makes it. */
  readonly fill: (text: Text) => string;
  /** For a condition, which is an expression already. */
  readonly condition: (text: string) => string;
  /** What the task says of them besides its module; to be asked for last. */
  readonly fields: () => Task;
}

/** Texts of one task. Such as cannot be a template themselves become variables of the task, and the template fills them. */
function textsOf(here: string): TaskTexts {
  const vars: Record<string, string> = {};
  const expression = (part: Reference | NamedAddress): string => expressionOf(part, here);
  const fill = (text: Text): string => {
    const parts = (typeof text === 'string' ? [text] : text).flatMap(
      (part): readonly (string | Reference | NamedAddress)[] => (typeof part === 'string' ? byMarks(part) : [part]),
    );
    const plain = parts.filter((part) => typeof part === 'string').join('');
    const [first, ...others] = parts;
    if (first === undefined || parts.every((part) => typeof part === 'string')) return plain;
    // What looks like JSON would be taken for data, but for the outcome of this one filter.
    if (typeof first !== 'string' && !('machine' in first) && others.length === 0)
      return `${templated}{{ ${expression(first)} | string }}`;
    const beginsKnown = typeof first === 'string' ? !/^\s*\[/.test(first) : 'machine' in first;
    if (beginsKnown && !/[{}]/.test(plain))
      return templated + parts.map((part) => (typeof part === 'string' ? part : `{{ ${expression(part)} }}`)).join('');
    const name = `text_${Object.keys(vars).length + 1}`;
    let mark = '@';
    while (plain.includes(mark)) mark += '@';
    vars[name] = parts.map((part, index) => (typeof part === 'string' ? part : `${mark}${index}${mark}`)).join('');
    const fills = parts.flatMap((part, index) =>
      typeof part === 'string' ? [] : [`replace('${mark}${index}${mark}', ${expression(part)})`],
    );
    return `${templated}{{ ${[name, ...fills, 'string'].join(' | ')} }}`;
  };
  return {
    fill,
    condition: (text) =>
      byMarks(text)
        .map((part) => (typeof part === 'string' ? jinjaString(part) : `(${expression(part)})`))
        .join(' ~ '),
    fields: () => (Object.keys(vars).length === 0 ? {} : { vars }),
  };
}

const jinjaString = (text: string): string =>
  `'${text.replace(/\\/g, '\\\\').replace(/'/g, "\\'").replace(/\n/g, '\\n')}'`;
const secretIn = (text: Text | undefined): boolean =>
  Array.isArray(text) && text.some((part) => typeof part !== 'string' && 'secret' in part);

const octal = (mode: number): string => mode.toString(8).padStart(4, '0');
const medium = (path: string): string => `${templated}{{ medium }}/${path}`;

function tasksOf(of: { readonly instance: string; readonly machine: string }, command: Command): readonly Task[] {
  const texts = textsOf(of.machine);
  const named = (what: string) => ({
    name: `${of.instance}: ${withoutMarks(what, ({ machine }) => machine)
      .split('\n')[0]
      ?.slice(0, 100)}`,
  });
  switch (command.kind) {
    case 'run': {
      const { argv, stdin, expect = [0], as, capture, keeps, limitMs } = command;
      const module = {
        argv: argv.map((word) => texts.fill(typeof word === 'string' ? word : [word])),
        ...(stdin === undefined ? {} : { stdin: texts.fill(stdin), stdin_add_newline: false }),
      };
      return [
        {
          ...named(lineOf(command)),
          ...texts.fields(),
          'ansible.builtin.command': module,
          register: capture === undefined ? 'result' : register(capture),
          failed_when: `${capture === undefined ? 'result' : register(capture)}.rc | default(0) not in [${expect.join(', ')}]`,
          timeout: Math.ceil(limitMs / 1000),
          ...asWhom(as),
          ...(secretIn(stdin) || keeps !== undefined ? { no_log: true } : {}),
        },
      ];
    }
    case 'write': {
      const { path, text, mode, owner, keepCopy } = command;
      const [user, group] = owner?.split(':') ?? [];
      const module = { dest: texts.fill(path), content: texts.fill(text) };
      return [
        {
          ...named(path),
          ...texts.fields(),
          'ansible.builtin.copy': {
            ...module,
            mode: octal(mode),
            ...(user === undefined ? {} : { owner: user }),
            ...(group === undefined ? {} : { group }),
            backup: keepCopy === true,
          },
          ...(secretIn(text) ? { no_log: true } : {}),
        },
      ];
    }
    case 'send':
      return [
        {
          ...named(command.to),
          'ansible.builtin.copy': {
            src: medium(command.from),
            dest: texts.fill(command.to),
            mode: octal(command.mode),
          },
        },
      ];
    case 'copy':
      return command.files.map(({ path }) => ({
        ...named(path),
        'ansible.builtin.copy': { src: medium(path), dest: texts.fill(`${command.to}/${path}`), mode: '0644' },
      }));
    case 'receive':
      return [
        {
          ...named(command.from),
          'ansible.builtin.fetch': { src: texts.fill(command.from), dest: 'received/', fail_on_missing: true },
          when: 'not ansible_check_mode',
        },
      ];
    case 'until': {
      const { probe, wanted, everyMs, limitMs } = command;
      const { exit = null, pattern = null } = wanted;
      const argv = probeArgv(probe).map((word) => texts.fill(word));
      return [
        {
          ...named(lineOf(command)),
          ...texts.fields(),
          'ansible.builtin.command': { argv },
          register: 'result',
          changed_when: false,
          until: [
            ...(exit === null ? [] : [`result.rc == ${exit}`]),
            ...(pattern === null ? [] : [`result.stdout is search(${texts.condition(pattern)}, multiline=true)`]),
          ],
          failed_when: false,
          retries: Math.max(1, Math.floor(limitMs / everyMs)),
          delay: Math.ceil(everyMs / 1000),
          when: 'not ansible_check_mode',
          ...asWhom(probe.kind === 'run' ? probe.as : undefined),
        },
      ];
    }
    case 'reboot':
      return [{ ...named('reboot'), 'ansible.builtin.reboot': { reboot_timeout: Math.ceil(command.limitMs / 1000) } }];
    case 'guard':
      return command.commands.flatMap((inner) => tasksOf(of, inner));
    case 'get':
    case 'work':
    case 'ask':
      return [
        {
          ...named(lineOf(command)),
          'ansible.builtin.debug': { msg: `by a person or the laptop: ${lineOf(command)}` },
        },
      ];
  }
}

const asWhom = (as: string | undefined): Task =>
  as === undefined || as === 'root' ? {} : as === 'login' ? { become: false } : { become_user: as };

function probeArgv(probe: Probe): readonly string[] {
  switch (probe.kind) {
    case 'run':
      // Each try has its limit, as in the program: one that hangs would never be tried again.
      return probe.limitMs === undefined
        ? probe.argv
        : ['timeout', String(Math.ceil(probe.limitMs / 1000)), ...probe.argv];
    case 'read':
      return ['cat', '--', probe.path];
    case 'list':
      return ['ls', '-A', '--', probe.path];
    case 'stat':
      return ['stat', '--', probe.path];
  }
}
