// What we leave installed on a master: small programs below /usr/local/lib/fieldkit, each run by a timer of systemd. Texts and
// the commands that put them in place; used by the steps that install one. Pure.
import type { Answer, Command, Probe } from '../runbook/define.ts';
import { run } from '../runbook/define.ts';
import { keptFolder } from '../target/our-paths.ts';

export interface KeptUnit {
  /** `fieldkit-…`: names of the service and its timer. */
  readonly name: string;
  readonly description: string;
  /** A text for sh. */
  readonly program: string;
  /** Lines of its [Service] that say what it may touch. */
  readonly limits: readonly string[];
}

/** Paths of a unit's three files. */
export const unitPaths = ({ name }: KeptUnit) => ({
  program: `${keptFolder}/${name}.sh`,
  service: `/etc/systemd/system/${name}.service`,
  timer: `/etc/systemd/system/${name}.timer`,
});

/** Their texts, by the same names. */
export const unitTexts = (unit: KeptUnit) => ({
  program: unit.program,
  service: `# Written by SlapOS Field Kit.
[Unit]
Description=${unit.description}
[Service]
Type=oneshot
ExecStart=/bin/sh ${unitPaths(unit).program}
NoNewPrivileges=yes
PrivateTmp=yes
ProtectHome=yes
ProtectSystem=strict
${unit.limits.map((line) => `${line}\n`).join('')}`,
  timer: `# Written by SlapOS Field Kit.
[Unit]
Description=${unit.description}, every minute
[Timer]
OnBootSec=15
OnUnitActiveSec=60
AccuracySec=1
[Install]
WantedBy=timers.target
`,
});

const parts = ['program', 'service', 'timer'] as const;

/** What is installed of a unit: its files, null where there is none, and whether its timer runs and is enabled. */
export interface UnitFacts {
  readonly program: string | null;
  readonly service: string | null;
  readonly timer: string | null;
  readonly active: boolean;
}

export const unitProbes = (unit: KeptUnit): readonly Probe[] => [
  ...parts.map((part): Probe => ({ id: part, kind: 'read', path: unitPaths(unit)[part] })),
  { id: 'active', kind: 'run', argv: ['systemctl', 'is-active', `${unit.name}.timer`] },
  { id: 'enabled', kind: 'run', argv: ['systemctl', 'is-enabled', `${unit.name}.timer`] },
];

export function unitFactsOf(answers: Readonly<Record<string, Answer>>): UnitFacts {
  const text = (id: string): string | null => (answers[id]?.exit === 0 ? (answers[id]?.out ?? '') : null);
  return {
    program: text('program'),
    service: text('service'),
    timer: text('timer'),
    active: answers.active?.exit === 0 && answers.enabled?.exit === 0,
  };
}

/** Installed as it should be, and running. */
export const unitStands = (unit: KeptUnit, facts: UnitFacts): boolean =>
  facts.active && parts.every((part) => facts[part] === unitTexts(unit)[part]);

type Simple = Extract<Command, { kind: 'run' | 'write' }>;

/** Puts the files in place, starts the timer, and lets the program run once now. */
export function unitCommands(machine: string, unit: KeptUnit, facts: UnitFacts): readonly Simple[] {
  const paths = unitPaths(unit);
  const texts = unitTexts(unit);
  const writes = parts
    .filter((part) => facts[part] !== texts[part])
    .map(
      (part): Simple => ({
        kind: 'write',
        on: { machine },
        path: paths[part],
        text: texts[part],
        before: facts[part],
        mode: 0o644,
      }),
    );
  const runs = (...argv: readonly [string, ...string[]]): Simple => run(machine, [...argv]) as Simple;
  return [
    runs('install', '-d', '-m', '0755', keptFolder),
    ...writes,
    runs('systemctl', 'daemon-reload'),
    runs('systemctl', 'enable', '--now', `${unit.name}.timer`),
    runs('systemctl', 'start', `${unit.name}.service`),
  ];
}

/** Takes a unit away again; none when nothing of it is there. */
export function unitRemoval(machine: string, unit: KeptUnit, facts: UnitFacts): readonly Simple[] {
  if (!facts.active && parts.every((part) => facts[part] === null)) return [];
  const { program, service, timer } = unitPaths(unit);
  const runs = (...argv: readonly [string, ...string[]]): Simple => run(machine, [...argv]) as Simple;
  return [
    runs('systemctl', 'disable', '--now', `${unit.name}.timer`),
    runs('systemctl', 'stop', `${unit.name}.service`),
    runs('rm', '-f', program, service, timer),
    runs('systemctl', 'daemon-reload'),
  ];
}

/** Shell text that takes a unit away again. */
export const unitUndo = (unit: KeptUnit): string => {
  const { program, service, timer } = unitPaths(unit);
  return [
    `systemctl disable --now ${unit.name}.timer`,
    `systemctl stop ${unit.name}.service`,
    `rm -f ${program} ${service} ${timer}`,
    'systemctl daemon-reload',
  ].join('; ');
};
