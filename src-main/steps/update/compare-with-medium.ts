// What the medium holds that a machine of the site has not, months later and with a newer generation. It only reads; bringing it
// is for update-packages and for the steps that own the releases, when somebody wants it.
import { z } from 'zod';
import { release, releasesFor, systemOf } from '../../../src-shared/site.ts';
import { defineStep, done, finding, machineOfSubject, machines, says } from '../../runbook/define.ts';
import { releaseProbes, releaseStands } from '../slapos.ts';
import { behindPackage, packagesBehind, packagesProbe, releaseSteps } from './behind.ts';

export const compareWithMedium = defineStep({
  id: 'compare-with-medium',
  chapter: 'close',
  phase: 'site',
  per: machines('master', 'node'),
  after: [{ step: 'install-slapos-node', on: 'same' }],
  risk: 'reads',
  holds: [],
  input: z.strictObject({}),
  facts: z.strictObject({
    packages: z.array(behindPackage),
    /** Releases of this machine that are not installed. */
    releases: z.array(release.pick({ name: true, url: true })),
  }),
  read: async (world, { site, lock, ...context }) => {
    const machine = machineOfSubject({ site, lock, ...context });
    const releases = releasesFor(site, machine);
    const answers = await world.probe(machine.name, [packagesProbe, ...releaseProbes(releases.map(({ url }) => url))]);
    return {
      packages: packagesBehind(answers.packages, lock.systems[systemOf(machine)]) ?? [],
      releases: releases
        .filter(({ url }) => !releaseStands(answers, url).completed)
        .map(({ name, url }) => ({ name, url })),
    };
  },
  found: ({ packages, releases }) => [
    ...(packages.length + releases.length === 0 ? [says('compare-with-medium', 'found.same')] : []),
    ...packages.map(({ name, installed, offered }) =>
      says('compare-with-medium', 'found.package', { name, installed, offered }),
    ),
    ...releases.map(({ name, url }) => says('compare-with-medium', 'found.release', { name, url })),
  ],
  verdict: ({ packages, releases }, context) => {
    const { name: machine } = machineOfSubject(context);
    const [item] = packages;
    return done(
      ...(item === undefined
        ? []
        : [
            finding('machine-behind-medium', {
              machine,
              count: packages.length,
              first: `${item.name} ${item.offered}`,
              step: 'update-packages',
            }),
          ]),
      // Each is brought by a step of its own.
      ...releases.map(({ name }) =>
        finding('machine-behind-medium', { machine, count: 1, first: name, step: releaseSteps[name] }),
      ),
    );
  },
  plan: () => [],
});
