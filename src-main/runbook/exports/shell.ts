// The site as a plain shell runbook: what was done on each machine, to read, to print, to paste. Pure.
import { quoteWord } from '../../../src-shared/quote.ts';
import { shellOf } from '../explain.ts';
import { hasMarks, type NamedAddress, type NamedSteps, withoutMarks } from './addresses.ts';

/**
 * One text for all machines, in the order of the work; each part says where it belongs. Secrets are names in brackets, the machines'
 * addresses variables at its head.
 */
export function shellRunbook(site: string, { steps, machines, left }: NamedSteps): string {
  const addresses = machines.flatMap(({ name, reached, reachedIsNamed, further }) => [
    ...(reachedIsNamed ? [`${variable(name, 0)}=${quoteWord(reached)}`] : []),
    ...further.map((address, index) => `${variable(name, index + 1)}=${quoteWord(address)}`),
  ]);
  return [
    `# What SlapOS Field Kit did on the machines of ${site}, in order. A word in brackets is a secret or an earlier output.`,
    '# It is a runbook to read and to paste part by part: what a step found beforehand is not looked at again.',
    ...(left.length === 0 ? [] : [`# Addresses that are told as they were: ${left.join(', ')}`]),
    ...(addresses.length === 0
      ? []
      : ['\n# Addresses of the machines, to be set in each shell: other ones for other machines.', ...addresses]),
    ...steps.map(
      ({ instance, commands }) =>
        `\n# ---- ${instance}\n\n${withoutMarks(shellOf(commands, inDocument), (of) => `'"${expression(of)}"'`)}`,
    ),
  ].join('\n');
}

/** The place goes before the name, which may end in anything: no two are the same. */
const variable = (machine: string, place: number): string =>
  `${place === 0 ? '' : `further_${place}_`}at_${machine.replaceAll('-', '_')}`;

/** Read by a shell inside double quotes, or in a document that it expands. */
function expression({ machine, place, form }: NamedAddress): string {
  const name = `\${${variable(machine, place)}}`;
  if (form === 'plain') return name;
  // In such a document, and within `$( )`, quotes are those of the inner command.
  return form === 'url' ? `$(echo ${name} | sed 's/:/%3A/g')` : `$(echo ${name} | sed 's/[.]/\\\\./g')`;
}

const inDocument = (text: string): string | null =>
  hasMarks(text) ? withoutMarks(text.replace(/[\\$`]/g, '\\$&'), expression) : null;
