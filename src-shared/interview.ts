// What is asked before a new site has a plan: the few things nobody can guess. The window's form and the command line fill it;
// the plan's template is written from it.
import { z } from 'zod';
import type { PlanFaultCode } from './plan-fault.ts';
import { frontend, machine, siteName, sitePlan } from './site.ts';

const { address, user, interface: interfaceName } = machine.shape;

/** Systems a new site can be begun with; the plan may name others later. */
export const interviewSystems = ['debian-11', 'debian-12', 'debian-13', 'ubuntu-22.04', 'ubuntu-24.04'] as const;

const needsNode: PlanFaultCode = 'needs-node';

export const interview = z
  .strictObject({
    name: siteName,
    system: z.enum(interviewSystems).default('debian-12'),
    /** Where SSH of the master answers. */
    master: address,
    /** Where SSH of each node answers; none for a site with a master alone. */
    nodes: z.array(address).max(50).default([]),
    user,
    interface: interfaceName,
    /** Range of the re6st network, which joins the machines; none without it. Its registry stands on the first node. */
    re6st: sitePlan.shape.ranges.unwrap().shape.re6st,
    /** Domain of the frontend, which stands on the last node; none without it. */
    domain: frontend.shape.domain.optional(),
  })
  .superRefine(({ nodes, re6st, domain }, found) => {
    if (nodes.length > 0) return;
    // Both are services on a node.
    if (re6st !== undefined) found.addIssue({ code: 'custom', path: ['re6st'], message: needsNode });
    if (domain !== undefined) found.addIssue({ code: 'custom', path: ['domain'], message: needsNode });
  });
export type Interview = z.infer<typeof interview>;
