// Which machines this site's run holds: taken at the first change, renewed while it works, given back when the run is over.
// Used by the hands. Another laptop's hold is taken only when a person says so, or when it fell silent; both are journaled.
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { Problem, problem } from '../../src-shared/problem.ts';
import type { Question } from '../../src-shared/step.ts';
import { readTextOrNull, writeAtomic } from '../platform/files.ts';
import { userName } from '../platform/who.ts';
import { type OpenSite, siteFiles } from '../runbook/open-site.ts';
import type { Performing } from '../runbook/performer.ts';
import { type Hold, type Holder, releaseHold, takeHold } from '../target/hold.ts';
import type { Target } from '../target/target.ts';

/** A laptop that works says so this often; one that has not for `staleMs` has gone. */
const renewMs = 30_000;
const staleMs = 10 * 60_000;

export interface MachineHolds {
  /** Before each change. Throws `machine-held`, `machine-taken`, and what the connection throws. */
  readonly hold: (machine: string, context: Pick<Performing, 'ask' | 'signal'>) => Promise<void>;
  /**
   * The same for what looks itself, where it begins, whether the hold is still ours: the id to look for, null where it was taken just
   * now. Asks the machine only at the first change.
   */
  readonly held: (machine: string, context: Pick<Performing, 'ask' | 'signal'>) => Promise<string | null>;
  /** The run is over. Never throws: a hold that cannot be given back falls silent. */
  readonly releaseAll: () => Promise<void>;
}

export interface HoldParts {
  readonly site: OpenSite;
  readonly program: string;
  /** Does something over a connection that may act as root. */
  readonly withSudo: <T>(machine: string, signal: AbortSignal, act: (target: Target) => Promise<T>) => Promise<T>;
}

interface Held {
  readonly holder: Holder;
  readonly timer: NodeJS.Timeout;
}

export function machineHolds({ site, program, withSudo }: HoldParts): MachineHolds {
  const held = new Map<string, Held>();
  /** Machines are taken side by side, and all of them by one name. */
  let id: Promise<string> | null = null;
  const ownId = (): Promise<string> => {
    id ??= holdId(site).catch((error: unknown) => {
      id = null;
      throw error;
    });
    return id;
  };

  const take = async (machine: string, holder: Holder, takeFrom: string | null, signal: AbortSignal): Promise<Hold> => {
    const id = await ownId();
    return withSudo(machine, signal, (target) => takeHold(target, { id, holder, staleMs, takeFrom }));
  };
  const told = (machine: string, how: 'silent' | 'asked' | 'lost', { person, laptop, since }: Holder): Promise<void> =>
    site.append({ kind: 'hold', machine, how, other: `${person}@${laptop}`, since });

  function keep(machine: string, holder: Holder): void {
    const timer = setInterval(() => {
      // What goes wrong here the next change says.
      void take(machine, holder, null, AbortSignal.timeout(renewMs)).catch(() => undefined);
    }, renewMs);
    timer.unref();
    held.set(machine, { holder, timer });
  }

  function drop(machine: string): void {
    clearInterval(held.get(machine)?.timer);
    held.delete(machine);
  }

  async function hold(machine: string, context: Pick<Performing, 'ask' | 'signal'>): Promise<void> {
    const known = held.get(machine);
    const since = site.clock.now().toISOString();
    const holder = known?.holder ?? { person: userName(), laptop: hostname(), program, since };
    let hold = await take(machine, holder, null, context.signal);
    if (hold.state === 'held' && known !== undefined) {
      drop(machine);
      await told(machine, 'lost', hold.by);
      throw problem('machine-taken', wordsOf(machine, hold));
    }
    if (hold.state === 'held') {
      await askToTake(machine, hold, context);
      hold = await take(machine, holder, hold.id, context.signal);
      if (hold.state === 'held') throw problem('machine-held', wordsOf(machine, hold));
      if (hold.from !== null) await told(machine, 'asked', hold.from);
    } else if (hold.from !== null) await told(machine, 'silent', hold.from);
    if (known === undefined) keep(machine, holder);
  }

  return {
    hold,
    held: async (machine, context) => {
      if (held.has(machine)) return ownId();
      await hold(machine, context);
      return null;
    },
    releaseAll: async () => {
      const machines = [...held.keys()];
      for (const machine of machines) drop(machine);
      const id = machines.length === 0 ? '' : await ownId();
      const limit = AbortSignal.timeout(15_000);
      await Promise.allSettled(
        machines.map((machine) => withSudo(machine, limit, (target) => releaseHold(target, id))),
      );
    },
  };
}

/** A person says yes, or this throws `machine-held`. */
async function askToTake(
  machine: string,
  hold: Extract<Hold, { state: 'held' }>,
  { ask }: Pick<Performing, 'ask'>,
): Promise<void> {
  const { by, silentMs } = hold;
  const question: Question = {
    id: `take-hold:${machine}`,
    kind: 'confirm',
    key: 'steps.connect.asks.takeHold',
    params: { machine, owner: `${by.person}@${by.laptop}`, silentMs },
    show: [
      { label: 'holder', value: `${by.person}@${by.laptop}` },
      { label: 'program', value: by.program },
      { label: 'since', value: by.since },
    ],
    choices: [],
  };
  const answer = await ask(question).catch((error: unknown) => {
    if (error instanceof Problem && error.code === 'question-unanswered') return 'no';
    throw error;
  });
  if (answer !== 'yes') throw problem('machine-held', wordsOf(machine, hold));
}

const wordsOf = (machine: string, { by, silentMs }: Extract<Hold, { state: 'held' }>) => ({
  machine,
  owner: `${by.person}@${by.laptop}`,
  program: by.program,
  since: by.since,
  silentMs,
});

/** Names this site on this laptop; made once. */
async function holdId(site: OpenSite): Promise<string> {
  const path = join(site.folder, siteFiles.holdId);
  const known = (await readTextOrNull(path))?.trim() ?? '';
  if (/^[0-9a-f]{32}$/.test(known)) return known;
  const made = randomBytes(16).toString('hex');
  await writeAtomic(path, `${made}\n`);
  return made;
}
