/**
 * A site of twenty-one machines, of which twenty are bare ones that are to become nodes: three fail in different ways and hold up
 * nobody; then all are recorded, and compared with their record, in less than a minute.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exitCodes } from '../../src-shared/problem.ts';
import { unless } from '../unless.ts';
import { bootBareNode, checkpointAnswers, Lab, type LabMachine, longLabUnavailable, restore } from './index.ts';
import type { CliResult, Laptop } from './site.ts';

const reason = longLabUnavailable();

const count = 20;
/** Late enough that three are never so many of those begun that further ones are held back. */
const unreachable = 14;
const full = 17;
const foreign = 20;
const sick = [unreachable, full, foreign];

/** What is asked of a comparison of ten machines. */
const askedMs = 60_000;

const ended = ({ lines }: CliResult) =>
  lines.flatMap((line) =>
    line.kind === 'run-ended'
      ? [[String(line.instance), (line.problem as { code: string } | null)?.code ?? String(line.outcome)] as const]
      : [],
  );

interface Compared {
  readonly compared: readonly string[];
  readonly differences: readonly { readonly machine: string; readonly part: string; readonly name: string }[];
  readonly unreached: Readonly<Record<string, { readonly code: string }>>;
}

describe('twenty nodes', unless(reason), () => {
  let lab: Lab;
  let laptop: Laptop;
  const nodes: LabMachine[] = [];
  const node = (number: number): LabMachine => nodes[number - 1] as LabMachine;
  const names = Array.from({ length: count }, (_, index) => `node-${index + 1}`);
  const answers: Record<string, string> = { ...checkpointAnswers };

  const look = () => laptop.fieldkit(['run', 'connect', 'preflight', '--yes', '--answers', laptop.answersPath]);
  const compare = async () => {
    const started = Date.now();
    const { code, lines, stdout } = await laptop.fieldkit(['record', 'compare', '--answers', laptop.answersPath]);
    return { code, stdout, tookMs: Date.now() - started, found: lines.at(-1) as unknown as Compared };
  };

  beforeAll(async () => {
    lab = await Lab.open();
    ({ laptop } = await restore(lab, 'master-running', { name: 'master' }));
    for (const name of names) {
      const machine = await bootBareNode(lab, nodes.length + 1);
      nodes.push(machine);
      await laptop.addMachine(machine, name, ['roles: [node]']);
      answers[`host-key:${name}`] = 'yes';
    }
    await laptop.answer(answers);
  });
  afterAll(async () => {
    await lab?.close();
    await laptop?.discard();
  });

  it('are looked at, and the three that fail say why; the other seventeen come to their end', async () => {
    await node(unreachable).kill();
    await node(full).mustShell('mount -t tmpfs -o size=100m tmpfs /opt');
    await node(foreign).mustShell('sed -i \'s/VERSION_ID="12"/VERSION_ID="13"/\' /usr/lib/os-release');
    const run = await look();
    const outcomes = Object.fromEntries(ended(run));
    expect(outcomes, run.stdout.slice(-3000)).toMatchObject({
      [`connect@machine:node-${unreachable}`]: 'host-unreachable',
      [`preflight@machine:node-${full}`]: 'target-disk-small',
      [`preflight@machine:node-${foreign}`]: 'target-other-system',
      ...Object.fromEntries(
        names.filter((_, index) => !sick.includes(index + 1)).map((name) => [`preflight@machine:${name}`, 'done']),
      ),
    });
    expect(run.code).not.toBe(0);
  });

  it('go on to the same end once each is mended', async () => {
    await node(unreachable).start();
    await node(full).mustShell('umount /opt');
    await node(foreign).mustShell('sed -i \'s/VERSION_ID="13"/VERSION_ID="12"/\' /usr/lib/os-release');
    const resumed = await look();
    expect(resumed.code, resumed.stdout.slice(-3000)).toBe(0);
    const done = new Set(ended(resumed).flatMap(([instance, how]) => (how === 'done' ? [instance] : [])));
    for (const number of sick) expect(done).toContain(`preflight@machine:node-${number}`);
  });

  it('are recorded and compared with their record, side by side, in less than a minute', async () => {
    const recorded = await laptop.fieldkit(['run', 'record-site', '--yes', '--answers', laptop.answersPath]);
    expect(recorded.code, recorded.stdout.slice(-3000)).toBe(0);
    const same = await compare();
    expect(same.code, same.stdout.slice(-3000)).toBe(exitCodes.done);
    expect([...same.found.compared].sort()).toEqual(['master-1', ...names].sort());
    console.log(`compared ${same.found.compared.length} machines in ${same.tookMs} ms`);
    expect(same.tookMs).toBeLessThan(askedMs);
  });

  it('are told apart when one differs and one cannot be reached, and that takes no longer', async () => {
    await node(2).mustShell('echo 192.0.2.7 elsewhere >> /etc/hosts');
    await node(5).kill();
    const differs = await compare();
    expect(differs.found.differences).toMatchObject([{ machine: 'node-2', part: 'file', name: '/etc/hosts' }]);
    expect(differs.found.unreached).toMatchObject({ 'node-5': { code: 'host-unreachable' } });
    expect(differs.found.compared).toHaveLength(count);
    expect(differs.code).toBe(exitCodes.connection);
    console.log(`compared ${differs.found.compared.length} of ${count + 1} machines in ${differs.tookMs} ms`);
    expect(differs.tookMs).toBeLessThan(askedMs);
  });
});
