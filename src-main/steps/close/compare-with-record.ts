// The site against its record, also months later: what differs, machine by machine. It only reads, all machines side by side, each
// in one round trip; a machine that cannot be reached is named and keeps the others from nothing.

import { z } from 'zod';
import { asBuilt, difference, differences, type Part, parts, unreadParts } from '../../../src-shared/as-built.ts';
import { type ProblemCode, problems, toProblemData } from '../../../src-shared/problem.ts';
import { machinesOnSite } from '../../../src-shared/site.ts';
import type { Finding } from '../../runbook/define.ts';
import { blocked, defineStep, done, finding, perSite, says } from '../../runbook/define.ts';
import { readAsBuilt } from '../../target/as-built.ts';

const recorded = z.strictObject({ number: z.int(), madeAt: z.string(), machines: z.record(z.string(), asBuilt) });

export const compareWithRecord = defineStep({
  id: 'compare-with-record',
  chapter: 'close',
  phase: 'site',
  per: perSite,
  after: [{ step: 'record-site', on: 'all' }],
  risk: 'reads',
  holds: [],
  /** Which record; 0 is the latest. */
  input: z.strictObject({ number: z.int().min(0).max(999_999).default(0) }),
  facts: z.strictObject({
    number: z.int(),
    madeAt: z.string(),
    /** Machines that were compared. */
    compared: z.array(z.string()),
    /** Machines of the plan that the record does not know. */
    unknown: z.array(z.string()),
    differences: z.array(difference),
    /** What could not be compared, by machine. */
    unread: z.record(z.string(), z.array(z.enum(parts))),
    /** Machines that could not be read, and why. */
    unreached: z.record(
      z.string(),
      z.strictObject({ code: z.string(), params: z.record(z.string(), z.union([z.string(), z.number()])) }),
    ),
  }),
  read: async (world, { site, lock, input }) => {
    const { number, madeAt, machines } = recorded.parse(await world.sight('record-machines', { number: input.number }));
    const known = machinesOnSite(site).filter(({ name }) => machines[name] !== undefined);
    const read = await Promise.all(
      known.map(async (machine) => {
        const was = machines[machine.name];
        try {
          const is = await readAsBuilt(world.probe, machine, { plan: site, lock });
          return { name: machine.name, is, was, code: null, params: {} };
        } catch (error) {
          const { code, params } = toProblemData(error);
          if (code === 'internal' || code === 'cancelled') throw error;
          return { name: machine.name, is: null, was, code, params };
        }
      }),
    );
    const unread: Record<string, Part[]> = {};
    for (const { name, is, was } of read)
      if (is !== null && was !== undefined && unreadParts(was, is).length > 0) unread[name] = [...unreadParts(was, is)];
    return {
      number,
      madeAt,
      compared: read.flatMap(({ name, is }) => (is === null ? [] : [name])),
      unknown: machinesOnSite(site).flatMap(({ name }) => (machines[name] === undefined ? [name] : [])),
      differences: read.flatMap(({ name, is, was }) =>
        is === null || was === undefined ? [] : [...differences(name, was, is)],
      ),
      unread,
      unreached: Object.fromEntries(
        read.flatMap(({ name, code, params }) => (code === null ? [] : [[name, { code, params: { ...params } }]])),
      ),
    };
  },
  found: (facts) => [
    says('compare-with-record', 'found.record', { number: facts.number, madeAt: facts.madeAt }),
    ...facts.compared.map((machine) => {
      const count = facts.differences.filter((one) => one.machine === machine).length;
      return count === 0
        ? says('compare-with-record', 'found.same', { machine })
        : says('compare-with-record', 'found.differs', { machine, count });
    }),
    ...Object.keys(facts.unreached).map((machine) => says('compare-with-record', 'found.unreached', { machine })),
    ...facts.unknown.map((machine) => says('compare-with-record', 'found.unknown', { machine })),
    ...Object.entries(facts.unread).map(([machine, of]) =>
      says('compare-with-record', 'found.unread', { machine, parts: of.join(', ') }),
    ),
  ],
  verdict: ({ number, differences: all, unreached }) => {
    const away = Object.values(unreached).flatMap(({ code, params }): Finding[] =>
      Object.hasOwn(problems, code) ? [finding(code as ProblemCode, params)] : [],
    );
    const [first] = all;
    const differs =
      first === undefined
        ? []
        : [finding('site-differs', { number, count: all.length, first: `${first.machine}: ${first.name}` })];
    const [one, ...others] = [...away, ...differs];
    return one === undefined ? done() : blocked(one, ...others);
  },
  plan: () => [],
});
