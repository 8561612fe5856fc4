/**
 * A re6st network that meets with trouble: ranges that clash, a registry that cannot be reached, a machine without power and a laptop
 * without its program in the middle of the move, a machine that comes after it; then the way back. That all goes well on a whole site
 * is proved by whole-site.test.ts. Real re6st on stock babeld behind a shim; the registry in its release is re6st's own. From the
 * checkpoint `node-registered`.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Command, Plan } from '../../src-shared/step.ts';
import { unless } from '../unless.ts';
import { bootBareNode, checkpointAnswers, restoreWithNode } from './checkpoints.ts';
import {
  Lab,
  type LabMachine,
  longLabUnavailable,
  Panel,
  startVendorRepository,
  type VendorRepository,
} from './index.ts';
import { addTokens, allReach, partitionAddresses, re6stNetwork } from './re6st.ts';
import { registryRelease } from './release.ts';
import { type CliResult, type Laptop, walk } from './site.ts';

const reason = longLabUnavailable();

/** In the order in which they join, with the address that each gets; the last one comes after the move. */
const own = {
  'node-1': 'fdbb:eb3c:1b95::1',
  'master-1': 'fdbb:eb3c:1b95:1::1',
  'node-2': 'fdbb:eb3c:1b95:2::1',
} as const;
type Name = keyof typeof own;
const names = Object.keys(own) as Name[];
const { 'node-2': _late, ...ownFirst } = own;
const tokenOf = (name: Name): string => `canary${names.indexOf(name)}re6st0token`;

const answers: Record<string, string> = {
  ...checkpointAnswers,
  ...Object.fromEntries(
    names.flatMap((name) => [
      [`re6st-token:${name}`, tokenOf(name)],
      [`host-key:${name}`, 'yes'],
    ]),
  ),
};

const problemOf = ({ lines }: CliResult) =>
  lines.flatMap(({ kind, problem }) =>
    kind === 'run-ended' && problem !== null ? [(problem as { code: string }).code] : [],
  );

const asked = ({ lines }: CliResult) =>
  lines.flatMap(({ kind, question }) => (kind === 'asked' ? [(question as { id: string }).id] : []));

describe('a re6st network', unless(reason), () => {
  let lab: Lab;
  let vendor: VendorRepository;
  let laptop: Laptop;
  const machines = {} as Record<Name, LabMachine>;

  const field = (...words: readonly string[]) =>
    laptop.fieldkit(['run', ...words, '--yes', '--answers', laptop.answersPath]);
  const must = async (...words: readonly string[]) => {
    const run = await field(...words);
    expect(run.code, run.stdout.slice(-6000) + run.stderr).toBe(0);
    return run;
  };
  const partitions = (name: Name) => partitionAddresses(machines[name]);
  const masterUrl = async () =>
    (await machines['node-1'].mustShell('grep ^master_url /etc/opt/slapos/slapos.cfg')).trim();
  /** The master's pages at its own address, through the redirect. */
  const pages = () =>
    expect
      .poll(
        () =>
          fetch(`http://${machines['master-1'].address}/erp5/`).then(
            ({ status }) => status,
            () => 0,
          ),
        { timeout: 300_000, interval: 1000 },
      )
      .toBe(200);

  beforeAll(async () => {
    lab = await Lab.open();
    vendor = await startVendorRepository();
    const release = await registryRelease();
    const restored = await restoreWithNode(lab, vendor);
    laptop = restored.laptop;
    machines['master-1'] = restored.machine;
    machines['node-1'] = restored.node;
    await laptop.answer(answers);
    await laptop.editPlan((text) => {
      const node = /^ {2}- name: node-1\n(?: {4}.*\n)+/m.exec(text)?.[0] ?? '';
      return `${text
        .replace(node, node.replace(/^( {4}roles:) .*$/m, '$1 [node, registry]'))
        .replace(
          /^releases:\n/m,
          `releases:\n  - name: re6stnet\n    url: ${release.url}\n    archives: { debian-12-amd64: ${release.archivePath} }\n`,
        )}ranges: { lan: "fd5a:77::/48", re6st: "${re6stNetwork}" }\n`;
    });
  });
  afterAll(async () => {
    await lab?.close();
    await vendor?.close();
    await laptop?.discard();
  });

  it('refuses two ranges that are the same, and warns of a local network inside of re6st’s', async () => {
    const path = join(laptop.siteFolder, 'site.yaml');
    const plan = await readFile(path, 'utf8');
    const withLan = async (lan: string) => {
      await writeFile(path, plan.replace(/lan: "[^"]*"/, `lan: "${lan}"`));
      return laptop.fieldkit(['check', 'describe-site', '--answers', laptop.answersPath]);
    };
    const refused = await withLan(re6stNetwork);
    expect(refused.code).not.toBe(0);
    expect(refused.lines.at(-1)).toMatchObject({ problem: { code: 'ranges-identical' } });
    const warned = await withLan('fdbb:eb3c:1b95:7::/64');
    expect(warned.code, warned.stdout).toBe(0);
    expect(warned.stdout).toContain('ranges-overlap');
    await writeFile(path, plan);
  });

  it('puts re6st-node and the registry onto the medium, and the registry on its node', async () => {
    // The master has just booted.
    await pages();
    await must(...walk.prepare(laptop).slice(1, 2), '--input', `choose-medium@site.path=${laptop.stick}`);
    const asked = vendor.requests.length;
    await must('install-re6st-registry', 'install-re6st-node');
    expect(vendor.requests.length).toBe(asked);
  });

  it('lets them join in their order, by a token of a person or of the client, and says when the registry cannot be reached', async () => {
    await addTokens(machines['node-1'], [tokenOf('node-1')]);
    expect(problemOf(await field('join-re6st@machine:master-1'))).toEqual(['step-before-missing']);
    const byHand = 'join-re6st@machine:node-1.byHand=true';
    expect(asked(await must('join-re6st@machine:node-1', '--input', byHand))).toEqual(['re6st-token:node-1']);
    const open = await machines['node-1'].blockPort(9026, 'refused');
    expect(problemOf(await field('join-re6st@machine:master-1'))).toEqual(['re6st-registry-unreachable']);
    await open();
    // Nobody is asked: the site's client gets a shared instance of the registry, and its token.
    expect(asked(await must('join-re6st'))).toEqual([]);
    const journal = await readFile(join(laptop.siteFolder, 'journal.jsonl'), 'utf8');
    expect(journal).toContain('"secret":"re6st-token:master-1"');
    expect(journal).not.toMatch(/\b\d+[a-z]{20}\b/);
    for (const name of ['node-1', 'master-1'] as const) {
      expect(await machines[name].mustShell('systemctl is-enabled re6stnet')).toContain('enabled');
      expect(await machines[name].mustShell('cat /etc/re6stnet/re6stnet.conf')).toContain(
        `\nip ${machines[name].address}\ninterface host0\n`,
      );
    }
    await allReach(machines, ownFirst);
  });

  it('goes on where a machine lost its power, and where the program was killed, in the middle of the move', async () => {
    // As cron begins it every hour: it sleeps for up to an hour, and must not be waited for.
    await machines['node-1'].mustShell(
      "systemd-run --quiet sh -c 'slapos node format >>/opt/slapos/log/slapos-node-format.log 2>&1'",
    );
    let commands: readonly Command[] = [];
    let power: Promise<void> | undefined;
    /** What begins with this line, as far as it is a command of a plan. */
    const begins = (line: Record<string, unknown>): string =>
      line.kind === 'command-started' ? JSON.stringify(commands[line.index as number]) : '';
    const broken = await laptop.fieldkit(['run', 'move-to-re6st', '--yes', '--answers', laptop.answersPath], {
      onLine: (line) => {
        if (line.kind === 'plan') ({ commands } = line.plan as Plan);
        const command = begins(line);
        // What slapos knew of its addresses is out of the way, and what follows has not begun.
        if (power === undefined && command.includes('"machine":"node-1"') && command.includes('"kind":"reboot"'))
          power = machines['node-1'].kill().then(() => machines['node-1'].start());
      },
      killWhen: (line) => {
        const command = begins(line);
        return command.includes('"machine":"master-1"') && command.includes('slapos node instance --all');
      },
    });
    await power;
    expect(power).toBeDefined();
    // Killed, unless the cut was so long that it said so itself.
    if (broken.code !== null) expect(problemOf(broken)).not.toEqual(['internal']);
    await must('move-to-re6st');
    for (const name of ['node-1', 'master-1'] as const)
      for (const address of await partitions(name))
        expect(address).toMatch(name === 'node-1' ? /^fdbb:eb3c:1b95:(0:|:)/ : /^fdbb:eb3c:1b95:1:/);
  });

  it('has what named an address of before follow, and the registry where it was', async () => {
    const before = await masterUrl();
    await must('update-references');
    expect(await masterUrl()).toMatch(/\[fdbb:eb3c:1b95:1:/);
    expect(await masterUrl()).not.toBe(before);
    expect(await machines['node-1'].mustShell('cat /home/tech/.slapos/slapos-client.cfg')).toContain(
      '[fdbb:eb3c:1b95:1:',
    );
    const registry = `\nregistry http://[${machines['node-1'].addresses.ipv6?.split('/')[0]}]:9026\n`;
    for (const name of ['node-1', 'master-1'] as const)
      expect(`\n${await machines[name].mustShell('cat /etc/re6stnet/re6stnet.conf')}`).toContain(registry);
    await machines['node-1'].mustShell('slapos node format --now');
    await pages();
  });

  it('lets a machine in that comes after the move: into the network first, then to the master', async () => {
    machines['node-2'] = await bootBareNode(lab, 2);
    await laptop.addMachine(machines['node-2'], 'node-2', ['roles: [node]']);
    answers['create-node-token:node-2'] = await new Panel(machines['master-1']).token('computer');
    await laptop.answer(answers);
    const early = await field('machine', 'create-node-token');
    expect(problemOf(early)).toEqual(['step-before-missing']);
    expect(early.stdout).toContain('join-re6st@machine:node-2');
    expect(asked(await must('install-re6st-node@machine:node-2', 'join-re6st@machine:node-2'))).toEqual([]);
    await must('node', 're6st');
    for (const address of await partitions('node-2')) expect(address).toMatch(/^fdbb:eb3c:1b95:2:/);
    await allReach(machines, own);
    const again = await must('node', 're6st');
    expect(again.lines.filter(({ kind }) => kind === 'command-started')).toEqual([]);
  });

  it('goes back to the addresses of before', async () => {
    const undo = ['undo', 'move-to-re6st@machine:master-1', '--yes', '--answers', laptop.answersPath];
    const undone = await laptop.fieldkit(undo);
    expect(undone.code, undone.stdout.slice(-4000) + undone.stderr).toBe(0);
    for (const name of names) for (const address of await partitions(name)) expect(address).toMatch(/^fd5a:77:/);
    expect(await masterUrl()).toMatch(/\[fd5a:77:/);
    await pages();
    for (const name of ['node-1', 'node-2'] as const) await machines[name].mustShell('slapos node format --now');
  });
});
