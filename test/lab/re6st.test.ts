/**
 * A re6st network over a master and its node: the registry is placed on the node, re6st-node is installed, both join, the partitions
 * move into the network, and everything that named an address of before follows; then the way back. Real re6st on stock babeld
 * behind a shim; the registry in its release is re6st's own. From the checkpoint `node-registered`.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkpointAnswers, restoreWithNode } from './checkpoints.ts';
import { Lab, type LabMachine, longLabUnavailable, startVendorRepository, type VendorRepository } from './index.ts';
import { addTokens, allReach, partitionAddresses, re6stNetwork } from './re6st.ts';
import { registryRelease } from './release.ts';
import { type CliResult, type Laptop, walk } from './site.ts';

const reason = longLabUnavailable();
if (reason !== null) console.warn(`lab tests skipped: ${reason}`);

/** In the order in which they must join, with the address that each gets. */
const own = { 'node-1': 'fdbb:eb3c:1b95::1', 'master-1': 'fdbb:eb3c:1b95:1::1' } as const;
type Name = keyof typeof own;
const names = Object.keys(own) as Name[];
const tokens = { 'node-1': 'canary1re6st1token', 'master-1': 'canary2re6st2token' } as const;

const answers = {
  ...checkpointAnswers,
  'host-key:node-1': 'yes',
  ...Object.fromEntries(names.map((name) => [`re6st-token:${name}`, tokens[name]])),
};

const problemOf = ({ lines }: CliResult) =>
  lines.flatMap(({ kind, problem }) =>
    kind === 'run-ended' && problem !== null ? [(problem as { code: string }).code] : [],
  );

describe.skipIf(reason !== null)('a re6st network', () => {
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

  it('puts re6st-node and the registry onto the medium, with all they depend on', async () => {
    // The master has just booted.
    await pages();
    await must(...walk.prepare(laptop).slice(1, 2), '--input', `choose-medium@site.path=${laptop.stick}`);
  });

  it('places the registry on its node, for the network of the plan, and installs re6st-node from the medium', async () => {
    const asked = vendor.requests.length;
    await must('install-re6st-registry', 'install-re6st-node');
    expect(vendor.requests.length).toBe(asked);
    for (const name of names) expect((await machines[name].shell('systemctl is-active re6stnet')).code).not.toBe(0);
  });

  it('lets them join, the machine of the registry first', async () => {
    const early = await field('join-re6st@machine:master-1');
    expect(problemOf(early)).toEqual(['step-before-missing']);
    await addTokens(machines['node-1'], Object.values(tokens));
    await must('join-re6st');
    for (const name of names) {
      expect(await machines[name].mustShell('systemctl is-enabled re6stnet')).toContain('enabled');
      expect(await machines[name].mustShell('ip -6 addr show dev lo')).toContain(` ${own[name]}/64 `);
      const config = await machines[name].mustShell('cat /etc/re6stnet/re6stnet.conf');
      expect(config).toContain(`\nip ${machines[name].address}\ninterface host0\n`);
    }
    await allReach(machines, own);
  });

  it('has every partition in the network after the move, and what named an address of before follows', async () => {
    const before = await masterUrl();
    await must('move-to-re6st');
    for (const address of await partitions('node-1')) expect(address).toMatch(/^fdbb:eb3c:1b95:(0:|:)/);
    for (const address of await partitions('master-1')) expect(address).toMatch(/^fdbb:eb3c:1b95:1:/);
    await must('update-references');
    expect(await masterUrl()).toMatch(/\[fdbb:eb3c:1b95:1:/);
    expect(await masterUrl()).not.toBe(before);
    expect(await machines['node-1'].mustShell('cat /home/tech/.slapos/slapos-client.cfg')).toContain(
      '[fdbb:eb3c:1b95:1:',
    );
    for (const name of names)
      expect(await machines[name].mustShell('cat /etc/re6stnet/re6stnet.conf')).toMatch(
        /^registry http:\/\/\[fdbb:eb3c:1b95:/m,
      );
    await machines['node-1'].mustShell('slapos node format --now');
    await pages();
    await allReach(machines, own);
  });

  it('stands again after every machine was rebooted, and has nothing left to do', async () => {
    for (const name of names) await machines[name].reboot();
    await allReach(machines, own);
    await pages();
    const all = ['install-re6st-registry', 'install-re6st-node', 'join-re6st', 'move-to-re6st', 'update-references'];
    await expect
      .poll(async () => (await laptop.fieldkit(['check', ...all, '--answers', laptop.answersPath])).code, {
        timeout: 300_000,
        interval: 3000,
      })
      .toBe(0);
    const again = await must(...all);
    expect(again.lines.filter(({ kind }) => kind === 'command-started')).toEqual([]);
  });

  it('goes back to the addresses of before', async () => {
    const undone = await laptop.fieldkit([
      'undo',
      'move-to-re6st@machine:master-1',
      '--yes',
      '--answers',
      laptop.answersPath,
    ]);
    expect(undone.code, undone.stdout.slice(-4000) + undone.stderr).toBe(0);
    for (const name of names) for (const address of await partitions(name)) expect(address).toMatch(/^fd5a:77:/);
    expect(await masterUrl()).toMatch(/\[fd5a:77:/);
    await pages();
    await machines['node-1'].mustShell('slapos node format --now');
  });
});
