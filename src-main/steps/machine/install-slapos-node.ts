// slapos-node with all it depends on, from our repository on the medium and from nowhere else:
// apt is given a configuration of its own, so that the machine's other sources are neither asked nor changed.
import { z } from 'zod';
import { mediumPaths } from '../../../src-shared/manifest.ts';
import { systemOf, systemsOf } from '../../../src-shared/site.ts';
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
import {
  aptArgv as apt,
  aptInstallArgv,
  aptStateFolder,
  isInstalled,
  packageStatusArgv,
  aptPaths as paths,
} from '../apt.ts';

/** Needed by SlapOS at run time, declared by no package: cron only arrives as an alternative, openssl checks the cache. */
const alongside = ['cron', 'openssl', 'ca-certificates'];

const fileFact = z.string().nullable();

export const installSlaposNode = defineStep({
  id: 'install-slapos-node',
  chapter: 'machine',
  phase: 'site',
  per: machines('builder', 'master', 'node'),
  after: [{ step: 'serve-content', on: 'same' }],
  risk: 'changes',
  holds: ['content'],
  needs: (site) =>
    systemsOf(site).flatMap((system) =>
      ['slapos-node', ...alongside].map((name) => ({ kind: 'package' as const, name, system })),
    ),
  input: z.strictObject({}),
  facts: z.strictObject({
    /** `install ok installed 1.2-3`, empty when dpkg does not know it. */
    status: z.record(z.string(), z.string()),
    slapos: z.string(),
    gcc: z.string(),
    config: fileFact,
    source: fileFact,
    key: fileFact,
  }),
  read: async (world, context) => {
    const machine = machineOfSubject(context);
    const names = ['slapos-node', ...alongside];
    const answers = await world.probe(machine.name, [
      ...names.map((name) => ({
        id: name,
        kind: 'run' as const,
        argv: packageStatusArgv(name),
      })),
      { id: 'slapos', kind: 'run', argv: ['slapos', '--version'], limitMs: 60_000 },
      { id: 'gcc', kind: 'run', argv: ['gcc', '-dumpmachine'] },
      { id: 'config', kind: 'read', path: paths.config },
      { id: 'source', kind: 'read', path: paths.source },
      { id: 'key', kind: 'read', path: paths.key },
    ]);
    const text = (id: string): string | null => (answers[id]?.exit === 0 ? (answers[id]?.out ?? '') : null);
    return {
      status: Object.fromEntries(names.map((name) => [name, text(name) ?? ''])),
      slapos: text('slapos')?.trim() ?? '',
      gcc: text('gcc')?.trim() ?? '',
      config: text('config'),
      source: text('source'),
      key: text('key'),
    };
  },
  found: ({ status, slapos, gcc }) => [
    slapos === ''
      ? says('install-slapos-node', 'found.absent')
      : says('install-slapos-node', 'found.slapos', { version: slapos }),
    gcc === ''
      ? says('install-slapos-node', 'found.noCompiler')
      : says('install-slapos-node', 'found.compiler', { system: gcc }),
    ...Object.entries(status)
      .filter(([, text]) => text !== '')
      .map(([name, text]) => {
        const [, version] = /^install ok installed (.+)$/.exec(text) ?? [];
        return version === undefined
          ? says('install-slapos-node', 'found.broken', { name, status: text })
          : says('install-slapos-node', 'found.package', { name, version });
      }),
  ],
  verdict: ({ status, slapos, gcc }, context) => {
    const version = vendorVersion(context);
    if (version === null)
      return blocked(finding('step-before-missing', { step: 'install-slapos-node', before: 'fetch-vendor-packages' }));
    const installed = ['slapos-node', ...alongside].every((name) => isInstalled(status[name] ?? ''));
    return installed && status['slapos-node']?.endsWith(` ${version}`) && slapos.startsWith('slapos ') && gcc !== ''
      ? done()
      : todo();
  },
  plan: (facts, context) => {
    const machine = machineOfSubject(context);
    const on = { machine: machine.name };
    const files: readonly (readonly [keyof typeof paths, string])[] = [
      ['key', context.lock.keys?.repositoryKey ?? ''],
      ['source', sourceText(context.site.content.port, systemOf(machine))],
      ['config', configText],
    ];
    const writes: Command[] = files
      .filter(([name, text]) => facts[name] !== text)
      .map(([name, text]) => ({ kind: 'write', on, path: paths[name], text, mode: 0o644, before: facts[name] }));
    const count = context.lock.systems[systemOf(machine)]?.packages.length ?? 0;
    return [
      run(machine.name, [
        'install',
        '-d',
        '-m',
        '0755',
        '/etc/apt/keyrings',
        `${aptStateFolder}/lists/partial`,
        `${aptStateFolder}/archives/partial`,
      ]),
      ...writes,
      run(machine.name, apt('update'), { limitMs: 300_000, note: says('install-slapos-node', 'does.update') }),
      run(machine.name, aptInstallArgv(`slapos-node=${vendorVersion(context)}`, ...alongside), {
        limitMs: 3_600_000,
        long: true,
        note: says('install-slapos-node', 'does.install', { count }),
      }),
      run(machine.name, apt('clean'), { note: says('install-slapos-node', 'does.clean') }),
    ];
  },
});

const vendorVersion = ({ lock, site, subject }: Parameters<typeof machineOfSubject>[0]): string | null =>
  lock.systems[systemOf(machineOfSubject({ lock, site, subject } as never))]?.vendor.find(
    (item) => item.name === 'slapos-node',
  )?.version ?? null;

/** apt sees this source alone, keeps its lists apart from the machine's, and never asks a proxy for the loopback. */
const configText = `// Written by SlapOS Field Kit. Used only through APT_CONFIG: the machine's own apt does not read it.
Dir::Etc::sourcelist "${paths.source}";
Dir::Etc::sourceparts "/dev/null";
Dir::State::lists "${aptStateFolder}/lists/";
Dir::Cache::archives "${aptStateFolder}/archives/";
Acquire::http::Proxy "DIRECT";
Acquire::Languages "none";
// Another program may be installing: automatic upgrades do so of their own accord.
DPkg::Lock::Timeout "600";
Dpkg::Options { "--force-confdef"; "--force-confold"; };
`;

const sourceText = (
  port: number,
  system: string,
): string => `# Written by SlapOS Field Kit: the medium, through the SSH connection.
Types: deb
URIs: http://127.0.0.1:${port}/${mediumPaths.repository(system)}
Suites: ./
Signed-By: ${paths.key}
`;
