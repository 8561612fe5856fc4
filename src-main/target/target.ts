// What the program can do on a target machine: one interface, implemented by the real connection and by simulated machines.
// Called by the runbook's performers and by steps' reads. It knows nothing of steps.
import type { Duplex } from 'node:stream';
import type { Problem } from '../../src-shared/problem.ts';
import type { Answer, Probe } from '../../src-shared/step.ts';

export interface ExecOptions {
  /** `root` (the default), `login` (who logged in), or a user's name. */
  readonly as?: string;
  readonly stdin?: string | Uint8Array;
  readonly onLine?: (stream: 'stdout' | 'stderr', line: string) => void;
  /** The command is ended on the target after this long. */
  readonly limitMs?: number;
  /** So long it may take to end once it is told to, before it is killed; 5 s without it. */
  readonly endsWithinMs?: number;
  /** Begun only while the machine's hold has this id; else `HoldLost` is thrown, and nothing was done. */
  readonly heldBy?: string;
  readonly signal?: AbortSignal;
}

export interface ExecResult {
  /** 128 + signal number when a signal ended it. */
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface UnitOptions {
  /** `root` (the default), `login`, or a user's name. */
  readonly as?: string;
  /** Reaches the command through a file in memory that is gone once the command runs. */
  readonly stdin?: string | Uint8Array;
  /** Run as root once the command is over, however it ended: also when it was stopped or killed. Not over a reboot. */
  readonly afterwards?: readonly string[];
  readonly signal?: AbortSignal;
}

export interface FollowOptions {
  readonly onLine?: (line: string) => void;
  /** Log bytes already seen, as told by `onOffset`; lines before it are not repeated. */
  readonly fromByte?: number;
  readonly onOffset?: (bytes: number) => void;
  readonly pollMs?: number;
  readonly signal?: AbortSignal;
}

/** `ended` with exit null: it was killed, or the machine went down, before it could tell. */
export type UnitState =
  | { readonly state: 'absent' }
  | { readonly state: 'running' }
  | { readonly state: 'ended'; readonly exit: number | null };

export interface UnitEnd {
  readonly exit: number | null;
  /** The end of its log, at most 64 KiB. */
  readonly tail: string;
}

export interface WriteOptions {
  /** Permission bits. */
  readonly mode: number;
  /** `user:group`; an existing file keeps its own when absent, a new one is root's. */
  readonly owner?: string;
  /** Hash of the content that is expected to be replaced, null when there should be no file. Not checked when absent. */
  readonly expectSha256OfOld?: string | null;
  /** Keeps the present content as `<path>.fieldkit-copy`, unless there is such a copy already. */
  readonly keepCopy?: boolean;
  /** As for a command. */
  readonly heldBy?: string;
  readonly signal?: AbortSignal;
}

export interface UploadRequest {
  /** Path on the laptop or the medium. */
  readonly from: string;
  readonly to: string;
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly mode: number;
  readonly onProgress?: (doneBytes: number) => void;
  readonly signal?: AbortSignal;
}

export interface ReceiveRequest {
  readonly from: string;
  /** Absolute path on the laptop. What came of an earlier try lies beside it as `<to>.part`, and is gone on with. */
  readonly to: string;
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
  readonly signal?: AbortSignal;
}

export interface PullOptions {
  /** `flow` holds the machine back while the reader catches up. */
  readonly take: (bytes: Uint8Array, flow: { pause(): unknown; resume(): unknown }) => void;
  readonly signal: AbortSignal;
}

export interface ForwardRequest {
  /** Port on the target's loopback address 127.0.0.1. */
  readonly port: number;
  /** One call for each connection made on the target; hand it to an http server with `emit('connection', stream)`. */
  readonly onStream: (stream: Duplex) => void;
  readonly signal?: AbortSignal;
}

export interface Forward {
  close(): Promise<void>;
}

export interface Target {
  /** The machine's name in the site plan. */
  readonly name: string;
  /** Who logged in. */
  readonly user: string;
  /** What the ssh server says it is, cleaned; empty for a simulated machine. */
  readonly serverVersion: string;
  /** Resolves (never rejects) when the connection is gone, with the reason: `connection-lost`, or `cancelled` after `close`. */
  readonly closed: Promise<Problem>;
  /** Answers by probe id, in one round trip. */
  probe(probes: readonly Probe[], signal?: AbortSignal): Promise<Record<string, Answer>>;
  exec(argv: readonly string[], options?: ExecOptions): Promise<ExecResult>;
  /** Starts long work that outlives the connection. Does nothing when a run with this id is there already. */
  startUnit(id: string, argv: readonly string[], options?: UnitOptions): Promise<void>;
  /** Waits for its end; lines come as they are written. */
  followUnit(id: string, options?: FollowOptions): Promise<UnitEnd>;
  unitState(id: string): Promise<UnitState>;
  stopUnit(id: string): Promise<void>;
  /** Removes what is kept of an ended run. */
  forgetUnit(id: string): Promise<void>;
  writeFile(path: string, text: string | Uint8Array, options: WriteOptions): Promise<void>;
  upload(request: UploadRequest): Promise<void>;
  receive(request: ReceiveRequest): Promise<void>;
  /** Runs a command as root and hands over what it prints, byte for byte. Throws `command-failed` for an exit that is not 0. */
  pull(argv: readonly string[], options: PullOptions): Promise<void>;
  /** Runs a command as root and feeds it bytes. Throws as `pull`. */
  push(
    argv: readonly string[],
    source: AsyncIterable<Uint8Array>,
    options: { readonly signal: AbortSignal },
  ): Promise<void>;
  reverseForward(request: ForwardRequest): Promise<Forward>;
  close(): void;
}
