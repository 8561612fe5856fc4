// What of ours lies on a machine for the work only: found, and removed when the site is closed. Derived from the places that
// the steps and the machine's hands name themselves, so that nothing has to be thought of twice. Pure.
import type { Answer, Command, Probe } from '../runbook/define.ts';
import { run } from '../runbook/define.ts';
import { guardUnitPrefix, runUnitPrefix, workFolder } from '../target/our-paths.ts';
import { aptPaths } from './apt.ts';

const unitFolder = '/etc/systemd/system';
const aptFiles = Object.values(aptPaths);

export const temporaryProbes: readonly Probe[] = [
  { id: 'work', kind: 'stat', path: workFolder },
  { id: 'units', kind: 'list', path: unitFolder },
  ...aptFiles.map((path): Probe => ({ id: path, kind: 'stat', path })),
  {
    id: 'running',
    kind: 'run',
    argv: ['systemctl', 'list-units', '--no-legend', '--no-pager', '--plain', `${runUnitPrefix}*`],
  },
];

const namesOf = (answer: Answer | undefined): readonly string[] =>
  answer?.exit === 0 ? answer.out.split('\n').flatMap((line) => /^[fdlo] \d+ (.+)$/.exec(line)?.[1] ?? []) : [];

export interface TemporaryFacts {
  /** Paths, absolute. */
  readonly left: string[];
  /** Units that would take back a change which nobody confirmed. */
  readonly guards: string[];
  /** Long work that still runs: nothing is taken from under it. */
  readonly running: string[];
  /** Units of ours that go on, by name. */
  readonly kept: string[];
}

export function temporaryFactsOf(answers: Readonly<Record<string, Answer>>): TemporaryFacts {
  const units = namesOf(answers.units).filter((name) => /^fieldkit-.*\.(service|timer|mount)$/.test(name));
  const guards = units.filter((name) => name.startsWith(guardUnitPrefix));
  return {
    left: [
      ...aptFiles.filter((path) => answers[path]?.exit === 0),
      ...(answers.work?.exit === 0 ? [workFolder] : []),
      ...guards.map((name) => `${unitFolder}/${name}`),
    ].sort(),
    guards: guards.filter((name) => name.endsWith('.timer')),
    running: (answers.running?.out ?? '').split('\n').flatMap((line) => /^\s*(\S+\.service)/.exec(line)?.[1] ?? []),
    kept: units.filter((name) => !name.startsWith(guardUnitPrefix)),
  };
}

/** Takes it away. Reaching the machine is the confirmation that a guard waits for: its change stays. */
export const removeTemporary = (machine: string, { left, guards }: TemporaryFacts): readonly Command[] => [
  ...guards.map((name) => run(machine, ['systemctl', 'disable', '--now', name])),
  ...(left.length === 0 ? [] : [run(machine, ['rm', '-rf', '--', ...left], { limitMs: 300_000 })]),
  ...(guards.length === 0 ? [] : [run(machine, ['systemctl', 'daemon-reload'])]),
];
