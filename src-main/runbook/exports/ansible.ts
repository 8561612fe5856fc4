// The site as an Ansible inventory and playbook, with the builtin modules of ansible-core. Pure.
// Each command becomes one task; secrets are read from the environment where ansible-playbook runs, and their tasks not logged.
import { Document, Scalar, stringify, visit } from 'yaml';
import type { Machine } from '../../../src-shared/site.ts';
import type { Command, Probe, Text } from '../../../src-shared/step.ts';
import { lineOf } from '../explain.ts';
import type { PerformedStep } from './performed.ts';

type Value = string | number | boolean | null | readonly Value[] | { readonly [key: string]: Value };
type Reference = Exclude<Exclude<Text, string>[number], string>;
type Task = Readonly<Record<string, Value>>;

/** Hosts by role, as `inventory.yml`. A machine is reached as the plan says; passwords are asked by ansible itself. */
export function ansibleInventory(machines: readonly Machine[]): string {
  const group = (role: string) =>
    Object.fromEntries(machines.filter(({ roles }) => roles.some((own) => own === role)).map(({ name }) => [name, {}]));
  const hosts = Object.fromEntries(
    machines.map(({ name, address, port, user, keyFile, jump }) => {
      const through = machines.find((item) => item.name === jump);
      return [
        name,
        {
          ansible_host: address,
          ansible_port: port,
          ansible_user: user,
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
  return stringify({
    all: { hosts, children: Object.fromEntries(roles.map((role) => [role, { hosts: group(role) }])) },
  });
}

const bracketed = (address: string): string => (address.includes(':') ? `[${address}]` : address);

/** The playbook: a play for each stretch of work on one machine, in the order of the work. */
export function ansiblePlaybook(site: string, steps: readonly PerformedStep[]): string {
  const plays: { readonly machine: string; readonly tasks: Task[] }[] = [];
  for (const { instance, machine, commands } of steps) {
    if (plays.at(-1)?.machine !== machine) plays.push({ machine, tasks: [] });
    plays.at(-1)?.tasks.push(...commands.flatMap((command) => tasksOf(instance, command)));
  }
  const document = new Document(
    plays.map(({ machine, tasks }) => ({
      name: `${site}: ${machine}`,
      hosts: machine,
      become: true,
      gather_facts: false,
      tasks,
    })),
  );
  // Text that only looks like a template must stay text.
  visit(document, {
    Scalar: (_key, node) => {
      const { value } = node;
      if (typeof value !== 'string') return;
      if (value.startsWith(templated)) node.value = value.slice(templated.length);
      else if (/\{[{%#]/.test(value)) node.tag = '!unsafe';
      if (value.includes('\n')) node.type = Scalar.BLOCK_LITERAL;
    },
  });
  document.commentBefore = [
    ` What SlapOS Field Kit did on the machines of ${site}, with what it found there; it looks at nothing first.`,
    ' Secrets are taken from the environment (FIELDKIT_SECRET_…). `medium` is the folder fieldkit of the medium on the machine',
    ' that runs this. Content is asked for where the site plan says; through a connection it must be led there with ssh -R.',
  ].join('\n');
  return document.toString({ lineWidth: 0 });
}

/** Marks a text that is a template of ours; no text of a site can begin with it. */
const templated = '\u0000';

const register = (name: string): string => `captured_${name.replace(/[^a-zA-Z0-9_]/g, '_')}`;
const variable = (part: Reference): string =>
  'secret' in part
    ? `lookup('ansible.builtin.env', 'FIELDKIT_SECRET_${part.secret.toUpperCase().replace(/[^A-Z0-9_]/g, '_')}')`
    : `${register(part.captured)}.stdout`;
/** A text with references, as one template; its plain parts are quoted as Jinja strings. */
const template = (parts: readonly (string | Reference)[]): string =>
  `${templated}{{ ${parts.map((part) => (typeof part === 'string' ? jinjaString(part) : variable(part))).join(' ~ ')} }}`;
const jinjaString = (text: string): string =>
  `'${text.replace(/\\/g, '\\\\').replace(/'/g, "\\'").replace(/\n/g, '\\n')}'`;
const textOf = (text: Text): string => (typeof text === 'string' ? text : template(text));
const secretIn = (text: Text | undefined): boolean =>
  Array.isArray(text) && text.some((part) => typeof part !== 'string' && 'secret' in part);

const octal = (mode: number): string => mode.toString(8).padStart(4, '0');
const medium = (path: string): string => `${templated}{{ medium ~ ${jinjaString(`/${path}`)} }}`;

function tasksOf(instance: string, command: Command): readonly Task[] {
  const named = (what: string) => ({ name: `${instance}: ${what.split('\n')[0]?.slice(0, 100)}` });
  switch (command.kind) {
    case 'run': {
      const { argv, stdin, expect = [0], as, capture, keeps, limitMs } = command;
      return [
        {
          ...named(lineOf(command)),
          'ansible.builtin.command': {
            argv: argv.map((word) => (typeof word === 'string' ? word : template([word]))),
            ...(stdin === undefined ? {} : { stdin: textOf(stdin), stdin_add_newline: false }),
          },
          register: capture === undefined ? 'result' : register(capture),
          failed_when: `${capture === undefined ? 'result' : register(capture)}.rc | default(0) not in [${expect.join(', ')}]`,
          timeout: Math.ceil(limitMs / 1000),
          ...(as === undefined || as === 'root' ? {} : as === 'login' ? { become: false } : { become_user: as }),
          ...(secretIn(stdin) || keeps !== undefined ? { no_log: true } : {}),
        },
      ];
    }
    case 'write': {
      const { path, text, mode, owner, keepCopy } = command;
      const [user, group] = owner?.split(':') ?? [];
      return [
        {
          ...named(path),
          'ansible.builtin.copy': {
            dest: path,
            content: textOf(text),
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
          'ansible.builtin.copy': { src: medium(command.from), dest: command.to, mode: octal(command.mode) },
        },
      ];
    case 'copy':
      return command.files.map(({ path }) => ({
        ...named(path),
        'ansible.builtin.copy': { src: medium(path), dest: `${command.to}/${path}`, mode: '0644' },
      }));
    case 'receive':
      return [
        {
          ...named(command.from),
          'ansible.builtin.fetch': { src: command.from, dest: 'received/', fail_on_missing: true },
          when: 'not ansible_check_mode',
        },
      ];
    case 'until': {
      const { probe, wanted, everyMs, limitMs } = command;
      const { exit = null, pattern = null } = wanted;
      return [
        {
          ...named(lineOf(command)),
          'ansible.builtin.command': { argv: probeArgv(probe) },
          register: 'result',
          changed_when: false,
          until: [
            ...(exit === null ? [] : [`result.rc == ${exit}`]),
            ...(pattern === null ? [] : [`result.stdout is search(${jinjaString(pattern)}, multiline=true)`]),
          ],
          failed_when: false,
          retries: Math.max(1, Math.floor(limitMs / everyMs)),
          delay: Math.ceil(everyMs / 1000),
          when: 'not ansible_check_mode',
        },
      ];
    }
    case 'reboot':
      return [{ ...named('reboot'), 'ansible.builtin.reboot': { reboot_timeout: Math.ceil(command.limitMs / 1000) } }];
    case 'guard':
      return command.commands.flatMap((inner) => tasksOf(instance, inner));
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

function probeArgv(probe: Probe): readonly string[] {
  switch (probe.kind) {
    case 'run':
      return probe.argv;
    case 'read':
      return ['cat', '--', probe.path];
    case 'list':
      return ['ls', '-A', '--', probe.path];
    case 'stat':
      return ['stat', '--', probe.path];
  }
}
