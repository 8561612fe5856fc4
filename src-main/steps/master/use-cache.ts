// Points slapos at our software cache, by rewriting the one [networkcache] section of slapos.cfg.
// Never appends a second section: slapos would refuse to start. The stock certificates stay trusted.
import { z } from 'zod';
import { problem } from '../../../src-shared/problem.ts';
import { contentUrlOf } from '../../../src-shared/site.ts';
import type { AnyContext } from '../../runbook/define.ts';
import { blocked, defineStep, done, finding, machineOfSubject, machines, says, todo } from '../../runbook/define.ts';
import { splitCertificates, trustedCertificates } from '../../software/trusted.ts';
import { type ConfigValue, editConfig, parseConfig } from '../../target/slapos-config.ts';
import { slaposPaths } from '../slapos.ts';

export const useCache = defineStep({
  id: 'use-cache',
  chapter: 'master',
  phase: 'site',
  per: machines('master', 'node'),
  after: [
    { step: 'configure-proxy', on: 'same' },
    // Registering moves the configuration away, and what was written into it.
    { step: 'register-node', on: 'same' },
  ],
  risk: 'changes',
  holds: [],
  input: z.strictObject({}),
  facts: z.strictObject({ config: z.string().nullable() }),
  read: async (world, context) => {
    const { config } = await world.probe(machineOfSubject(context).name, [
      { id: 'config', kind: 'read', path: slaposPaths.config },
    ]);
    return { config: config?.exit === 0 ? config.out : null };
  },
  found: ({ config }, context) =>
    config === null
      ? [says('use-cache', 'found.unconfigured')]
      : [
          says('use-cache', 'found.url', {
            url: parseConfig(config, placeOf(context)).get('networkcache', 'download-binary-cache-url') ?? '-',
          }),
          says('use-cache', 'found.certificates', {
            count: splitCertificates(
              parseConfig(config, placeOf(context)).get('networkcache', 'signature-certificate-list') ?? '',
            ).length,
            ours: trustedCertificates(context.lock).length,
          }),
        ],
  verdict: ({ config }, context) => {
    if (config === null) return blocked(finding('slapos-not-configured', { machine: machineOfSubject(context).name }));
    return edited(config, context) === config ? done() : todo();
  },
  plan: ({ config }, context) =>
    config === null
      ? []
      : [
          {
            kind: 'write',
            on: { machine: machineOfSubject(context).name },
            path: slaposPaths.config,
            text: edited(config, context),
            before: config,
            mode: 0o644,
            keepCopy: true,
            note: says('use-cache', 'does.write'),
          },
        ],
  undo: {
    plan: ({ config }, context, before) => {
      const { name: machine } = machineOfSubject(context);
      const was = before?.config ?? null;
      if (config === null || config === was) return [];
      // What somebody else wrote since is not ours to throw away.
      if (was === null || !onlyOursDiffer(was, config, context))
        throw problem('file-changed-meanwhile', { path: slaposPaths.config, machine });
      return [
        {
          kind: 'write',
          on: { machine },
          path: slaposPaths.config,
          text: was,
          before: config,
          mode: 0o644,
          note: says('use-cache', 'does.restore'),
        },
      ];
    },
    stays: () => [says('use-cache', 'stays.copy', { path: `${slaposPaths.config}.fieldkit-copy` })],
  },
});

const placeOf = (context: AnyContext) => ({ machine: machineOfSubject(context).name, path: slaposPaths.config });

/** Whether nothing but what this step writes differs, under this plan or an earlier one. A certificate that is not ours counts. */
function onlyOursDiffer(was: string, config: string, context: AnyContext): boolean {
  const certificates = (text: string) =>
    splitCertificates(parseConfig(text, placeOf(context)).get('networkcache', 'signature-certificate-list') ?? '');
  const known = [...certificates(was), ...trustedCertificates(context.lock)];
  return without(was, context) === without(config, context) && certificates(config).every((pem) => known.includes(pem));
}

/** The same text, however our values are set. */
const without = (text: string, context: AnyContext): string =>
  editConfig(text, 'networkcache', Object.fromEntries(ourKeys.map((key) => [key, '-'])), placeOf(context));

const ourKeys = [
  'download-binary-cache-url',
  'download-binary-dir-url',
  'signature-certificate-list',
  'download-from-binary-cache-force-url-list',
] as const;

/** The file as it should be; the same text when nothing is to change. */
function edited(config: string, context: AnyContext): string {
  const base = contentUrlOf(context.site, machineOfSubject(context));
  const ours = trustedCertificates(context.lock);
  const present = parseConfig(config, placeOf(context)).get('networkcache', 'signature-certificate-list') ?? '';
  const stock = splitCertificates(present).filter((pem) => !ours.includes(pem));
  const values: Record<(typeof ourKeys)[number], ConfigValue> = {
    'download-binary-cache-url': `${base}/bcache`,
    'download-binary-dir-url': `${base}/bdir`,
    'signature-certificate-list': [...ours, ...stock].flatMap((pem) => pem.split('\n')),
    // Without it a miss would start compiling, reach for the network, and poison the folder.
    'download-from-binary-cache-force-url-list': context.site.releases.map((release) => release.url),
  };
  return editConfig(config, 'networkcache', values, placeOf(context));
}
