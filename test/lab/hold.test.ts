/** Two laptops and one machine: who is at work on it is told, taken over only by a yes or after silence, and given back. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { makeHands } from '../../src-main/performers/hands.ts';
import { systemClock } from '../../src-main/platform/clock.ts';
import { networkFetch } from '../../src-main/platform/fetch.ts';
import { recordedAsker } from '../../src-main/runbook/asking.ts';
import { type Command, defineStep, done, machines, run, todo } from '../../src-main/runbook/define.ts';
import { readJournal } from '../../src-main/runbook/journal-store.ts';
import { OpenSite } from '../../src-main/runbook/open-site.ts';
import type { Hands } from '../../src-main/runbook/performer.ts';
import { Runner } from '../../src-main/runbook/runner.ts';
import { openConnection, scanHostKey } from '../../src-main/target/connection.ts';
import { unless } from '../unless.ts';
import { Lab, type LabMachine, labUnavailable } from './index.ts';

const reason = labUnavailable();

const path = '/run/fieldkit/hold';

/** Does these commands, in order, unless the file that the last of them makes is there. */
const stepOf = (commands: readonly Command[], mark: string) =>
  defineStep({
    id: 'change-it',
    chapter: 'machine',
    phase: 'site',
    per: machines('master'),
    after: [],
    risk: 'changes',
    holds: [],
    input: z.strictObject({}),
    facts: z.strictObject({ stands: z.boolean() }),
    read: async (world) => ({
      stands: (await world.probe('master-1', [{ id: 'mark', kind: 'stat', path: mark }])).mark?.exit === 0,
    }),
    found: () => [],
    verdict: ({ stands }) => (stands ? done() : todo()),
    plan: () => commands,
  });

describe('the hold on a machine', unless(reason), () => {
  let lab: Lab;
  let machine: LabMachine;
  let laptops: Technician[] = [];
  let count = 0;

  interface Technician {
    readonly site: OpenSite;
    readonly hands: Hands;
    readonly folder: string;
    /** Runs a step of these commands; `takes` answers the question whether to take over. */
    readonly work: (commands: readonly Command[], takes?: string) => ReturnType<Runner['runAll']>;
  }

  async function technician(): Promise<Technician> {
    const folder = await mkdtemp(join(tmpdir(), 'fieldkit-hold-'));
    await writeFile(
      join(folder, 'site.yaml'),
      `format: 1
name: held
machines:
  - { name: master-1, roles: [master], address: ${machine.address}, port: ${machine.sshPort}, user: ${machine.login.user}, keyFile: ${machine.login.keyPath}, hostKey: "${await machine.hostKeyFingerprint()}", release: "12", interface: host0 }
`,
    );
    const site = await OpenSite.open(folder, { program: 'test', practice: false, clock: systemClock });
    const outside = { fetch: networkFetch, open: openConnection, scanHostKey };
    const asker = recordedAsker({}, { yes: true, who: 'test' });
    const parts = { site, asker, outside, jobs: {}, sights: {}, program: 'Kit 1', env: {} };
    const hands = makeHands({ ...parts, cacheFolder: folder, vaultPath: join(folder, 'vault.json') });
    const one: Technician = {
      site,
      hands,
      folder,
      work: async (commands, takes) => {
        count += 1;
        const mark = `/root/mark-${count}`;
        const runner = new Runner(site, [stepOf([...commands, run('master-1', ['touch', mark])], mark)], hands);
        await runner.refresh();
        const answers: Record<string, string> = takes === undefined ? {} : { 'take-hold:master-1': takes };
        return runner.runAll(runner.instances(), {
          asker: recordedAsker(answers, { yes: true, who: 'test' }),
          consent: 'phase',
          agreed: [],
          skip: [],
          inputs: {},
          signal: new AbortController().signal,
        });
      },
    };
    laptops.push(one);
    return one;
  }
  const holdsIn = async ({ folder }: Technician) =>
    (await readJournal(join(folder, 'journal.jsonl'))).events.flatMap((event) =>
      event.kind === 'hold' ? [event.how] : [],
    );
  const waits = (gate: string): Command[] => [
    run('master-1', ['touch', `${gate}.begun`]),
    run('master-1', ['sh', '-c', `until [ -e ${gate} ]; do sleep 0.2; done`], { limitMs: 120_000 }),
  ];
  const begun = (gate: string) => machine.mustShell(`until [ -e ${gate}.begun ]; do sleep 0.2; done`);

  beforeAll(async () => {
    lab = await Lab.open();
    machine = await lab.bootMachine({ name: 'held' });
  });
  afterAll(() => lab?.close());
  let first: Technician;
  let second: Technician;
  beforeEach(async () => {
    [first, second] = [await technician(), await technician()];
  });
  afterEach(async () => {
    for (const { hands, site, folder } of laptops) {
      await hands.close();
      await site.close();
      await rm(folder, { recursive: true, force: true });
    }
    laptops = [];
    await machine.mustShell('rm -rf /run/fieldkit');
  });

  it('is given back when the work is over, and leaves nothing', async () => {
    expect(await first.work([])).toMatchObject([{ outcome: 'done' }]);
    expect((await machine.shell('test -e /run/fieldkit')).code).toBe(1);
    expect(await second.work([])).toMatchObject([{ outcome: 'done' }]);
    expect([await holdsIn(first), await holdsIn(second)]).toEqual([[], []]);
  });

  it('tells another laptop who is at work, and changes nothing for it', async () => {
    const working = first.work(waits('/root/gate-a'));
    await begun('/root/gate-a');
    const before = await machine.mustShell(`ls /root; cat ${path}`);
    const [refused] = await second.work([]);
    expect(refused).toMatchObject({
      outcome: 'failed',
      problem: { code: 'machine-held', params: { program: 'Kit 1' } },
    });
    expect((await second.work([], 'no'))[0]?.problem?.code).toBe('machine-held');
    expect(await machine.mustShell(`ls /root; cat ${path}`)).toBe(before);
    await machine.mustShell('touch /root/gate-a');
    expect(await working).toMatchObject([{ outcome: 'done' }]);
    expect(await second.work([])).toMatchObject([{ outcome: 'done' }]);
  });

  it('is taken over by a yes; the other is refused its next change, and both journals say so', async () => {
    const working = first.work(waits('/root/gate-b'));
    await begun('/root/gate-b');
    const relieving = second.work(waits('/root/gate-c'), 'yes');
    await begun('/root/gate-c');
    await machine.mustShell('touch /root/gate-b');
    expect((await working)[0]).toMatchObject({ outcome: 'failed', problem: { code: 'machine-taken' } });
    await machine.mustShell('touch /root/gate-c');
    // Who lost it gives nothing back that is not theirs.
    expect(await relieving).toMatchObject([{ outcome: 'done' }]);
    expect([await holdsIn(first), await holdsIn(second)]).toEqual([['lost'], ['asked']]);
  });

  it('of a laptop that fell silent is taken without asking, and said', async () => {
    await machine.mustShell(
      `mkdir -p /run/fieldkit; printf 'gone\\n{"person":"ada","laptop":"bench-1"}\\n' > ${path}; touch -d '11 minutes ago' ${path}`,
    );
    expect(await second.work([])).toMatchObject([{ outcome: 'done' }]);
    expect(await holdsIn(second)).toEqual(['silent']);
  });

  it('is taken again where the machine forgot it, as a reboot makes it, and nothing is begun without it', async () => {
    const goes = ['sh', '-c', `[ "$(head -n 1 ${path} 2>&1)" = "$1" ] && rm -rf /run/fieldkit`, 'sh'];
    expect(await first.work([])).toMatchObject([{ outcome: 'done' }]);
    const own = (await readFile(join(first.folder, 'hold-id'), 'utf8')).trim();
    const held = ['sh', '-c', `[ "$(head -n 1 ${path})" = "$1" ] && touch /root/held`, 'sh', own];
    expect(await first.work([run('master-1', [...goes, own]), run('master-1', held)])).toMatchObject([
      { outcome: 'done' },
    ]);
    expect((await machine.shell('test -e /root/held')).code).toBe(0);
    expect(await holdsIn(first)).toEqual([]);
  });

  it('stays its laptop’s through a cut connection', async () => {
    const gone = first.work(waits('/root/gate-d'));
    await begun('/root/gate-d');
    expect(await machine.mustShell(`wc -l < ${path}`)).toBe('2\n');
    await machine.cutConnections();
    await machine.mustShell('touch /root/gate-d');
    // Reached again within the run: the hold is still ours.
    expect(await gone).toMatchObject([{ outcome: 'done' }]);
    expect(await first.work([])).toMatchObject([{ outcome: 'done' }]);
    expect(await holdsIn(first)).toEqual([]);
  });
});
