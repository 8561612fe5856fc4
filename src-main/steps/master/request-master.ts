// Asks slapproxy for the master's instance and waits until it has come together, which takes many passes of slapgrid.
// Must never ask again while that goes on; a parameter that changed is sent with all the others, or they would be forgotten.
import { z } from 'zod';
import { canonicalJson, json } from '../../../src-shared/json.ts';
import type { Release } from '../../../src-shared/site.ts';
import type { AnyContext, Command, World } from '../../runbook/define.ts';
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
  waiting,
} from '../../runbook/define.ts';
import { workFolder } from '../../target/our-paths.ts';
import {
  parseSlapproxyState,
  slapproxyAskArgv,
  slapproxyEvidenceArgv,
  slapproxyProgram,
  slapproxyProgramPath,
  slapproxyStateArgv,
} from '../../target/slapproxy.ts';
import { masterParameters } from '../master-parameters.ts';
import { proxyAnswers, proxyProbe, requestArgv, wakeProxy } from '../slapos.ts';
import { isUnfinished, waitedInVain } from '../unfinished.ts';

const parametersFolder = `${workFolder}/parameters`;

export const askedFacts = z.strictObject({
  /** slapproxy's database could be read. */
  known: z.boolean(),
  /** slapproxy answers: a machine that has just booted takes its time. */
  proxy: z.boolean(),
  instance: z
    .strictObject({
      release: z.string(),
      requestedState: z.string(),
      parameters: z.record(z.string(), json),
      families: z.array(z.string()),
      address: z.string().nullable(),
      children: z.int(),
      /** Every partition of it was built from the release asked for. */
      moved: z.boolean(),
    })
    .nullable(),
  /** Releases that any partition of the machine was asked for with. */
  used: z.array(z.string()),
  /** Promises that are not kept, `slappart3 title`. */
  failing: z.array(z.string()),
  /** Partitions that slapproxy knows and the machine has not. */
  missing: z.array(z.string()),
  /** Partitions that slapgrid has not brought to what was asked last. */
  behind: z.array(z.string()),
  /** Its web server takes connections. */
  answers: z.boolean(),
  /** Our program that asks slapproxy, as it is on the machine. */
  program: z.string().nullable(),
  /** The parameters' file of the last request. */
  file: z.string().nullable(),
});
type AskedFacts = z.infer<typeof askedFacts>;

/** What was asked of slapproxy for the master, and how far it is. */
export async function readAsked(world: World, context: AnyContext): Promise<AskedFacts> {
  const { master } = context.site;
  const answers = await world.probe(machineOfSubject(context).name, [
    { id: 'state', kind: 'run', argv: slapproxyStateArgv(master.instance), limitMs: 60_000 },
    proxyProbe,
    { id: 'program', kind: 'read', path: slapproxyProgramPath },
    { id: 'file', kind: 'read', path: fileOf(master.instance) },
  ]);
  const state = parseSlapproxyState(answers.state?.exit === 0 ? answers.state.out : '');
  const instance = state?.instance ?? null;
  return {
    known: state !== null,
    proxy: proxyAnswers(answers),
    instance:
      instance === null
        ? null
        : {
            release: instance.release,
            requestedState: instance.requestedState,
            parameters: instance.parameters,
            families: Object.keys(instance.published).filter((name) => name.startsWith('family-')),
            address: instance.address,
            children: instance.children,
            moved: instance.moved,
          },
    used: state?.used ?? [],
    failing: state?.failing ?? [],
    missing: state?.missing ?? [],
    behind: state?.behind ?? [],
    answers: state?.answers ?? false,
    program: answers.program?.exit === 0 ? answers.program.out : null,
    file: answers.file?.exit === 0 ? answers.file.out : null,
  };
}

export const requestMaster = defineStep({
  id: 'request-master',
  chapter: 'master',
  phase: 'site',
  per: machines('master'),
  after: [{ step: 'share-ca-folder', on: 'same' }],
  risk: 'changes',
  holds: [],
  input: z.strictObject({}),
  facts: askedFacts,
  read: (world, context) => readAsked(world, context),
  found: ({ instance, failing, missing, answers }) =>
    instance === null
      ? [says('request-master', 'found.absent')]
      : [
          says('request-master', 'found.partitions', { count: instance.children + 1 }),
          says('request-master', instance.families.includes(serviceFamily) ? 'found.families' : 'found.noFamilies'),
          instance.address === null
            ? says('request-master', 'found.noAddress')
            : says('request-master', answers ? 'found.address' : 'found.silent', { address: instance.address }),
          ...(missing.length === 0 ? [] : [says('request-master', 'found.missing', { count: missing.length })]),
          ...(failing.length === 0 ? [] : [says('request-master', 'found.failing', { count: failing.length })]),
        ],
  verdict: ({ known, instance, failing, missing, behind, answers, program }, context) => {
    const { name: machine } = machineOfSubject(context);
    const release = releaseOf(context.site.releases);
    if (release === undefined)
      return blocked(finding('step-before-missing', { step: 'request-master', before: 'describe-site' }));
    if (!known) return blocked(finding('slapos-proxy-silent', { machine }));
    // A living master moves to another release by update-software, when somebody wants it.
    if (instance !== null && instance.release !== release.url)
      return done(
        finding('machine-behind-medium', { machine, count: 1, first: 'slapos-master', step: 'update-software' }),
      );
    if (instance === null || !asWanted(instance, release, context) || program !== slapproxyProgram) return todo();
    // A database that was put back knows everything, and nothing of it stands yet.
    if (!instance.families.includes(serviceFamily) || missing.length > 0 || !answers)
      return waiting(says('request-master', 'waits.converged'));
    const [first] = failing;
    if (first === undefined)
      return behind.length > 0 && isUnfinished(context) ? waiting(says('request-master', 'waits.converged')) : done();
    const red = finding('promises-failing', { machine, count: failing.length, first });
    // A person went past it, and that is in the record.
    if (context.earlier.skipped.includes(red.code)) return done(red);
    return isWaitedFor(context) ? waiting(says('request-master', 'waits.converged')) : blocked(red);
  },
  // What is not waited for is not waited for either by going past it. A master that once stood is soon as it was, or it is not.
  plan: (facts, context) => {
    const red = onlyRed(facts, context);
    if (red && !isWaitedFor(context)) return [];
    return askForMaster(facts, context, red && context.earlier.everDone ? 600_000 : undefined);
  },
});

/** A promise that is not kept may be about to be, as after a boot. */
const isWaitedFor = (context: AnyContext): boolean => !waitedInVain(context);

/** All of it stands, and a promise is not kept. */
function onlyRed({ instance, failing, missing, answers, program }: AskedFacts, context: AnyContext): boolean {
  const release = releaseOf(context.site.releases);
  return (
    failing.length > 0 &&
    instance !== null &&
    release !== undefined &&
    asWanted(instance, release, context) &&
    program === slapproxyProgram &&
    instance.families.includes(serviceFamily) &&
    missing.length === 0 &&
    answers
  );
}

/**
 * Asks for the plan's master with all its parameters where that was not done, and waits until it has come together on the release
 * asked for. Also how a living one moves to another release.
 */
export function askForMaster(
  { proxy, instance, program, file }: AskedFacts,
  context: AnyContext,
  limitMs = 7_200_000,
): readonly Command[] {
  const { name: machine } = machineOfSubject(context);
  const on = { machine };
  const release = releaseOf(context.site.releases);
  if (release === undefined) return [];
  const { instance: name } = context.site.master;
  const text = `${JSON.stringify(masterParameters(context.site.master), null, 2)}\n`;
  const path = fileOf(name);
  const helper: Command[] = [
    run(machine, ['install', '-d', '-m', '0755', slapproxyProgramPath.slice(0, slapproxyProgramPath.lastIndexOf('/'))]),
    {
      kind: 'write',
      on,
      path: slapproxyProgramPath,
      text: slapproxyProgram,
      before: program,
      mode: 0o644,
      note: says('request-master', 'does.program'),
    },
  ];
  const write: Command = {
    kind: 'write',
    on,
    path,
    text,
    before: file,
    mode: 0o600,
    note: says('request-master', 'does.parameters'),
  };
  const request: Command[] = [
    ...(proxy ? [] : wakeProxy(machine)),
    run(machine, ['install', '-d', '-m', '0700', parametersFolder]),
    ...(file === text ? [] : [write]),
    run(machine, requestArgv(name, release.url, path), {
      limitMs: 300_000,
      note: says('request-master', 'does.request', { name }),
    }),
  ];
  return [
    ...(program === slapproxyProgram ? [] : helper),
    ...(instance !== null && asWanted(instance, release, context) ? [] : request),
    {
      kind: 'until',
      on,
      probe: { id: 'ready', kind: 'run', argv: slapproxyAskArgv('ready', name), limitMs: 60_000 },
      wanted: { exit: 0, pattern: '^ready$' },
      everyMs: 5000,
      limitMs,
      awaited: says('request-master', 'waits.converged'),
      evidence: [
        { id: 'slapos', kind: 'run', argv: slapproxyEvidenceArgv(name), limitMs: 60_000 },
        { id: 'disk', kind: 'run', argv: ['df', '-h', '/srv', '/opt', '/tmp'] },
        { id: 'network', kind: 'run', argv: ['ip', '-brief', 'address'] },
        { id: 'cron', kind: 'run', argv: ['systemctl', 'is-active', 'cron'] },
      ],
    },
  ];
}

const serviceFamily = 'family-service-v6';
const fileOf = (instance: string): string => `${parametersFolder}/${instance}.json`;
const releaseOf = (releases: readonly Release[]): Release | undefined =>
  releases.find((item) => item.name === 'slapos-master');

interface Asked {
  readonly release: string;
  readonly requestedState: string;
  readonly parameters: Readonly<Record<string, unknown>>;
}

const asWanted = (
  { release, requestedState, parameters }: Asked,
  wanted: Release,
  { site }: { readonly site: { readonly master: Parameters<typeof masterParameters>[0] } },
): boolean =>
  release === wanted.url &&
  requestedState === 'started' &&
  canonicalJson(parameters) === canonicalJson(masterParameters(site.master));
