// The medium's content reaches the machine through the SSH connection itself: a fixed loopback port on the target,
// answered by the laptop. Nothing listens on the site's network; when the connection ends, so does the port.
import { z } from 'zod';
import { mediumPaths } from '../../../src-shared/manifest.ts';
import { releasesFor, systemOf } from '../../../src-shared/site.ts';
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
  input: z.strictObject({}),
  facts: z.strictObject({
    open: z.boolean(),
    /** HTTP status by path, as the target sees it; empty while the port is closed. */
    answers: z.record(z.string(), z.int()),
  }),
  read: async (world, context) => {
    const machine = machineOfSubject(context);
    const open = world.leaseOpen('content', machine.name);
    if (!open) return { open, answers: {} };
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
    const { port } = context.site.content;
    const answers = await world.probe(
      machine.name,
      paths.map((path) => ({ id: path, kind: 'run', argv: httpStatusArgv(port, 'HEAD', path), limitMs: 20_000 })),
    );
    return { open, answers: Object.fromEntries(paths.map((path) => [path, httpStatus(answers[path]?.out ?? '')])) };
  },
  found: ({ open, answers }, { site }) => [
    says('serve-content', open ? 'found.open' : 'found.closed', { port: site.content.port }),
    ...Object.entries(answers).map(([path, status]) => says('serve-content', 'found.answer', { path, status })),
  ],
  verdict: ({ open, answers }, context) => {
    if (!open) return todo();
    const silent = Object.entries(answers).find(([, status]) => status !== 200);
    if (silent === undefined) return done();
    const url = `http://127.0.0.1:${context.site.content.port}${silent[0]}`;
    return blocked(finding('content-unreachable', { machine: machineOfSubject(context).name, url }));
  },
  plan: (_facts, context) => {
    const { name } = machineOfSubject(context);
    return [
      work(
        'open-content',
        { machine: name },
        says('serve-content', 'does.open', { machine: name, port: context.site.content.port }),
      ),
    ];
  },
});
