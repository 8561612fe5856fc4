/**
 * How long the window's own tasks held its main thread: from Chromium's trace, as time on the processor. What a busy machine took away
 * from them in between is not theirs, and is told beside it.
 */
import { readFile, rm } from 'node:fs/promises';
import type { Kit } from '../e2e/launch.ts';

interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  readonly args?: { readonly name?: string };
  /** Microseconds on the clock, and on the processor. */
  readonly ts?: number;
  readonly dur?: number;
  readonly tdur?: number;
}

export interface Tasks {
  readonly count: number;
  /** Longest, in milliseconds on the processor; and how many took more than 50. */
  readonly longestMs: number;
  readonly long: number;
  /** The same on the clock. */
  readonly longestClockMs: number;
  readonly longClock: number;
}

/** Performs `act` under a trace of the page's main thread. */
export async function tasksDuring({ app }: Kit, act: () => Promise<void>): Promise<Tasks> {
  await app.evaluate(({ contentTracing }) => contentTracing.startRecording({ included_categories: ['toplevel'] }));
  await act();
  const path = await app.evaluate(({ contentTracing }) => contentTracing.stopRecording());
  const { traceEvents } = JSON.parse(await readFile(path, 'utf8')) as { traceEvents: readonly TraceEvent[] };
  await rm(path, { force: true });
  const mains = new Set(
    traceEvents
      .filter(({ ph, name, args }) => ph === 'M' && name === 'thread_name' && args?.name === 'CrRendererMain')
      .map(({ pid, tid }) => `${pid} ${tid}`),
  );
  const tasks = traceEvents.filter(
    ({ ph, name, pid, tid }) => ph === 'X' && name.endsWith('RunTask') && mains.has(`${pid} ${tid}`),
  );
  if (tasks.length === 0) throw new Error('the trace holds no task of the page');
  const cpu = tasks.map(({ tdur, dur }) => (tdur ?? dur ?? 0) / 1000);
  const clock = tasks.map(({ dur }) => (dur ?? 0) / 1000);
  return {
    count: tasks.length,
    longestMs: Math.max(...cpu),
    long: cpu.filter((ms) => ms > 50).length,
    longestClockMs: Math.max(...clock),
    longClock: clock.filter((ms) => ms > 50).length,
  };
}
