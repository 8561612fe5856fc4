// What `fieldkit --help` says of every command, as one page: docs/terminal.md for readers, fieldkit(1) for the installed program.
// Made from the commands themselves; written by `npm run docs`, compared by a contract test. Pure.
import type { Command, Option } from 'commander';
import { exitCodeMeanings } from './exit-codes.ts';

interface Row {
  readonly term: string;
  readonly says: string;
}

interface CommandTold {
  /** As it is typed: `fieldkit machines add [options] [names...]`. */
  readonly usage: string;
  readonly says: string;
  readonly args: readonly Row[];
  readonly options: readonly Row[];
  /** Options that many commands know, told once: `--json`. */
  readonly shared: readonly string[];
}

interface Manual {
  readonly commands: readonly CommandTold[];
  readonly shared: readonly Row[];
}

/** So many commands must know an option for it to be told once for all. */
const sharedFrom = 5;

/** The command itself where it acts, then those below it, in the order of the help. */
const withBelow = (command: Command): readonly Command[] => [
  ...(command.commands.length === 0 || command.options.length > 0 ? [command] : []),
  ...command.commands.flatMap(withBelow),
];

const optionsOf = (command: Command): readonly Option[] =>
  command
    .createHelp()
    .visibleOptions(command)
    .filter(({ long }) => long !== '--help');

function rowOf(command: Command, option: Option): Row {
  const help = command.createHelp();
  return { term: help.optionTerm(option), says: help.optionDescription(option) };
}

function manualOf(program: Command): Manual {
  const all = program.commands.flatMap(withBelow);
  const known = all.flatMap((command) => optionsOf(command).map((option) => ({ command, option })));
  const isShared = ({ flags, description }: Option): boolean =>
    known.filter(({ option }) => option.flags === flags && option.description === description).length >= sharedFrom;
  const shared = new Map(
    known.filter(({ option }) => isShared(option)).map(({ command, option }) => [option.flags, rowOf(command, option)]),
  );
  return {
    shared: [...shared.values()],
    commands: all.map((command) => {
      const help = command.createHelp();
      const own = optionsOf(command);
      return {
        usage: help.commandUsage(command).replace(' [options]', '').replace(' [command]', ''),
        says: help.commandDescription(command),
        args: help
          .visibleArguments(command)
          .map((each) => ({ term: help.argumentTerm(each), says: help.argumentDescription(each) })),
        options: own.filter((option) => !isShared(option)).map((option) => rowOf(command, option)),
        shared: own.filter(isShared).flatMap(({ long }) => long ?? []),
      };
    }),
  };
}

const places: readonly Row[] = [
  { term: '~/.local/share/slapos-field-kit/', says: 'sites, signing keys (encrypted), settings' },
  { term: '~/.cache/slapos-field-kit/', says: 'downloads that can be fetched again' },
];

const environment: readonly Row[] = [
  { term: 'FIELDKIT_HOME', says: 'one folder for everything, in place of the two below the home folder' },
  { term: 'XDG_DATA_HOME, XDG_CACHE_HOME', says: 'honoured, where FIELDKIT_HOME is not set' },
  { term: 'http_proxy, https_proxy, no_proxy', says: 'for what is fetched at the office' },
  { term: 'SSH_AUTH_SOCK', says: 'an agent that holds keys for the machines' },
];

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

const described = 'Sentences are in English or French; --json gives one JSON line a result, for programs.';

/** docs/terminal.md. */
export function terminalPage(program: Command): string {
  const { commands, shared } = manualOf(program);
  const cell = (text: string): string => text.replaceAll('|', '\\|').replace(/[<>]/g, '\\$&');
  const table = (head: string, rows: readonly Row[]): readonly string[] =>
    rows.length === 0
      ? []
      : [
          `| ${head} | |`,
          '|---|---|',
          ...rows.map(({ term, says }) => `| \`${term.replaceAll('|', '\\|')}\` | ${cell(says)} |`),
          '',
        ];
  return [
    '# On a terminal',
    '',
    `${program.description()} ${described}`,
    '',
    'In a checkout `node out/cli/fieldkit.mjs`, once built; an installed program brings `fieldkit`, which needs no display, and its manual page.',
    '',
    ...commands.flatMap(({ usage, says, args, options, shared: also }) => [
      `## ${usage.replace(/[<>[\]|].*$/, '').trim()}`,
      '',
      '```',
      usage,
      '```',
      '',
      sentence(says),
      '',
      ...table(
        'argument',
        args.filter((each) => each.says !== ''),
      ),
      ...table('option', options),
      ...(also.length === 0 ? [] : [`Also ${also.map((name) => `\`${name}\``).join(', ')}.`, '']),
    ]),
    '## Options that many commands know',
    '',
    ...table('option', shared),
    '## Exit codes',
    '',
    ...table(
      'code',
      exitCodeMeanings.map(({ code, says }) => ({ term: String(code), says })),
    ),
    '## Environment',
    '',
    ...table('name', environment),
  ].join('\n');
}

const roff = (text: string): string =>
  text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/gm, '\\&$1');
const rows = (all: readonly Row[]): readonly string[] =>
  all.flatMap(({ term, says }) => ['.TP', `.B ${roff(term)}`, roff(says)]);

/** fieldkit(1), as troff. */
export function manualPage(program: Command): string {
  const { commands, shared } = manualOf(program);
  return [
    '.TH FIELDKIT 1 "" "SlapOS Field Kit" "SlapOS Field Kit"',
    '.SH NAME',
    `fieldkit \\- ${roff('installs SlapOS on machines without a network')}`,
    '.SH SYNOPSIS',
    '.B fieldkit',
    '.I command',
    '[options]',
    '.SH DESCRIPTION',
    roff(program.description()),
    roff(described),
    '.SH COMMANDS',
    ...commands.flatMap(({ usage, says, args, options, shared: also }) => [
      '.TP',
      `.B ${roff(usage)}`,
      roff(sentence(says)),
      ...(args.some((each) => each.says !== '') || options.length > 0
        ? ['.RS', ...rows([...args.filter((each) => each.says !== ''), ...options]), '.RE']
        : []),
      ...(also.length === 0 ? [] : ['.IP', `Also ${roff(also.join(', '))}.`]),
    ]),
    '.SH OPTIONS THAT MANY COMMANDS KNOW',
    ...rows(shared),
    '.SH EXIT STATUS',
    ...rows(exitCodeMeanings.map(({ code, says }) => ({ term: String(code), says }))),
    '.SH ENVIRONMENT',
    ...rows(environment),
    '.SH FILES',
    ...rows(places),
    '',
  ].join('\n');
}
