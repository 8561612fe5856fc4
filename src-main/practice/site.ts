// The practice site's world: its network and its machines, handed to the hands in place of the real ones. Made by compose for
// one open site. It must never open a socket or start a program.
import type { Fetch } from '../platform/fetch.ts';
import type { Connection, ConnectionRequest, HostKey } from '../target/connection.ts';
import { practiceCommands } from './commands/index.ts';
import { stockCertificatesPath } from './commands/slapos-common.ts';
import { openPractice } from './connection.ts';
import { practiceFetch } from './fetch.ts';
import { SimulatedMachine } from './machine.ts';
import { type PracticeOptions, take } from './pace.ts';
import { practiceMachines, readStockCertificates } from './prepare.ts';
import { aFolder, textFile } from './state.ts';

export interface PracticeOutside {
  readonly fetch: Fetch;
  /** As `openConnection`. */
  readonly open: (request: ConnectionRequest) => Promise<Connection>;
  /** As the real `scanHostKey`. */
  readonly scanHostKey: (machine: { readonly name: string }, signal?: AbortSignal) => Promise<HostKey>;
}

/** @param folder a prepared practice folder, see `preparePractice` */
export function practiceOutside(folder: string, options: PracticeOptions): PracticeOutside {
  const machines = new Map<string, Promise<SimulatedMachine>>();
  const machineNamed = async (name: string): Promise<SimulatedMachine> => {
    const known = machines.get(name) ?? load(folder, name, options);
    machines.set(name, known);
    const machine = await known;
    await machine.refresh();
    return machine;
  };
  return {
    fetch: practiceFetch(folder, options),
    open: async (request) => openPractice(await machineNamed(request.machine.name), folder, request),
    scanHostKey: async ({ name }, signal) => {
      await take(options, 300, signal);
      return (await machineNamed(name)).hostKey();
    },
  };
}

/** Makes the simulated machines where there are none yet, as real ones stand there before anybody connects. */
export async function standMachines(folder: string, options: PracticeOptions): Promise<void> {
  for (const name of practiceMachines) await load(folder, name, options);
}

async function load(folder: string, name: string, options: PracticeOptions): Promise<SimulatedMachine> {
  const machine = await SimulatedMachine.load(folder, name, practiceCommands, options);
  if (machine.state.files[stockCertificatesPath] === undefined) {
    // What the vendor's package would bring along.
    const parts = stockCertificatesPath.split('/').slice(1, -1);
    const above = parts.map((_, index) => [`/${parts.slice(0, index + 1).join('/')}`, aFolder()] as const);
    const certificates = textFile(await readStockCertificates(folder));
    await machine.apply({ files: { ...Object.fromEntries(above), [stockCertificatesPath]: certificates } });
  }
  return machine;
}
