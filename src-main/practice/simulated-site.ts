// What the simulated machines of a site are: made from its plan, as real ones stand there before anybody connects. Used by the
// practice site, and by the rehearsal of a real one. Pure.
import { type Machine, type SitePlan, type SystemFacts, systemFacts, systemOf } from '../../src-shared/site.ts';
import type { Installed, Made } from './state.ts';

export interface SimulatedSite {
  readonly machines: readonly SimulatedMachineOf[];
  /** Whom the nodes ask; null for a site without one. */
  readonly master: string | null;
  /** The name server that knows the names below the site's domain. */
  readonly dns: string | null;
}

interface SimulatedMachineOf {
  readonly name: string;
  readonly made: Made;
  /** What is installed on it at first, by name. */
  readonly packages: Readonly<Record<string, Installed>>;
}

/** `packages`: what a machine of the plan has before anybody comes. */
export function simulatedSite(
  { machines, frontend }: Pick<SitePlan, 'machines' | 'frontend'>,
  packages: (machine: Machine) => Readonly<Record<string, Installed>>,
): SimulatedSite {
  const nodes = machines.filter(({ roles }) => roles.includes('node'));
  return {
    machines: machines.map((machine, index) => ({
      name: machine.name,
      packages: packages(machine),
      made: {
        system: systemOf(machine),
        interface: machine.interface,
        ipv4: ipv4Of(machine, index),
        // The network gives one where the plan sets none.
        ipv6: machine.addresses.length > 0 ? null : `fd00:77:${(index + 1).toString(16)}::11/64`,
        computer: `COMP-${Math.max(0, nodes.indexOf(machine)) + 1}`,
      },
    })),
    master: machines.find(({ roles }) => roles.includes('master'))?.name ?? null,
    dns: frontend?.dns ?? null,
  };
}

const ipv4Of = ({ address }: Machine, index: number): string =>
  /^\d+(\.\d+){3}$/.test(address) ? address : `192.168.32.${11 + index}`;

/** A machine's own system, as it was made. */
export const systemOfState = ({ made }: { readonly made: Made }): SystemFacts => systemFacts(made.system);
