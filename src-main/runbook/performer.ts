// What the engine needs from outside, as interfaces: who performs commands, reads the world and lends leases.
// Implemented in compose (real hands) and by the practice site; the runner knows nothing else of them.
import type { Sighting } from '../../src-shared/sighting.ts';
import type { Phase, Question, Text } from '../../src-shared/step.ts';
import type { Command, Lease, World } from './define.ts';

export interface JobProgress {
  readonly done: number;
  /** null: unknown. */
  readonly total: number | null;
  readonly unit: 'bytes' | 'files' | 'packages' | 'parts' | 'seconds';
  /** What is being worked on; shown, never translated. */
  readonly what?: string;
}

/** Given to a performer with each command. */
export interface Performing {
  readonly instance: string;
  readonly phase: Phase;
  readonly hash: string;
  readonly index: number;
  /** Resolves references; the escaping is the caller's. */
  readonly resolve: (text: Text) => Promise<string>;
  readonly captured: (name: string) => string;
  readonly ask: (question: Question) => Promise<string>;
  /** Opens again what the step holds, after a lost connection closed it. */
  readonly openLeases: () => Promise<void>;
  readonly onProgress: (progress: JobProgress) => void;
  readonly onLine: (line: string) => void;
  /** `seen`: what the look that just ended told, null when it told nothing. */
  readonly onAwaiting: (sinceMs: number, nextLookMs: number, seen?: Sighting | null) => void;
  readonly signal: AbortSignal;
}

export interface Performed {
  readonly exit: number | null;
  readonly output: string;
}

export interface Hands {
  readonly world: (signal: AbortSignal) => World;
  /** Performs one command. Throws a Problem when it failed; `connection-lost` when its end is unknown. */
  readonly perform: (command: Command, context: Performing) => Promise<Performed>;
  /** What became of a command whose end is unknown; null when nobody can tell, so that facts must. Follows one that still runs. */
  readonly settle: (command: Command, context: Performing) => Promise<Performed | null>;
  readonly openLease: (lease: Lease, machine: string, signal: AbortSignal) => Promise<void>;
  readonly leaseOpen: (lease: Lease, machine: string) => boolean;
  /** Whether the site may go on here. Throws `site-went-on-elsewhere` when the medium holds a history that went on without us. */
  readonly ready: () => Promise<void>;
  /** Copies the site's folder to the medium where it can be written. Never throws. */
  readonly edge: () => Promise<void>;
  /** The work is over for now: machines are given back. Never throws. */
  readonly rest: () => Promise<void>;
  readonly close: () => Promise<void>;
}
