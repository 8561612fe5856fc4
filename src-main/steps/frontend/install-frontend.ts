// The frontend's service on its node, asked for by the site's client. Its certificate is judged before anything is sent, and its key
// travels on standard input alone. A certificate that changed is seen, and everything is sent anew, or the rest would be forgotten.
import { z } from 'zod';
import { frontendSerialisation, type Release, releaseNamed } from '../../../src-shared/site.ts';
import type { AnyContext } from '../../runbook/define.ts';
import { blocked, defineStep, finding, machineOfSubject, machines, says } from '../../runbook/define.ts';
import { frontendParameters } from '../../software/frontend-certificate.ts';
import {
  readService,
  type Service,
  type ServiceFacts,
  serviceFacts,
  serviceInput,
  servicePlan,
  serviceVerdict,
} from '../client.ts';
import { releaseNeeds } from '../slapos.ts';
import { certificateFacts, certificateFault, frontendOf, readCertificate } from './frontend-plan.ts';

export const installFrontend = defineStep({
  id: 'install-frontend',
  chapter: 'frontend',
  phase: 'site',
  per: machines('frontend'),
  after: [
    { step: 'allow-frontend', on: 'same' },
    { step: 'format-node', on: 'same' },
    { step: 'configure-client', on: 'all' },
  ],
  // What partitions of a frontend tell each other are their addresses: they are to be the ones that stay.
  waitsFor: ['update-references'],
  risk: 'changes',
  holds: ['content'],
  needs: (site) => releaseNeeds(site, 'rapid-cdn'),
  input: serviceInput,
  facts: z.strictObject({ certificate: certificateFacts, service: serviceFacts }),
  read: async (world, context) => {
    const { name } = machineOfSubject(context);
    const certificate = await readCertificate(world, name);
    const url = releaseOf(context)?.url ?? '';
    return {
      certificate,
      service: await readService(world, context, name, { name: frontendOf(context).instance, url }),
    };
  },
  found: ({ certificate, service }) => [
    ...(certificate.fingerprint === ''
      ? []
      : [
          says('install-frontend', 'found.certificate', {
            fingerprint: certificate.fingerprint,
            until: certificate.until,
          }),
        ]),
    service.instance === null
      ? says('install-frontend', 'found.absent')
      : service.instance.parametersSha256 === certificate.parametersSha256
        ? says('install-frontend', 'found.asked', { computer: service.computer ?? '' })
        : says('install-frontend', 'found.changed', { computer: service.computer ?? '' }),
    ...(service.failing.length === 0
      ? []
      : [says('install-frontend', 'found.failing', { count: service.failing.length })]),
  ],
  verdict: ({ certificate, service }, context) => {
    const release = releaseOf(context);
    if (release === undefined)
      return blocked(finding('step-before-missing', { step: 'install-frontend', before: 'describe-site' }));
    const fault = certificateFault(certificate);
    if (fault !== null) return blocked(fault);
    const { name } = machineOfSubject(context);
    return serviceVerdict(
      service,
      wanted(release, { certificate, service }, context),
      name,
      context.site,
      converging(),
    );
  },
  plan: ({ certificate, service }, context) => {
    const release = releaseOf(context);
    if (release === undefined) return [];
    const { name: machine } = machineOfSubject(context);
    const { domain, instance } = frontendOf(context);
    return servicePlan(service, wanted(release, { certificate, service }, context), machine, context.site, {
      supply: says('install-frontend', 'does.supply', { machine }),
      request: says('install-frontend', 'does.request', { name: instance, domain }),
      installed: says('install-frontend', 'waits.installed', { machine }),
      green: converging(),
    });
  },
});

const converging = () => says('install-frontend', 'waits.green');
const releaseOf = ({ site }: AnyContext): Release | undefined => releaseNamed(site, 'rapid-cdn');

/** Stands where the key will be: no certificate or domain holds it. */
const keyMark = '\u0000';

function wanted(
  { url }: Release,
  {
    certificate: { chain, parametersSha256 },
    service: { release },
  }: {
    readonly certificate: z.infer<typeof certificateFacts>;
    readonly service: ServiceFacts;
  },
  context: AnyContext,
): Service {
  const { domain, instance } = frontendOf(context);
  const text = JSON.stringify(frontendParameters(domain, chain, keyMark), null, 2);
  const [before = '', after = ''] = text.split(JSON.stringify(keyMark).slice(1, -1));
  return {
    step: 'install-frontend',
    name: instance,
    url,
    // As the release reads them that it lives with.
    serialisation: frontendSerialisation(release),
    parameters: [before, { secret: 'frontend-key' }, after],
    parametersSha256,
    // What it publishes differs from release to release; that it listens is seen by redirect-to-frontend.
    published: [],
  };
}
