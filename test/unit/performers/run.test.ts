import { describe, expect, it } from 'vitest';
import { performRun, type TargetMeans } from '../../../src-main/performers/on-target.ts';
import type { Performing } from '../../../src-main/runbook/performer.ts';
import type { ExecOptions } from '../../../src-main/target/target.ts';

/** What a machine is told with a command. */
async function toldWith(more: { readonly endsWell?: boolean }): Promise<ExecOptions> {
  const told: ExecOptions[] = [];
  const exec = async (_argv: readonly string[], options: ExecOptions) => {
    told.push(options);
    return { exit: 0, stdout: '', stderr: '' };
  };
  const means = { target: async () => ({ exec }) } as unknown as TargetMeans;
  const context = { signal: new AbortController().signal, onLine: () => undefined } as unknown as Performing;
  const on = { machine: 'm1' };
  await performRun(means, 'm1', { kind: 'run', on, argv: ['join'], limitMs: 450_000, ...more }, context);
  return told[0] ?? {};
}

describe('a command that ends where nothing is lost', () => {
  it('has half a minute for that before it is killed, as the answer to a token may be on its way', async () => {
    expect(await toldWith({ endsWell: true })).toMatchObject({ limitMs: 450_000, endsWithinMs: 30_000 });
  });

  it('is no other one', async () => {
    expect(await toldWith({})).not.toHaveProperty('endsWithinMs');
  });
});
