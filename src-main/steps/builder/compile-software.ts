// Compiles on a build machine, at the office, the releases that the plan wants from it: slapos is asked, and a unit of its own on
// that machine follows the work for hours, whatever becomes of us. What is compiled already is left alone.
import { z } from 'zod';
import { compiledOn } from '../../../src-shared/site.ts';
import type { Command } from '../../runbook/define.ts';
import {
  blocked,
  defineStep,
  done,
  finding,
  machineOfSubject,
  machines,
  run,
  says,
  todo,
} from '../../runbook/define.ts';
import { urlKey } from '../../software/entry.ts';
import { compileScript } from '../../target/builder-scripts.ts';
import { parseConfig } from '../../target/slapos-config.ts';
import { releaseFolder, releaseProbes, releaseStands, slapos, slaposPaths } from '../slapos.ts';

/** slapos' own test of its largest release may take thirteen hours. */
const compileLimitMs = 24 * 3_600_000;

export const compileSoftware = defineStep({
  id: 'compile-software',
  chapter: 'prepare',
  phase: 'prepare',
  per: machines('builder'),
  after: [{ step: 'configure-proxy', on: 'same' }],
  risk: 'changes',
  holds: [],
  input: z.strictObject({}),
  facts: z.strictObject({
    computer: z.string().nullable(),
    releases: z.array(
      z.strictObject({ name: z.string(), url: z.string(), wanted: z.boolean(), completed: z.boolean() }),
    ),
  }),
  read: async (world, context) => {
    const machine = machineOfSubject(context);
    const releases = compiledOn(context.site, machine);
    const answers = await world.probe(machine.name, [
      { id: 'config', kind: 'read', path: slaposPaths.config },
      ...releaseProbes(releases.map(({ url }) => url)),
    ]);
    const config = answers.config?.exit === 0 ? answers.config.out : null;
    const where = { machine: machine.name, path: slaposPaths.config };
    return {
      computer: config === null ? null : parseConfig(config, where).get('slapos', 'computer_id'),
      releases: releases.map(({ name, url }) => {
        const { wanted, completed } = releaseStands(answers, url);
        return { name, url, wanted, completed };
      }),
    };
  },
  found: ({ releases }) =>
    releases.length === 0
      ? [says('compile-software', 'found.none')]
      : releases.map(({ name, url, wanted, completed }) =>
          says('compile-software', completed ? 'found.compiled' : wanted ? 'found.begun' : 'found.open', { name, url }),
        ),
  verdict: ({ computer, releases }, context) => {
    if (releases.every((item) => item.completed)) return done();
    return computer === null
      ? blocked(finding('slapos-not-configured', { machine: machineOfSubject(context).name }))
      : todo();
  },
  plan: ({ computer, releases }, context) => {
    const { name: machine } = machineOfSubject(context);
    const open = releases.filter((item) => !item.completed);
    return [
      ...open
        .filter((item) => !item.wanted)
        .map(({ name, url }) =>
          run(machine, slapos('supply', url, computer ?? '', '--cfg', slaposPaths.config), {
            limitMs: 120_000,
            note: says('compile-software', 'does.supply', { name }),
          }),
        ),
      ...open.map(({ name, url }): Command => {
        const md5 = urlKey(url);
        const pass = slapos('node', 'software', '--only-sr', md5, '--verbose', '--logfile', slaposPaths.softwareLog);
        return run(machine, ['sh', '-c', compileScript, 'sh', releaseFolder(md5), slaposPaths.softwareLog, ...pass], {
          limitMs: compileLimitMs,
          long: true,
          progress: { line: '\\b(?:Installing|Updating) (?<what>\\S+)\\.$', unit: 'parts' },
          note: says('compile-software', 'does.compile', { name }),
        });
      }),
    ];
  },
});
