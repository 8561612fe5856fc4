// Tells the master where the shared folder of the certificate authority is, through its own web form, asked from the machine
// itself. Where the form does not let us in, because the first password was changed, or was waited for in vain, a person does it.
import { z } from 'zod';
import type { AnyContext, Command } from '../../runbook/define.ts';
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
import { caToolReadArgv, caToolWriteArgv, parseCaTool } from '../../target/ca-tool.ts';
import { slapproxyEvidenceArgv } from '../../target/slapproxy.ts';
import { masterPage, webAddresses, webAddressProbe } from '../master-page.ts';
import { waitedInVain } from '../unfinished.ts';

export const setCaPath = defineStep({
  id: 'set-ca-path',
  chapter: 'master',
  phase: 'site',
  per: machines('master'),
  after: [{ step: 'first-login', on: 'same' }],
  risk: 'changes',
  holds: [],
  input: z.strictObject({}),
  facts: z.strictObject({
    /** HTTP status of the form; 0 when nobody answered. */
    status: z.int(),
    /** The folder the master uses, null where the form cannot be read. */
    path: z.string().nullable(),
    /** The machine's own address that a person reaches the form at, empty while it has none. */
    address: z.string(),
  }),
  read: async (world, context) => {
    const { instance, siteId } = context.site.master;
    const machine = machineOfSubject(context);
    const answers = await world.probe(machine.name, [
      webAddressProbe(machine),
      { id: 'form', kind: 'run', argv: caToolReadArgv(instance, siteId), limitMs: 120_000 },
    ]);
    const { form } = answers;
    const [address = ''] = webAddresses(answers);
    return { ...parseCaTool(form?.exit === 0 ? form.out : ''), address };
  },
  found: ({ status, path }) => [
    path === null
      ? says('set-ca-path', 'found.closed', { status })
      : path === ''
        ? says('set-ca-path', 'found.unset')
        : says('set-ca-path', 'found.path', { path }),
  ],
  verdict: ({ status, path, address }, context) => {
    if (path === null && confirmed(context)) return done();
    const { name: machine, interface: device } = machineOfSubject(context);
    if (path === null && address === '') return blocked(finding('target-no-ipv4', { machine, interface: device }));
    // A master that has just booted takes its time; that is nothing for a person to do by hand.
    if (path === null) return isWaitedFor(status, context) ? waiting(says('set-ca-path', 'waits.answer')) : todo();
    return path === context.site.master.caFolder ? done() : todo();
  },
  plan: ({ status, path, address }, context): readonly Command[] => {
    const { name } = machineOfSubject(context);
    const { instance, siteId, caFolder } = context.site.master;
    if (path === caFolder || (path === null && confirmed(context))) return [];
    if (path !== null)
      return [
        run(name, caToolWriteArgv(instance, siteId, caFolder), {
          limitMs: 300_000,
          note: says('set-ca-path', 'does.write', { path: caFolder }),
        }),
      ];
    if (isWaitedFor(status, context))
      return [
        {
          kind: 'until',
          on: { machine: name },
          probe: { id: 'form', kind: 'run', argv: caToolReadArgv(instance, siteId), limitMs: 120_000 },
          wanted: { exit: 0, pattern: '"status": [1-4]' },
          everyMs: 5000,
          limitMs: 1_800_000,
          awaited: says('set-ca-path', 'waits.answer'),
          evidence: [
            { id: 'slapos', kind: 'run', argv: slapproxyEvidenceArgv(instance), limitMs: 60_000 },
            { id: 'disk', kind: 'run', argv: ['df', '-h', '/srv', '/tmp'] },
            { id: 'network', kind: 'run', argv: ['ip', '-brief', 'address'] },
          ],
        },
      ];
    return [
      {
        kind: 'ask',
        question: {
          id: questionId(name),
          kind: 'confirm',
          key: 'steps.set-ca-path.asks.byHand',
          params: { machine: name },
          show: [
            { label: 'address', value: masterPage(address, context, formPage) },
            { label: 'path', value: caFolder },
          ],
          choices: [],
        },
      },
    ];
  },
});

const formPage = 'portal_certificate_authority/manage_editCertificateAuthorityToolForm';
const questionId = (machine: string): string => `set-ca-path:${machine}`;
/**
 * Nobody answers, or only that something is wrong there, and the master may be about to. Once that was waited for in vain a person was
 * asked, or is now: that stays so.
 */
const isWaitedFor = (status: number, context: AnyContext): boolean =>
  (status === 0 || status >= 500) &&
  !waitedInVain(context) &&
  !context.earlier.commands.some(({ command }) => command.kind === 'ask');
const confirmed = (context: AnyContext): boolean =>
  context.earlier.answers[questionId(machineOfSubject(context).name)] === 'yes';
