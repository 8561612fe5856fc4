// The content reaches the machine in the way that the plan chose: the medium in the laptop, through the SSH connection itself (a
// loopback port that is gone when the connection ends); a copy that stays on the master, served by it to the plan's machines;
// or the medium plugged into the machine, read-only. Must never leave a way open to anybody whom the plan does not name.
import { z } from 'zod';
import { mediumPaths } from '../../../src-shared/manifest.ts';
import {
  contentPlaceOf,
  contentUrlOf,
  contentWayOf,
  keepsContent,
  type Machine,
  masterOf,
  releasesFor,
  type SitePlan,
  systemOf,
} from '../../../src-shared/site.ts';
import { instanceKey } from '../../../src-shared/step.ts';
import type { Answer, AnyContext, Command, Probe, World } from '../../runbook/define.ts';
import {
  blocked,
  defineStep,
  done,
  finding,
  machineOfSubject,
  machines,
  says,
  todo,
  work,
} from '../../runbook/define.ts';
import { urlKey } from '../../software/entry.ts';
import { httpStatus, httpStatusArgv } from '../../target/system.ts';
import { afterCutOff, aptFacts, aptFactsOf, aptProbes, aptSetUp, aptTexts } from '../apt.ts';
import {
  type ContentFile,
  copyFacts,
  copyFactsOf,
  copyProbes,
  fillCopy,
  missingBytes,
  servedFiles,
} from '../content-copy.ts';
import {
  installServer,
  pluggedRoot,
  serverFacts,
  serverFactsOf,
  serverPackage,
  serverProbes,
  serverStands,
  serverUnitName,
  servesContent,
  servingOf,
  startServer,
} from '../content-server.ts';
import {
  type MediumMarks,
  mountMedium,
  pluggedFacts,
  pluggedFactsOf,
  pluggedProbes,
  pluggedTrouble,
} from '../plugged-medium.ts';

/** Left free beside the copy, in bytes. */
const spareBytes = 200_000_000;

const facts = z.strictObject({
  /** The port that leads through the connection, or the medium that is plugged in, is ours now. */
  open: z.boolean(),
  /** HTTP status by path, as the machine itself sees it; empty while nothing could answer. */
  answers: z.record(z.string(), z.int()),
  /** On a machine that holds the content itself. */
  server: serverFacts.nullable(),
  apt: aptFacts,
  copy: copyFacts.nullable(),
  plugged: pluggedFacts.nullable(),
});
type Facts = z.infer<typeof facts>;

export const serveContent = defineStep({
  id: 'serve-content',
  chapter: 'machine',
  phase: 'site',
  per: machines('builder', 'master', 'node'),
  after: [
    { step: 'set-addresses', on: 'same' },
    { step: 'seal-medium', on: 'all', at: 'site' },
    // A builder takes its packages from the medium while it is being made.
    { step: 'solve-packages', on: 'all', at: 'prepare' },
  ],
  risk: 'changes',
  holds: [],
  lends: 'content',
  needs: (site) =>
    site.machines
      .filter((item) => servesContent(site, item))
      .map((item) => ({ kind: 'package' as const, name: serverPackage, system: systemOf(item) })),
  input: z.strictObject({}),
  facts,
  read: async (world, context) => {
    const machine = machineOfSubject(context);
    const { site } = context;
    const serves = servesContent(site, machine);
    const keeps = keepsContent(site, machine);
    const plugged = contentWayOf(site, machine) === 'medium';
    const open = world.leaseOpen('content', machine.name);
    const found = await world.probe(machine.name, [
      ...(serves ? [...serverProbes, ...aptProbes] : []),
      ...(keeps ? copyProbes : []),
      ...(plugged ? pluggedProbes : []),
    ]);
    const server = serves ? serverFactsOf(machine, found) : null;
    return {
      open,
      answers: (server === null ? open || isResident(site, machine) : server.active) ? await ask(world, context) : {},
      server,
      apt: aptFactsOf(found),
      copy: keeps ? await copyOf(world, context, found) : null,
      plugged: plugged
        ? pluggedFactsOf(await world.sight<MediumMarks>('medium-marks'), site.trust.manifest ?? null, found)
        : null,
    };
  },
  found: ({ open, answers, server, copy, plugged }, context) => {
    const { site } = context;
    const machine = machineOfSubject(context);
    return [
      ...(contentWayOf(site, machine) === 'connection'
        ? [says('serve-content', open ? 'found.open' : 'found.closed', { port: site.content.port })]
        : []),
      ...(plugged === null
        ? []
        : [
            plugged.device === null
              ? says('serve-content', 'found.notPlugged')
              : says('serve-content', plugged.mounted ? 'found.mounted' : 'found.plugged', { device: plugged.device }),
          ]),
      ...(copy === null
        ? []
        : [
            says('serve-content', copy.missing.length === 0 ? 'found.copy' : 'found.copyLacks', {
              count: copy.missing.length === 0 ? copy.count : copy.missing.length,
              sizeBytes: copy.missing.length === 0 ? copy.sizeBytes : missingBytes(copy),
            }),
          ]),
      ...(server === null
        ? []
        : [
            says('serve-content', server.active ? 'found.serving' : 'found.notServing', {
              port: site.content.serverPort,
            }),
          ]),
      ...Object.entries(answers).map(([path, status]) =>
        says('serve-content', status === 0 ? 'found.noAnswer' : 'found.answer', { path, status }),
      ),
    ];
  },
  verdict: (state, context) => {
    const { site } = context;
    const machine = machineOfSubject(context);
    const { open, answers, copy, plugged } = state;
    const trouble = plugged === null ? null : pluggedTrouble(machine.name, plugged);
    if (trouble !== null) return blocked(trouble);
    if (copy !== null && missingBytes(copy) + spareBytes > copy.freeBytes)
      return blocked(
        finding('target-disk-small', {
          machine: machine.name,
          path: '/srv',
          needed: missingBytes(copy) + spareBytes,
          free: copy.freeBytes,
        }),
      );
    const ready = (isResident(site, machine) || open) && serverReady(state, context);
    if (!ready) return todo();
    const silent = Object.entries(answers).find(([, status]) => status !== 200);
    if (silent === undefined) return done();
    const url = contentUrlOf(site, machine) + silent[0];
    const master = masterOf(site);
    if (isResident(site, machine) && master !== undefined && master.name !== machine.name) {
      const before = context.record('serve-content', { kind: 'machine', name: master.name });
      if (before?.everDone !== true)
        return blocked(
          finding('step-before-missing', {
            step: 'serve-content',
            before: instanceKey('serve-content', { kind: 'machine', name: master.name }),
          }),
        );
      return blocked(finding('content-copy-unreachable', { machine: machine.name, url, holder: master.name }));
    }
    return blocked(finding('content-unreachable', { machine: machine.name, url }));
  },
  plan: (state, context) => {
    const { site } = context;
    const machine = machineOfSubject(context);
    const { name } = machine;
    const { plugged, copy, server } = state;
    if (plugged !== null && !(plugged.mounted && state.open)) return mountMedium(name, plugged);
    const opens: Command = work(
      'open-content',
      { machine: name },
      says('serve-content', 'does.open', { machine: name, port: site.content.port }),
    );
    const bootstrap: readonly Command[] =
      server === null || server.installed
        ? []
        : [
            ...(plugged === null ? [opens] : []),
            ...aptSetUp(
              name,
              aptTexts(
                context.lock.keys?.repositoryKey ?? '',
                plugged === null ? `http://127.0.0.1:${site.content.port}` : `file:${pluggedRoot}`,
                systemOf(machine),
              ),
              state.apt,
            ),
            ...installServer(name, afterCutOff(name, state.apt.unfinished)),
          ];
    return [
      ...(contentWayOf(site, machine) === 'connection' && !state.open && bootstrap.length === 0 ? [opens] : []),
      ...bootstrap,
      ...(copy === null || (copy.missing.length === 0 && copy.listed) ? [] : fillCopy(name, copy)),
      ...(server === null || serverReady(state, context)
        ? []
        : [
            ...startServer(name, server, servingOf(site, machine, server.addresses)),
            answering(name, site, `/${mediumPaths.repository(systemOf(machine))}/InRelease`),
          ]),
    ];
  },
});

const isResident = (site: SitePlan, machine: Machine): boolean => contentWayOf(site, machine) === 'resident';

/** Nothing is left to do about the server of this machine, if it has one. */
function serverReady({ server, copy }: Facts, context: AnyContext): boolean {
  if (server === null) return true;
  if (copy !== null && (copy.missing.length > 0 || !copy.listed)) return false;
  return serverStands(server, servingOf(context.site, machineOfSubject(context), server.addresses));
}

/** The copy beside what the medium's signed list names. Throws `medium-absent` when it lacks something and the medium is away. */
async function copyOf(world: World, { site }: AnyContext, found: Readonly<Record<string, Answer>>) {
  const files = await world.sight<ContentFile[] | null>('content-files');
  const copy = copyFactsOf(files === null ? null : servedFiles(files, site), found);
  if (copy.list === null && (copy.missing.length > 0 || !copy.listed)) await world.medium();
  return copy;
}

/** One file of each kind that the machine will ask for. */
async function ask(world: World, context: AnyContext): Promise<Record<string, number>> {
  const machine = machineOfSubject(context);
  const paths = [
    `/${mediumPaths.repository(systemOf(machine))}/InRelease`,
    ...releasesFor(context.site, machine).flatMap((release) => {
      const entry = context.lock.releases[release.name]?.entries.find((item) => item.system === systemOf(machine));
      return [
        `/${mediumPaths.index(urlKey(release.url))}`,
        ...(entry === undefined ? [] : [`/${mediumPaths.blob(entry.sha512)}`]),
      ];
    }),
  ];
  const { host, port } = contentPlaceOf(context.site, machine);
  const answers = await world.probe(
    machine.name,
    paths.map(
      (path): Probe => ({ id: path, kind: 'run', argv: httpStatusArgv(port, 'HEAD', path, host), limitMs: 20_000 }),
    ),
  );
  return Object.fromEntries(paths.map((path) => [path, httpStatus(answers[path]?.out ?? '')]));
}

/** Waits until the server that was just started answers. */
const answering = (machine: string, { content }: SitePlan, path: string): Command => ({
  kind: 'until',
  on: { machine },
  probe: { id: 'answers', kind: 'run', argv: httpStatusArgv(content.serverPort, 'HEAD', path), limitMs: 10_000 },
  wanted: { pattern: '^HTTP/1\\.[01] 200' },
  everyMs: 1000,
  limitMs: 120_000,
  awaited: says('serve-content', 'waits.answers', { port: content.serverPort }),
  evidence: [
    { id: 'log', kind: 'run', argv: ['journalctl', '--no-pager', '-n', '60', '-u', serverUnitName] },
    { id: 'addresses', kind: 'run', argv: ['ip', '-brief', 'address'] },
    { id: 'listening', kind: 'run', argv: ['ss', '-Hltn'] },
  ],
});
