// The master's site stands, and a person logs in for the first time and runs its configurator, in the web.
// The password is read only when a person asks to see it, and kept nowhere.
import { z } from 'zod';
import type { AnyContext, Command } from '../../runbook/define.ts';
import {
  blocked,
  defineStep,
  done,
  finding,
  machineOfSubject,
  machines,
  says,
  todo,
  waiting,
} from '../../runbook/define.ts';
import { parseSlapproxyState, slapproxyEvidenceArgv, slapproxyStateArgv } from '../../target/slapproxy.ts';
import { httpAtArgv, httpBody, httpStatus } from '../../target/system.ts';
import { revealFirstPassword, showPassword } from '../first-user.ts';
import { masterPage, webAddresses, webAddressProbe } from '../master-page.ts';

export const firstLogin = defineStep({
  id: 'first-login',
  chapter: 'master',
  phase: 'site',
  per: machines('master'),
  after: [{ step: 'redirect-to-master', on: 'same' }],
  risk: 'changes',
  holds: [],
  input: z.strictObject({}),
  facts: z.strictObject({
    /** The machine's own address the pages are reached at, empty while it has none. */
    address: z.string(),
    /** The first user's name, empty while it is not published. */
    login: z.string(),
    /** The site says that it is ready. */
    ready: z.boolean(),
  }),
  read: async (world, context) => {
    const machine = machineOfSubject(context);
    const { name } = machine;
    const { instance } = context.site.master;
    const first = await world.probe(name, [
      webAddressProbe(machine),
      { id: 'state', kind: 'run', argv: slapproxyStateArgv(instance), limitMs: 60_000 },
    ]);
    const [address = ''] = webAddresses(first);
    const state = parseSlapproxyState(first.state?.exit === 0 ? first.state.out : '');
    const login = state?.instance?.published['inituser-login'];
    const { ready } =
      address === ''
        ? {}
        : await world.probe(name, [
            { id: 'ready', kind: 'run', argv: httpAtArgv(address, 80, readyPath(context)), limitMs: 30_000 },
          ]);
    const answer = ready?.out ?? '';
    return {
      address,
      login: typeof login === 'string' ? login : '',
      ready: httpStatus(answer) === 200 && httpBody(answer).trim() !== '',
    };
  },
  found: ({ address, ready }, context) => [
    says('first-login', ready ? 'found.ready' : 'found.notReady', { url: masterPage(address, context) }),
    says('first-login', confirmed(context) ? 'found.confirmed' : 'found.unconfirmed'),
  ],
  verdict: ({ address, ready }, context) => {
    const { name: machine, interface: device } = machineOfSubject(context);
    if (address === '') return blocked(finding('target-no-ipv4', { machine, interface: device }));
    if (!ready) return waiting(says('first-login', 'waits.ready'));
    return confirmed(context) ? done() : todo();
  },
  plan: ({ address, login, ready }, context): readonly Command[] => {
    const { name } = machineOfSubject(context);
    if (address === '') return [];
    if (!ready)
      return [
        {
          kind: 'until',
          on: { machine: name },
          probe: { id: 'ready', kind: 'run', argv: httpAtArgv(address, 80, readyPath(context)), limitMs: 30_000 },
          wanted: { exit: 0, pattern: '^HTTP/1\\.[01] 200[\\s\\S]*?\\r?\\n\\r?\\n\\s*\\S' },
          everyMs: 5000,
          // A first start writes the whole site into its database.
          limitMs: 7_200_000,
          awaited: says('first-login', 'waits.ready'),
          evidence: [
            { id: 'answer', kind: 'run', argv: httpAtArgv(address, 80, readyPath(context)), limitMs: 30_000 },
            {
              id: 'slapos',
              kind: 'run',
              argv: slapproxyEvidenceArgv(context.site.master.instance),
              limitMs: 60_000,
            },
            { id: 'disk', kind: 'run', argv: ['df', '-h', '/srv', '/tmp'] },
            { id: 'network', kind: 'run', argv: ['ip', '-brief', 'address'] },
            { id: 'memory', kind: 'read', path: '/proc/meminfo' },
          ],
        },
      ];
    if (confirmed(context)) return [];
    return [
      {
        kind: 'ask',
        question: {
          id: questionId(name),
          kind: 'confirm',
          key: 'steps.first-login.asks.configured',
          params: { machine: name },
          show: [
            { label: 'address', value: masterPage(address, context) },
            { label: 'login', value: login },
            { label: 'console', value: showPassword },
          ],
          choices: [],
        },
      },
    ];
  },
  reveals: revealFirstPassword,
});

const questionId = (machine: string): string => `first-login:${machine}`;
const confirmed = (context: AnyContext): boolean =>
  context.earlier.answers[questionId(machineOfSubject(context).name)] === 'yes';
const readyPath = ({ site }: AnyContext): string => `/${site.master.siteId}/ERP5Site_isReady`;
