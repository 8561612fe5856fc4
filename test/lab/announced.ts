/**
 * Whether a step changed what its plan had announced, and nothing else: a machine is read before and after each step of a walk, and
 * every difference must be explained by a command that was shown before it was performed. Used by announced.test.ts.
 * Must never explain more than a command says: what a program changes file by file, as dpkg does, is named below by what its words mean.
 */
import { expect } from 'vitest';
import stepTexts from '../../resources/locales/en/steps.json' with { type: 'json' };
import { lineOf } from '../../src-main/runbook/explain.ts';
import type { Command, Plan, Text, Told } from '../../src-shared/step.ts';
import type { LabMachine } from './machine.ts';
import type { CliResult, Laptop } from './site.ts';
import { diffSnapshots, ofTheStandIn, takeSnapshot } from './snapshot.ts';

/** What a command's words mean, for commands that do not name every file. */
interface Meaning {
  readonly says: RegExp;
  /** Of a command that changes many files: how the sentence beside it names them. */
  readonly told?: RegExp;
  /** Keys of a snapshot, or whole lines of a difference. */
  readonly changes: readonly RegExp[];
}

const users = /^file \/etc\/(passwd|shadow|group|gshadow|subuid|subgid)$/;
const tables = /^table /;

const meanings: readonly Meaning[] = [
  {
    says: /apt-get install|dpkg .*--configure/,
    told: /^(Installs|Brings) /,
    // Besides the packages' own files, which are asked of dpkg: what their scripts and triggers write.
    changes: [
      /^package /,
      users,
      /^file \/var\/lib\/(dpkg|apt|fieldkit\/apt|python|ucf|pam|polkit-1|dbus|private)(\/|$)/,
      /^file \/etc\/(ld\.so\.cache|alternatives|rc[0-9S]\.d|ssl|ca-certificates|init\.d|default|systemd\/(system|user)|pam\.d|apparmor\.d|shells|cron\.d|opt\/slapos)(\/|$|\.)/,
      /^file \/(opt\/slapos|srv\/slapgrid|opt\/slapgrid|usr\/local|usr\/share|usr\/lib)(\/|$)/,
      /^file \S+: link \/etc\/alternatives\//,
      /^file \/etc\/(inputrc|python3(\/debian_config)?)$/,
      // The program that a package brought was called once.
      /^file \/root\/\.cache$/,
    ],
  },
  { says: /apt-get update/, changes: [/^file \/var\/lib\/fieldkit\/apt(\/|$)/] },
  { says: /apt-get clean/, changes: [/^file \/var\/lib\/fieldkit\/apt\/archives(\/|$)/] },
  {
    says: /slapos configure local/,
    told: /users, folders and addresses.*\/root\/\.slapos/,
    changes: [
      users,
      tables,
      /^file \/(etc\/opt|opt|srv)(\/|$)/,
      /^file \/etc\/cron\.d\//,
      /^file \/root\/\.slapos(\/|$)/,
    ],
  },
  { says: /slapos supply/, told: /\/opt\/slapgrid/, changes: [tables, /^file \/opt\/slapgrid(\/|$)/] },
  { says: /slapos request/, told: /\/srv\/slapgrid/, changes: [tables, /^file \/srv\/(slapgrid|slapcommon)(\/|$)/] },
  {
    // The master itself keeps what is written into its form; the stand-in in this file.
    says: / write \S+ \S+ \/srv\/slapcommon\//,
    told: /into the form/,
    changes: [/^file \/srv\/slapgrid\/slappart\d+\/var\/portal_certificate_authority\.json$/],
  },
  { says: /\b(groupadd|useradd|usermod|gpasswd|adduser)\b/, changes: [users] },
  { says: /systemctl (enable|disable)/, changes: [/^file \/etc\/systemd\/system\/[^/]+\.wants(\/|$)/] },
  { says: /systemctl start fieldkit-redirect-/, changes: [/^nft /] },
  { says: /systemctl start fieldkit-ca-folder/, changes: [/^file \/srv\/slapcommon(\/|$)/] },
];

/** Words that make, move or remove exactly what they name, and what lies below. */
const handlesPaths = /^(install|mkdir|rm|rmdir|cp|mv|ln|tar|chmod|chown|chgrp|setfacl|touch|sh|env)$/;
const pathsIn = (text: string): readonly string[] => text.match(/(?<![\w.~-])\/[\w.@%+:-]+(?:\/[\w.@%+:-]+)+/g) ?? [];
const plain = (text: Text | undefined): string =>
  text === undefined ? '' : typeof text === 'string' ? text : text.filter((part) => typeof part === 'string').join('');

/** Everything a command names: files it writes, and paths among the words of such as handle them. */
function namedBy(command: Command): readonly string[] {
  switch (command.kind) {
    case 'write':
      return [command.path, `${command.path}.fieldkit-copy`];
    case 'send':
      return [command.to];
    case 'copy':
      return [command.to];
    case 'guard':
      return command.commands.flatMap(namedBy);
    case 'run': {
      const [program = '', ...words] = command.argv.map((word) => (typeof word === 'string' ? word : ''));
      const long = command.long === true ? ['/var/lib/fieldkit/runs'] : [];
      return handlesPaths.test(program) ? [...long, ...pathsIn([...words, plain(command.stdin)].join(' '))] : long;
    }
    default:
      return [];
  }
}

const linesOf = (command: Command): readonly string[] =>
  command.kind === 'guard' ? command.commands.flatMap(linesOf) : [lineOf(command)];

/** The commands that were begun, of the plans as they were shown. */
function begun({ lines }: CliResult): readonly Command[] {
  const plans = new Map<string, Plan>();
  return lines.flatMap((line) => {
    if (line.kind === 'plan') plans.set((line.plan as Plan).hash, line.plan as Plan);
    const command =
      line.kind === 'command-started' ? plans.get(String(line.hash))?.commands[Number(line.index)] : undefined;
    return command === undefined ? [] : [command];
  });
}

/** Files of all installed packages, as dpkg lists them; some still by the name that they had before `/usr` was merged. */
async function packageFiles(machine: LabMachine): Promise<ReadonlySet<string>> {
  const listed = (await machine.mustShell('cat /var/lib/dpkg/info/*.list')).split('\n');
  return new Set(listed.flatMap((path) => [path, path.replace(/^\/(bin|sbin|lib|lib64)\//, '/usr/$1/')]));
}

/** A sentence of a step as English readers have it, with its parameters' names. */
function sentence(said: Told | undefined): string {
  const [, ...keys] = said?.key.split('.') ?? [];
  const own = keys.slice(0, -1).reduce<unknown>((below, key) => (below as Record<string, unknown>)?.[key], stepTexts);
  const name = keys.at(-1) ?? '';
  const all = (own ?? {}) as Record<string, string>;
  return all[name] ?? all[`${name}_other`] ?? '';
}

const keyOf = (difference: string): string => /^[-+] (.*?): /.exec(difference)?.[1] ?? difference;

/**
 * Goes through these steps one by one, and says of each what it changed unannounced: differences that no shown command explains.
 * Fails where a step does not come to its end, or where a command that changes many files has no sentence beside it.
 */
export async function walkAnnounced(
  laptop: Laptop,
  machine: LabMachine,
  steps: readonly string[],
): Promise<Readonly<Record<string, readonly string[]>>> {
  const unannounced: Record<string, readonly string[]> = {};
  let before = await takeSnapshot(machine);
  for (const step of steps) {
    const run = await laptop.fieldkit(['run', step, '--yes', '--answers', laptop.answersPath]);
    expect(run.code, run.stdout.slice(-6000) + run.stderr).toBe(0);
    const after = await takeSnapshot(machine);
    const commands = begun(run);
    const lines = commands.flatMap(linesOf);
    const meant = meanings.filter(({ says }) => lines.some((line) => says.test(line)));
    for (const command of commands.filter((one) => one.kind === 'run'))
      for (const { told } of meanings.filter(({ says }) => says.test(lineOf(command))))
        if (told !== undefined) expect(sentence(command.note), `${step}: ${lineOf(command)}`).toMatch(told);
    const named = commands.flatMap(namedBy);
    const installs = meant.some((one) => one === meanings[0]);
    const ofPackages = installs ? await packageFiles(machine) : new Set<string>();
    const isNamed = (key: string, difference: string): boolean => {
      const path = /^file (.*)$/.exec(key)?.[1];
      if (path === undefined) return false;
      if (ofPackages.has(path)) return true;
      // Folders on the way to what is named are made with it.
      const onTheWay = /: folder /.test(difference) && named.some((one) => one.startsWith(`${path}/`));
      return onTheWay || named.some((one) => path === one || path.startsWith(`${one}/`));
    };
    const open = diffSnapshots(before, after).filter((difference) => {
      const key = keyOf(difference);
      if (ofTheStandIn.test(key)) return false;
      return (
        !isNamed(key, difference) &&
        !meant.some(({ changes }) => changes.some((one) => one.test(key) || one.test(difference.slice(2))))
      );
    });
    if (open.length > 0) unannounced[step] = open;
    before = after;
  }
  return unannounced;
}
