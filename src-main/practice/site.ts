// The practice site's world: its network and its machines, handed to the hands in place of the real ones. Made by compose for
// one open site. It must never open a socket or start a program.
import { problem } from '../../src-shared/problem.ts';
import type { Fetch } from '../platform/fetch.ts';
import type { Connection, ConnectionRequest, HostKey } from '../target/connection.ts';
import { practiceCommands } from './commands/index.ts';
import { stockCertificatesPath } from './commands/slapos-common.ts';
import { openPractice } from './connection.ts';
import { practiceFetch } from './fetch.ts';
import { SimulatedMachine } from './machine.ts';
import { type PracticeOptions, take } from './pace.ts';
import { practiceSite, readStockCertificates } from './prepare.ts';
import type { SimulatedSite } from './simulated-site.ts';
import { aFolder, textFile } from './state.ts';

export interface PracticeOutside {
  readonly fetch: Fetch;
  /** As `openConnection`. */
  readonly open: (request: ConnectionRequest) => Promise<Connection>;
  /** As the real `scanHostKey`. */
  readonly scanHostKey: (machine: { readonly name: string }, signal?: AbortSignal) => Promise<HostKey>;
}

/** The practice site. @param folder a prepared practice folder, see `preparePractice` */
export const practiceOutside = (folder: string, options: PracticeOptions): PracticeOutside => ({
  ...simulatedOutside(folder, practiceSite, options),
  fetch: practiceFetch(folder, options),
});

/** The machines of any site. @param folder where their states are kept */
export function simulatedOutside(
  folder: string,
  site: SimulatedSite,
  options: PracticeOptions,
): Omit<PracticeOutside, 'fetch'> {
  const machines = new Map<string, Promise<SimulatedMachine>>();
  const machineNamed = async (name: string): Promise<SimulatedMachine> => {
    const known = machines.get(name) ?? load(folder, name, site, options);
    machines.set(name, known);
    const machine = await known;
    await machine.refresh();
    return machine;
  };
  return {
    open: async (request) => openPractice(await machineNamed(request.machine.name), folder, request),
    scanHostKey: async ({ name }, signal) => {
      await take(options, 300, signal);
      return (await machineNamed(name)).hostKey();
    },
  };
}

/** Makes the simulated machines where there are none yet, as real ones stand there before anybody connects. */
export async function standMachines(folder: string, options: PracticeOptions): Promise<void> {
  for (const { name } of practiceSite.machines) await load(folder, name, practiceSite, options);
}

async function load(
  folder: string,
  name: string,
  site: SimulatedSite,
  options: PracticeOptions,
): Promise<SimulatedMachine> {
  // One that was added to the plan since is like the first.
  const { made, packages } = site.machines.find((machine) => machine.name === name) ?? firstOf(site);
  const machine = await SimulatedMachine.load({ folder, name, site, made, packages }, practiceCommands, options);
  if (machine.state.files[stockCertificatesPath] === undefined) {
    // What the vendor's package would bring along.
    const parts = stockCertificatesPath.split('/').slice(1, -1);
    const above = parts.map((_, index) => [`/${parts.slice(0, index + 1).join('/')}`, aFolder()] as const);
    const certificates = textFile(await readStockCertificates(folder));
    await machine.apply({ files: { ...Object.fromEntries(above), [stockCertificatesPath]: certificates } });
  }
  return machine;
}

function firstOf({ machines }: SimulatedSite): SimulatedSite['machines'][number] {
  const [first] = machines;
  if (first === undefined) throw problem('internal', { detail: 'a site without machines' });
  return first;
}
