// What a page shows as the same on a terminal is a command that the command line takes, word for word; and every one is shown.
// That everything the window asks for has a command is shown by test/integration/cli.test.ts.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { program } from '../../src-main/cli/program.ts';
import { type TerminalForm, terminalForms } from '../../src-shared/terminal-forms.ts';

const asked = { name: 'plant', master: '10.0.0.1', interface: 'eth0', user: 'root', system: 'debian-12' };

/** Each form as a page would show it. */
const shown: Readonly<Record<TerminalForm, readonly string[]>> = {
  newSite: terminalForms.newSite({ ...asked, nodes: ['10.0.0.2'], re6st: 'fdbb:eb3c:1b95::/48', domain: 'a.example' }),
  editPlan: terminalForms.editPlan('/home/ada/sites/plant/site.yaml'),
  takeOver: terminalForms.takeOver('/media/ada/FIELD'),
  practise: terminalForms.practise(),
  fault: terminalForms.fault('other-host-key', 'on'),
  check: terminalForms.check('plant'),
  runStep: terminalForms.runStep('plant', 'choose-medium@site', { path: '/media/ada/FIELD' }),
  runAll: terminalForms.runAll('plant', ['master', 'node'], { 'choose-medium@site': { path: '/media/ada/FIELD' } }),
  undo: terminalForms.undo('plant', 'use-cache@machine:master-1'),
  showPassword: terminalForms.showPassword('plant', 'first-login@machine:master-1'),
  sheet: terminalForms.sheet('plant'),
  addMachines: terminalForms.addMachines('plant', ['node-1', '--address', '10.0.0.2', '--role', 'node']),
  renewMachine: terminalForms.renewMachine('plant', 'node-1'),
  removeMachine: terminalForms.removeMachine('plant', 'node-1', true),
  exportKeys: terminalForms.exportKeys('plant'),
  importKeys: terminalForms.importKeys('plant'),
  listMedia: terminalForms.listMedia(),
  showMedium: terminalForms.showMedium('/media/ada/FIELD'),
  verifyMedium: terminalForms.verifyMedium('/media/ada/FIELD', '5b'.repeat(32)),
  compareMedia: terminalForms.compareMedia('/media/ada/FIELD', '/media/ada/OTHER'),
  cloneMedium: terminalForms.cloneMedium('/media/ada/FIELD', '/media/ada/OTHER'),
  repairMedium: terminalForms.repairMedium('/dev/sdb1', true),
  restoreMedium: terminalForms.restoreMedium('/media/ada/FIELD', 2),
  cleanMedium: terminalForms.cleanMedium('/media/ada/FIELD', true),
  listCache: terminalForms.listCache(),
  verifyCache: terminalForms.verifyCache(),
  clearCache: terminalForms.clearCache(90),
  limitCache: terminalForms.limitCache(50),
  survey: terminalForms.survey('plant', ['master-1']),
  testSources: terminalForms.testSources('plant'),
  exportSite: terminalForms.exportSite('plant', 'ansible'),
  rehearse: terminalForms.rehearse('plant'),
  format: terminalForms.format('/dev/sdb', 'exfat', 'FIELDKIT'),
  verifyRecord: terminalForms.verifyRecord('/home/ada/sites/plant/record/0001'),
  support: terminalForms.support('plant', true),
};

/** The command that these words reach, and what is left of them. */
function reached(words: readonly string[]): { readonly command: Command; readonly rest: readonly string[] } {
  let command: Command = program;
  let rest = words.slice(1);
  for (;;) {
    const [first] = rest;
    const below = command.commands.find((one) => one.name() === first);
    if (below === undefined) return { command, rest };
    command = below;
    rest = rest.slice(1);
  }
}

const pages = path.resolve(import.meta.dirname, '../../src-renderer');
const sources = readdirSync(pages, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.tsx'))
  .map((name) => readFileSync(path.join(pages, name), 'utf8'))
  .join('\n');

/** Of another program: any editor opens the plan. */
const { editPlan: _editor, ...ours } = shown;

describe.each(Object.entries(ours))('%s', (_form, argv) => {
  it('is a command that the command line takes', () => {
    expect(argv[0]).toBe('fieldkit');
    const { command, rest } = reached(argv);
    expect(command, argv.join(' ')).not.toBe(program);
    const { operands, unknown } = command.parseOptions([...rest]);
    expect(unknown).toEqual([]);
    const args = command.registeredArguments;
    expect(operands.length).toBeGreaterThanOrEqual(args.filter(({ required }) => required).length);
    if (!args.some(({ variadic }) => variadic)) expect(operands.length).toBeLessThanOrEqual(args.length);
    for (const { mandatory, long } of command.options) if (mandatory) expect(rest).toContain(long);
  });
});

it.each(Object.keys(shown))('%s is shown on a page', (form) => {
  expect(sources).toContain(`terminalForms.${form}(`);
});
