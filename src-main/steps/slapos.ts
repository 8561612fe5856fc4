// How the steps call slapos and where its files are: one definition for all of them. Facts: slapos.core 1.10 to 1.26.

import { type Release, releasesFor, type SitePlan, systemOf } from '../../src-shared/site.ts';
import type { Answer, Command, Need, Probe } from '../runbook/define.ts';
import { run, says, type Told } from '../runbook/define.ts';
import { urlKey } from '../software/entry.ts';
import { bootSettledScript, setAsideScript } from '../target/release-scripts.ts';
import { withSlaposEnvironment } from '../target/services.ts';
import { parseSoftwareLog } from '../target/slapos-output.ts';
import { withoutConnection } from '../target/slapproxy.ts';
import { httpStatus, httpStatusArgv } from '../target/system.ts';

export const slaposPaths = {
  config: '/etc/opt/slapos/slapos.cfg',
  proxyConfig: '/etc/opt/slapos/slapos-proxy.cfg',
  softwareRoot: '/opt/slapgrid',
  softwareLog: '/opt/slapos/log/slapos-node-software.log',
  instanceLog: '/opt/slapos/log/slapos-node-instance.log',
} as const;

export const slapos = (...words: readonly string[]): string[] => withSlaposEnvironment('slapos', ...words);

/** One line a partition: its number of IPv6 addresses is what formatting must have given it. */
export const partitionsScript =
  'for f in /srv/slapgrid/slappart*/.slapos-resource; do [ -e "$f" ] && tr -d "\\n" < "$f" && echo; done; exit 0';
/** Partitions that have an IPv4 and an IPv6 address, in what the script prints. */
export const countPartitions = (out: string): number =>
  out.split('\n').filter((line) => /"addr": "[^"]*:/.test(line) && /"addr": "\d+\./.test(line)).length;

/** The releases that machines of the site install, all or one of them: what they ask the cache for. */
export const releaseNeeds = (site: SitePlan, only?: Release['name']): readonly Need[] =>
  site.machines.flatMap((machine) =>
    releasesFor(site, machine)
      .filter(({ name }) => only === undefined || name === only)
      .map(({ name, url }) => ({ kind: 'release', name, url, system: systemOf(machine) })),
  );

/** Folder of an installed release; its name is the md5 of the URL. */
export const releaseFolder = (md5: string): string => `${slaposPaths.softwareRoot}/${md5}`;

/** Asks for an instance with a file of parameters. Positionals come first: the options would take them for theirs. */
export const requestArgv = (name: string, url: string, parametersFile: string): string[] => [
  'sh',
  '-c',
  withoutConnection,
  'sh',
  ...slapos(
    'request',
    name,
    url,
    '--cfg',
    slaposPaths.config,
    // Without it slapos would fetch a schema from the network to learn how to write them.
    '--force-serialisation',
    'json-in-xml',
    '--parameters-file',
    parametersFile,
  ),
];

// ---------------------------------------------------------------- slapproxy

export const proxyPort = 8080;
export const proxyProbe: Probe = {
  id: 'proxy',
  kind: 'run',
  argv: httpStatusArgv(proxyPort, 'GET', '/getRunId'),
  limitMs: 20_000,
};
export const proxyAnswers = (answers: Readonly<Record<string, Answer>>): boolean =>
  httpStatus(answers.proxy?.out ?? '') === 200;

/** Waits until slapproxy answers. */
export const awaitProxy = (machine: string): Command => ({
  kind: 'until',
  on: { machine },
  probe: proxyProbe,
  wanted: { pattern: '^HTTP/1\\.[01] 200' },
  everyMs: 2000,
  limitMs: 180_000,
  awaited: says('configure-proxy', 'waits.proxy'),
  evidence: [{ id: 'log', kind: 'run', argv: ['tail', '-n', '50', '/opt/slapos/log/slapos-proxy.log'] }],
});

/**
 * Starts slapproxy where slapos is configured, and waits for it: after a boot cron would do so within a minute, and one that was
 * stopped by hand stays so. slapgrid makes and starts supervisord; exit codes tell of partitions, or that it runs already.
 */
export const wakeProxy = (machine: string): readonly Command[] => [
  run(machine, ['sh', '-c', bootSettledScript], { limitMs: 300_000, note: says('configure-proxy', 'does.settle') }),
  run(machine, slapos('node', 'instance'), {
    limitMs: 600_000,
    long: true,
    expect: [0, 1, 2, 3, 10],
    note: says('configure-proxy', 'does.wake'),
  }),
  run(machine, slapos('node', 'start', 'slapproxy'), { limitMs: 60_000, expect: [0, 1, 2, 3, 7] }),
  awaitProxy(machine),
];

// ---------------------------------------------------------------- releases on a machine

/** Asks what slapproxy was asked to install, and what stands of these releases. */
export const releaseProbes = (urls: readonly string[]): readonly Probe[] => [
  {
    id: 'wishes',
    kind: 'run',
    argv: slapos('proxy', 'show', '--cfg', slaposPaths.proxyConfig, '--software'),
    as: 'root',
    limitMs: 60_000,
  },
  { id: 'software log', kind: 'run', argv: ['tail', '-n', '200', slaposPaths.softwareLog], as: 'root' },
  ...urls.flatMap((url): Probe[] => [
    { id: `${url} folder`, kind: 'stat', path: releaseFolder(urlKey(url)) },
    { id: `${url} completed`, kind: 'stat', path: `${releaseFolder(urlKey(url))}/.completed` },
  ]),
];

/**
 * What the answers say of one release. `poisoned`: its folder is there, unfinished, though nobody asked for it, or slapos
 * itself says that it is in the way: the cache is never asked again then. Any other unfinished folder may be being unpacked.
 */
export function releaseStands(
  answers: Readonly<Record<string, Answer>>,
  url: string,
): { readonly wanted: boolean; readonly completed: boolean; readonly poisoned: boolean } {
  const wanted = (answers.wishes?.out ?? '').includes(url);
  const completed = answers[`${url} completed`]?.exit === 0;
  const { failure, detail } = parseSoftwareLog(answers['software log']?.out ?? '');
  const inTheWay = failure === 'poisoned' && detail.includes(urlKey(url));
  return { wanted, completed, poisoned: answers[`${url} folder`]?.exit === 0 && !completed && (!wanted || inTheWay) };
}

/** Puts a half-built release out of the way without deleting anything. */
export const setAside = (machine: string, url: string, note: Told): Command =>
  run(machine, ['sh', '-c', setAsideScript, 'sh', releaseFolder(urlKey(url))], { limitMs: 180_000, note });
