/**
 * Nodes of a running master: the first is registered, formatted and holds the client; more follow side by side, one with a token that
 * was used before; a service is placed on one of them; and nothing is left to do after it. From the checkpoint `node-registered`.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { World } from '../../src-main/runbook/define.ts';
import { readService, type Service, servicePlan, serviceVerdict } from '../../src-main/steps/client.ts';
import { type Connection, openConnection } from '../../src-main/target/connection.ts';
import { canonicalJson } from '../../src-shared/json.ts';
import { type SitePlan, sitePlan } from '../../src-shared/site.ts';
import { type Probe, tell } from '../../src-shared/step.ts';
import { mustRun } from './command.ts';
import {
  bootBareNode,
  checkpointAnswers,
  clientUser,
  Lab,
  type LabMachine,
  labUnavailable,
  masterRelease,
  Panel,
  restoreWithNode,
} from './index.ts';
import type { CliResult, Laptop } from './site.ts';

const reason = labUnavailable();
if (reason !== null) console.warn(`lab tests skipped: ${reason}`);

const connectTo = async (machine: LabMachine): Promise<Connection> => {
  const { user, keyPath } = machine.login;
  return openConnection({
    machine: { name: machine.name, address: machine.address, port: machine.sshPort, user },
    pinnedHostKey: await machine.hostKeyFingerprint(),
    login: { privateKey: { path: keyPath, text: await readFile(keyPath, 'utf8') } },
  });
};

const planOf = async (laptop: Laptop): Promise<SitePlan> =>
  sitePlan.parse(parse(await readFile(join(laptop.siteFolder, 'site.yaml'), 'utf8')));

const ended = ({ lines }: CliResult) =>
  Object.fromEntries(
    lines.flatMap((line) =>
      line.kind === 'run-ended'
        ? [[line.instance, (line.problem as { code: string } | null)?.code ?? line.outcome] as const]
        : [],
    ),
  );
const started = ({ lines }: CliResult) => lines.filter(({ kind }) => kind === 'command-started');

describe.skipIf(reason !== null)('nodes', () => {
  let lab: Lab;
  let master: LabMachine;
  let first: LabMachine;
  let second: LabMachine;
  let third: LabMachine;
  let laptop: Laptop;
  let panel: Panel;
  const answers: Record<string, string> = { ...checkpointAnswers };

  const run = (...words: readonly string[]) =>
    laptop.fieldkit(['run', ...words, '--yes', '--answers', laptop.answersPath]);

  beforeAll(async () => {
    lab = await Lab.open();
    const [restored, two, three] = await Promise.all([
      restoreWithNode(lab),
      bootBareNode(lab, 2),
      bootBareNode(lab, 3),
    ]);
    ({ laptop, machine: master, node: first } = restored);
    [second, third] = [two, three];
    panel = new Panel(master);
    for (const name of ['node-1', 'node-2', 'node-3']) answers[`host-key:${name}`] = 'yes';
  });
  afterAll(async () => {
    await lab?.close();
    await laptop?.discard();
  });

  it('are registered under their own names, with keys that fit, and their user is the client', async () => {
    const config = await first.mustShell('cat /etc/opt/slapos/slapos.cfg');
    expect(config).toMatch(/^computer_id = COMP-1$/m);
    expect(config).toMatch(/^master_url = https:\/\/\[fd5a:77::[0-9a-f]+\]:2155$/m);
    expect(config.match(/^\[networkcache\]$/gm)).toHaveLength(1);
    expect(config).toContain('download-binary-cache-url = http://127.0.0.1:5050/bcache');
    expect(await first.mustShell(`ls /home/${clientUser}/.slapos`)).toBe('client.crt\nclient.key\nslapos-client.cfg\n');
    expect(await first.mustShell('ls -d /srv/slapgrid/slappart*')).toBe(
      '/srv/slapgrid/slappart0\n/srv/slapgrid/slappart1\n/srv/slapgrid/slappart2\n',
    );
  });

  it('takes a service that the client asks for, until it is green, and asks no second time', async () => {
    // The release as it stands on the master: that it comes from the medium to any machine is proved elsewhere.
    const { url, md5 } = await masterRelease();
    const archive = join(lab.folder, 'release.tar');
    await mustRun(['tar', '-C', join(master.tree, 'opt/slapgrid'), '--numeric-owner', '-cf', archive, md5]);
    await mustRun(['cp', archive, join(first.tree, 'root/release.tar')]);
    await first.mustShell('tar -C /opt/slapgrid -xf /root/release.tar && chown -R slapsoft:slapsoft /opt/slapgrid/*');

    const connection = await connectTo(first);
    const world = {
      probe: async (_name: string, probes: readonly Probe[]) => connection.probe(probes),
    } as unknown as World;
    const site = await planOf(laptop);
    const parameters = { colour: 'blue', nested: { count: 2 } };
    const service: Service = {
      name: 'probe',
      url,
      serialisation: 'json-in-xml',
      parameters: JSON.stringify(parameters),
      parametersSha256: createHash('sha256').update(canonicalJson(parameters)).digest('hex'),
      type: 'probe',
      published: ['address'],
    };
    const told = tell('steps.request-master.waits.converged');
    const notes = { supply: told, request: told, installed: told, green: told };
    const look = async () => {
      const facts = await readService(world, { site }, 'node-1', service);
      return { facts, verdict: serviceVerdict(facts, service, 'node-1', site, told) };
    };
    // The master has just booted, and the node may be first.
    await expect.poll(async () => (await look()).facts.error, { timeout: 300_000, interval: 2000 }).toBe('');
    const before = await look();
    expect(before.facts).toMatchObject({
      computer: 'COMP-1',
      client: true,
      error: '',
      supplied: false,
      instance: null,
    });
    expect(before.verdict.state).toBe('todo');
    for (const command of servicePlan(before.facts, service, 'node-1', site, notes)) {
      if (command.kind === 'run') {
        const { argv, as, stdin } = command;
        const result = await connection.exec(argv as string[], { as: as ?? 'root', stdin: String(stdin ?? '') });
        expect(result.exit, result.stderr.slice(-3000)).toBe(0);
      } else if (command.kind === 'until') {
        const { probe, wanted } = command;
        const seen = async () => (await connection.probe([probe]))[probe.id]?.out ?? '';
        await expect.poll(seen, { timeout: 300_000, interval: 2000 }).toMatch(new RegExp(wanted.pattern ?? '', 'm'));
      } else throw new Error(command.kind);
    }
    const after = await look();
    expect(after.verdict).toEqual({ state: 'done', findings: [] });
    expect(after.facts.instance?.published).toEqual(['address', 'given']);
    expect(await first.mustShell('find /tmp -name parameters.json')).toBe('');
    const other = { ...service, parametersSha256: '0'.repeat(64) };
    expect(serviceVerdict(after.facts, other, 'node-1', site, told).state).toBe('todo');
    await connection.close();
  });

  it('says so when the master is asked at a wrong port, and goes back to the one that is published', async () => {
    await panel.token('computer');
    await laptop.answer(answers);
    await first.mustShell("sed -i 's/^\\(master_url = .*\\):2155$/\\1:2158/' /etc/opt/slapos/slapos.cfg");
    const wrong = await run('format-node@machine:node-1');
    expect(ended(wrong)).toEqual({ 'format-node@machine:node-1': 'master-unreachable' });
    expect(wrong.stdout).toContain(':2158');
    const mended = await run('register-node@machine:node-1', 'format-node@machine:node-1');
    expect(mended.code, mended.stdout.slice(-4000)).toBe(0);
    expect(started(mended)).toHaveLength(1);
    expect(await first.mustShell('cat /etc/opt/slapos/slapos.cfg')).toMatch(/^master_url = .*:2155$/m);
  });

  it('have nothing left to do when they are walked again', async () => {
    // The master has just booted: its pages come after it.
    await panel.token('computer');
    await laptop.answer(answers);
    const again = await run('machine', 'node');
    expect(again.code, again.stdout.slice(-4000)).toBe(0);
    expect(started(again)).toEqual([]);
  });

  it('are let in side by side; a token that was used before stops its own node alone', async () => {
    const used = await panel.token('computer');
    await fetch(`http://${master.address}/erp5/web_site_module/slapos_master_panel/Person_requestComputer`, {
      method: 'POST',
      headers: { 'X-Access-Token': used },
      body: new URLSearchParams({ title: 'somebody-else' }),
    });
    await laptop.addMachine(second, 'node-2', ['roles: [node]']);
    // The third is reached through the master.
    await laptop.addMachine(third, 'node-3', ['roles: [node]', 'jump: master-1']);
    answers['create-node-token:node-2'] = used;
    answers['create-node-token:node-3'] = await panel.token('computer');
    await laptop.answer(answers);
    const both = await run('machine', 'node');
    expect(ended(both)).toMatchObject({
      'register-node@machine:node-2': 'token-refused',
      'configure-client@machine:node-3': 'done',
    });
    const journal = await readFile(join(laptop.siteFolder, 'journal.jsonl'), 'utf8');
    expect(journal).toContain('"secret":"create-node-token:node-2"');
    for (const token of [used, answers['create-node-token:node-3'] ?? '']) expect(journal).not.toContain(token);
    expect((await second.shell('test -e /etc/opt/slapos/slapos.cfg')).code).not.toBe(0);
    const from = await third.mustShell(
      'journalctl --no-pager -o cat -t sshd | sed -n "s/^Accepted .* from \\([^ ]*\\) .*/\\1/p" | sort -u',
    );
    expect(from.trim()).toBe(master.address);
  });

  it('goes on with a new token, asked for with the reason', async () => {
    answers['create-node-token:node-2'] = await panel.token('computer');
    await laptop.answer(answers);
    const again = await run('machine', 'node');
    expect(again.code, again.stdout.slice(-4000)).toBe(0);
    const asked = again.lines
      .filter(({ kind }) => kind === 'asked')
      .map(({ question }) => (question as { key: string }).key);
    expect(asked).toContain('steps.create-node-token.asks.refused');
    for (const [machine, computer] of [
      [second, 'COMP-4'],
      [third, 'COMP-3'],
    ] as const)
      expect(await machine.mustShell('cat /etc/opt/slapos/slapos.cfg')).toContain(`\ncomputer_id = ${computer}\n`);
    const last = await run('machine', 'node');
    expect(started(last)).toEqual([]);
  });

  it('takes a dead one back under its name, once its certificate was revoked', async () => {
    await second.kill();
    const fresh = await bootBareNode(lab, 2, { name: 'node-2b', ipv4: second.addresses.ipv4 });
    // A person compared the new host key; the old one is taken out of the plan on purpose.
    await laptop.aimAt(fresh, 'node-2');
    await laptop.editPlan((text) => {
      const at = text.indexOf('- name: node-2\n');
      return text.slice(0, at) + text.slice(at).replace(/^ {4}hostKey: .*\n/m, '');
    });
    answers['create-node-token:node-2'] = await panel.token('computer');
    await laptop.answer(answers);
    const taken = await run('machine', 'node');
    expect(ended(taken)).toMatchObject({ 'register-node@machine:node-2': 'node-name-taken' });
    await panel.revoke('node-2');
    answers['create-node-token:node-2'] = await panel.token('computer');
    await laptop.answer(answers);
    const back = await run('machine', 'node');
    expect(back.code, back.stdout.slice(-4000)).toBe(0);
    expect(await fresh.mustShell('cat /etc/opt/slapos/slapos.cfg')).toContain('\ncomputer_id = COMP-4\n');
  });
});
