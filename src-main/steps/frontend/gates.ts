// The two acts that the old master leaves to a person, in its web pages: naming the frontend in a script, and running the alarm
// that places new services. The new master has neither; the steps then say so and do nothing.
import { z } from 'zod';
import { holdsNewMaster, masterOf, releaseNamed } from '../../../src-shared/site.ts';
import type { After } from '../../../src-shared/step.ts';
import type { AnyContext, Step, Told } from '../../runbook/define.ts';
import { blocked, defineStep, done, finding, machineOfSubject, machines, says, todo } from '../../runbook/define.ts';
import { masterPage, masterWebAddress } from '../master-page.ts';
import { frontendOf } from './frontend-plan.ts';

interface Gate {
  readonly id: 'allow-frontend' | 'allocate-services';
  readonly after: readonly After[];
  /** Below the master's site. */
  readonly page: string;
  readonly told: { readonly skipped: Told; readonly confirmed: Told; readonly open: Told };
  readonly asks: (domain: string) => { readonly key: string; readonly params: { domain: string } };
  /** What there is to be copied besides the page. */
  readonly show: (context: AnyContext) => readonly { readonly label: string; readonly value: string }[];
}

/** The address by which requests for a frontend are known everywhere; the old master translates it. */
const magicUrl = 'http://git.erp5.org/gitweb/slapos.git/blob_plain/HEAD:/software/apache-frontend/software.cfg';

const gate = ({ id, after, page, told, asks, show }: Gate): Step =>
  defineStep({
    id,
    chapter: 'frontend',
    phase: 'site',
    per: machines('frontend'),
    after,
    risk: 'changes',
    holds: [],
    input: z.strictObject({}),
    facts: z.strictObject({
      /** The site's master is the new one; null when its address names no release tag. */
      newMaster: z.boolean().nullable(),
      /** Told by a person. */
      confirmed: z.boolean(),
      /** The master's own address that a person reaches its pages at; empty where nothing is asked, or it has none. */
      address: z.string(),
    }),
    read: async (world, context) => {
      const newMaster = isNew(context);
      const confirmed = context.earlier.answers[questionId(id, context)] === 'yes';
      const asked = newMaster !== true && !confirmed;
      return { newMaster, confirmed, address: asked ? await masterWebAddress(world, context) : '' };
    },
    found: ({ newMaster, confirmed }) => [newMaster === true ? told.skipped : confirmed ? told.confirmed : told.open],
    verdict: ({ newMaster, confirmed, address }, context) => {
      if (releaseNamed(context.site, 'slapos-master') === undefined)
        return blocked(finding('step-before-missing', { step: id, before: 'describe-site' }));
      if (newMaster === true || confirmed) return done();
      const { name: machine = '', interface: device = '' } = masterOf(context.site) ?? {};
      return address === '' ? blocked(finding('target-no-ipv4', { machine, interface: device })) : todo();
    },
    plan: ({ newMaster, confirmed, address }, context) =>
      newMaster === true || confirmed
        ? []
        : [
            {
              kind: 'ask',
              question: {
                id: questionId(id, context),
                kind: 'confirm',
                ...asks(frontendOf(context).domain),
                show: [{ label: 'address', value: masterPage(address, context, page) }, ...show(context)],
                choices: [],
              },
            },
          ],
  });

/** A release that was given the new master at the office is a new one as well. */
const isNew = ({ site }: AnyContext): boolean | null => {
  const release = releaseNamed(site, 'slapos-master');
  return release === undefined ? null : release.newMaster || holdsNewMaster(release.url);
};
const questionId = (id: string, context: AnyContext): string => `${id}:${machineOfSubject(context).name}`;

export const allowFrontend = gate({
  id: 'allow-frontend',
  told: {
    skipped: says('allow-frontend', 'found.skipped'),
    confirmed: says('allow-frontend', 'found.confirmed'),
    open: says('allow-frontend', 'found.open'),
  },
  asks: (domain) => ({ key: 'steps.allow-frontend.asks.done', params: { domain } }),
  after: [{ step: 'connect', on: 'same' }],
  page: 'portal_skins/slapos_cloud/ComputePartition_getCustomAllocationParameterDict/manage_main',
  show: ({ site }) => [
    { label: 'asked', value: magicUrl },
    { label: 'release', value: releaseNamed(site, 'rapid-cdn')?.url ?? '' },
    { label: 'type', value: 'custom-personal' },
  ],
});

export const allocateServices = gate({
  id: 'allocate-services',
  told: {
    skipped: says('allocate-services', 'found.skipped'),
    confirmed: says('allocate-services', 'found.confirmed'),
    open: says('allocate-services', 'found.open'),
  },
  asks: (domain) => ({ key: 'steps.allocate-services.asks.done', params: { domain } }),
  after: [{ step: 'install-frontend', on: 'same' }],
  page: 'portal_alarms/slapos_allocate_instance',
  show: () => [],
});
