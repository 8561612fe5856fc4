// A plan as text a person can read, paste into a shell, or print. Used by the window, the command line and the docs.
// Pure. Secrets stay references: a plan never holds one.
import { quoteArgv, quoteWord } from '../../src-shared/quote.ts';
import type { Command, Place, Text } from '../../src-shared/step.ts';

const textOf = (text: Text): string =>
  typeof text === 'string'
    ? text
    : text
        .map((part) => (typeof part === 'string' ? part : 'secret' in part ? `[${part.secret}]` : `[${part.captured}]`))
        .join('');

const placeOf = (on: Place): string => (on === 'laptop' ? 'laptop' : on.machine);

/** One line a command, as shown in the plan. */
export function lineOf(command: Command): string {
  switch (command.kind) {
    case 'run':
      return quoteArgv(command.argv.map((word) => (typeof word === 'string' ? word : `[${word.captured}]`)));
    case 'write':
      return command.path;
    case 'send':
      return `${command.from} -> ${command.to}`;
    case 'receive':
      return `${command.from} -> ${command.to}`;
    case 'copy':
      return `${command.files.length} -> ${command.to}`;
    case 'get':
      return command.url;
    case 'work':
      return command.job;
    case 'until':
      return command.probe.kind === 'run' ? quoteArgv(command.probe.argv) : command.probe.path;
    case 'reboot':
      return 'reboot';
    case 'ask':
      return command.question.id;
    case 'guard':
      return command.commands.map(lineOf).join('; ');
  }
}

/** A text as it stands in a here-document that the shell expands, null when nothing in it is to be expanded. */
type Expanded = (text: string) => string | null;

/** The plan as shell text, one block a command, each saying where and as whom. Work of the program itself is a comment. */
export const shellOf = (commands: readonly Command[], expanded: Expanded = () => null): string =>
  commands.map((command) => `${shellBlock(command, expanded).join('\n')}\n`).join('\n');

function shellBlock(command: Command, expanded: Expanded): string[] {
  switch (command.kind) {
    case 'run': {
      const where = `# on ${placeOf(command.on)}, as ${command.as ?? 'root'}`;
      if (command.stdin === undefined) return [where, lineOf(command)];
      return [where, ...here(`${lineOf(command)} `, textOf(command.stdin), expanded)];
    }
    case 'write': {
      const mode = command.mode.toString(8).padStart(4, '0');
      const path = quoteWord(command.path);
      return [
        `# on ${placeOf(command.on)}, as root`,
        ...(command.keepCopy ? [`cp -a ${path} ${quoteWord(`${command.path}.fieldkit-copy`)}`] : []),
        ...here(`cat > ${path} `, textOf(command.text), expanded),
        `chmod ${mode} ${path}${command.owner === undefined ? '' : ` && chown ${quoteWord(command.owner)} ${path}`}`,
      ];
    }
    case 'send':
      return [
        `# to ${placeOf(command.on)}, from the medium`,
        `scp ${quoteWord(command.from)} ${placeOf(command.on)}:${quoteWord(command.to)}`,
      ];
    case 'copy':
      return [
        `# to ${placeOf(command.on)}, from the medium`,
        ...command.files.map(
          ({ path }) => `scp ${quoteWord(path)} ${placeOf(command.on)}:${quoteWord(`${command.to}/${path}`)}`,
        ),
      ];
    case 'receive':
      return [
        `# from ${placeOf(command.on)}`,
        `scp ${placeOf(command.on)}:${quoteWord(command.from)} ${quoteWord(command.to)}`,
      ];
    case 'get':
      return ['# on the laptop', `curl --fail --location --output ${quoteWord(command.to)} ${quoteWord(command.url)}`];
    case 'until':
      return [
        `# on ${placeOf(command.on)}: repeat every ${command.everyMs / 1000} s, at most ${command.limitMs / 1000} s`,
        `# ${lineOf(command).replaceAll('\n', '\n# ')}`,
      ];
    case 'reboot':
      return [`# on ${placeOf(command.on)}, as root`, 'reboot'];
    case 'guard':
      return [
        `# undone on ${placeOf(command.on)} after ${command.confirmWithinMs / 1000} s unless confirmed over a fresh connection`,
        ...command.commands.flatMap((inner) => shellBlock(inner, expanded)),
      ];
    case 'work':
      return [`# done by the program on the laptop: ${command.job} ${JSON.stringify(command.args)}`];
    case 'ask':
      return [`# a person answers: ${command.question.id}`];
  }
}

/** A here-document whose end mark the text does not hold. */
function here(head: string, text: string, expanded: Expanded): string[] {
  let mark = 'END';
  while (text.split('\n').includes(mark)) mark += '_';
  const open = expanded(text);
  return [`${head}<<${open === null ? `'${mark}'` : mark}`, ...(open ?? text).replace(/\n$/, '').split('\n'), mark];
}
