// The new master gets its first project and users, by a person in the web: only where the plan's release holds the new master.
// What came of it is asked from the master itself; where it does not say, the person's word counts, and is recorded as that.
// The password is read only when a person asks to see it, and kept nowhere.
import { z } from 'zod';
import { holdsNewMaster } from '../../../src-shared/site.ts';
import type { AnyContext, Command } from '../../runbook/define.ts';
import { blocked, defineStep, done, finding, machineOfSubject, machines, says, todo } from '../../runbook/define.ts';
import { moduleCountArgv, parseModuleCounts } from '../../target/master-web.ts';
import { parseSlapproxyState, slapproxyStateArgv } from '../../target/slapproxy.ts';
import { revealFirstPassword, showPassword } from '../first-user.ts';
import { masterPage, webAddresses, webAddressProbe } from '../master-page.ts';

export const configureNewMaster = defineStep({
  id: 'configure-new-master',
  chapter: 'master',
  phase: 'site',
  per: machines('master'),
  after: [{ step: 'set-ca-path', on: 'same' }],
  risk: 'changes',
  holds: [],
  input: z.strictObject({}),
  facts: z.strictObject({
    /** The machine's own address the pages are reached at, empty where nothing is asked of anybody. */
    address: z.string(),
    /** The first user's name. */
    login: z.string(),
    /** What the master has of each, null where it does not say. */
    persons: z.int().nullable(),
    projects: z.int().nullable(),
  }),
  read: async (world, context) => {
    if (!isNew(context)) return { address: '', login: '', persons: null, projects: null };
    const machine = machineOfSubject(context);
    const { instance, siteId } = context.site.master;
    const answers = await world.probe(machine.name, [
      webAddressProbe(machine),
      { id: 'state', kind: 'run', argv: slapproxyStateArgv(instance), limitMs: 60_000 },
      { id: 'counts', kind: 'run', argv: moduleCountArgv(instance, siteId), limitMs: 180_000 },
    ]);
    const { state, counts } = answers;
    const [address = ''] = webAddresses(answers);
    const login = parseSlapproxyState(state?.exit === 0 ? state.out : '')?.instance?.published['inituser-login'];
    return {
      address,
      login: typeof login === 'string' ? login : '',
      ...parseModuleCounts(counts?.exit === 0 ? counts.out : ''),
    };
  },
  found: ({ persons, projects }, context) => {
    if (!isNew(context)) return [says('configure-new-master', 'found.old')];
    return [
      persons === null || projects === null
        ? says('configure-new-master', 'found.unknown')
        : says('configure-new-master', 'found.counts', { persons, projects }),
      says('configure-new-master', confirmed(context) ? 'found.confirmed' : 'found.unconfirmed'),
    ];
  },
  verdict: ({ address, persons, projects }, context) => {
    if (!isNew(context)) return done();
    const { name: machine, interface: device } = machineOfSubject(context);
    if (address === '') return blocked(finding('target-no-ipv4', { machine, interface: device }));
    // The master says so itself: nobody has to.
    if (persons !== null && projects !== null && persons > 0 && projects > 0) return done();
    if (!confirmed(context)) return todo();
    return persons === null || projects === null
      ? done()
      : blocked(finding('new-master-unconfigured', { machine, persons, projects }));
  },
  plan: ({ address, login }, context): readonly Command[] => {
    const { name } = machineOfSubject(context);
    if (address === '' || confirmed(context)) return [];
    return [
      {
        kind: 'ask',
        question: {
          id: questionId(name),
          kind: 'confirm',
          key: 'steps.configure-new-master.asks.configured',
          params: { machine: name },
          show: [
            { label: 'panel', value: masterPage(address, context, 'web_site_module/slapos_master_panel/') },
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

/** The plan brings the new master in, or its release has it already. */
const isNew = ({ site }: AnyContext): boolean =>
  site.releases.some(({ name, newMaster, url }) => name === 'slapos-master' && (newMaster || holdsNewMaster(url)));
const questionId = (machine: string): string => `configure-new-master:${machine}`;
const confirmed = (context: AnyContext): boolean =>
  context.earlier.answers[questionId(machineOfSubject(context).name)] === 'yes';
