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
import { unless } from '../unless.ts';
import { mustRun } from './command.ts';
import {
  bootBareNode,
  checkpointAnswers,
  clientUser,
  Lab,
  type LabMachine,
  labUnavailable,
  longLabUnavailable,
  masterRelease,
  Panel,
  restoreWithNode,
} from './index.ts';
import type { CliResult, Laptop } from './site.ts';

const reason = labUnavailable();
const longReason = longLabUnavailable();

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

/** Ids and keys of what a person was asked. */
const asked = ({ lines }: CliResult) =>
  lines.flatMap(({ kind, question }) => {
    const { id, key } = (question ?? {}) as { id?: string; key?: string };
    return kind === 'asked' ? [id, key] : [];
  });
/** Its token is taken from the panel, though slapos could get one. */
const byHand = (machine: string) => ['--input', `create-node-token@machine:${machine}.byHand=true`];

describe('nodes', unless(reason), () => {
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

  /** Steps of a machine with their states, as the command line lists them. */
  const stepsOf = async (machine: string): Promise<Record<string, string>> => {
    const { lines } = await laptop.fieldkit(['machines']);
    const [all] = lines as unknown as { name: string; steps: Record<string, string> }[][];
    return all?.find(({ name }) => name === machine)?.steps ?? {};
  };

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
      step: 'install-frontend',
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
      const facts = await readService(
        world,
        { site, input: {}, earlier: { commands: [] } as never },
        'node-1',
        service,
      );
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

  it('are let in side by side; a token that was used before or has expired stops its own node alone', async () => {
    const used = await panel.token('computer');
    await panel.spend(used, 'somebody-else');
    await laptop.addMachine(second, 'node-2', ['roles: [node]']);
    // The third is reached through the master.
    await laptop.addMachine(third, 'node-3', ['roles: [node]', 'jump: master-1']);
    answers['create-node-token:node-2'] = used;
    await laptop.answer(answers);
    // The third needs nobody: the client on the first asks the master for its token.
    const both = await run('machine', 'node', ...byHand('node-2'));
    expect(ended(both)).toMatchObject({
      'register-node@machine:node-2': 'token-refused',
      'refresh-master@machine:node-3': 'done',
    });
    expect(asked(both)).not.toContain('create-node-token:node-3');
    const journal = await readFile(join(laptop.siteFolder, 'journal.jsonl'), 'utf8');
    expect(journal).toContain('"secret":"create-node-token:node-2"');
    expect(journal).toContain('"secret":"create-node-token:node-3"');
    expect(journal).not.toContain(used);
    // Of the other one nobody knows more than its form.
    expect(journal).not.toMatch(/\d{8}-[0-9A-F]{16}/);
    expect((await second.shell('test -e /etc/opt/slapos/slapos.cfg')).code).not.toBe(0);
    const from = await third.mustShell(
      'journalctl --no-pager -o cat -t sshd | sed -n "s/^Accepted .* from \\([^ ]*\\) .*/\\1/p" | sort -u',
    );
    expect(from.trim()).toBe(master.address);

    answers['create-node-token:node-2'] = await panel.token('computer', -1);
    await laptop.answer(answers);
    const expired = await run('node', ...byHand('node-2'));
    expect(ended(expired)).toMatchObject({ 'register-node@machine:node-2': 'token-refused' });
    expect(asked(expired)).toContain('steps.create-node-token.asks.refused');
  });

  it('goes on with a new token, asked for with the reason', async () => {
    answers['create-node-token:node-2'] = await panel.token('computer');
    await laptop.answer(answers);
    const again = await run('machine', 'node');
    expect(again.code, again.stdout.slice(-4000)).toBe(0);
    expect(asked(again)).toContain('steps.create-node-token.asks.refused');
    for (const [machine, computer] of [
      [second, 'COMP-4'],
      [third, 'COMP-3'],
    ] as const)
      expect(await machine.mustShell('cat /etc/opt/slapos/slapos.cfg')).toContain(`\ncomputer_id = ${computer}\n`);
    const last = await run('machine', 'node');
    expect(started(last)).toEqual([]);
  });

  it('takes a dead one back under its name, once its certificate was revoked, and knows that nothing holds there', async () => {
    await second.kill();
    const fresh = await bootBareNode(lab, 2, { name: 'node-2b', ipv4: second.addresses.ipv4 });
    await laptop.aimAt(fresh, 'node-2');
    const strange = await run('connect@machine:node-2');
    expect(ended(strange)).toEqual({ 'connect@machine:node-2': 'host-key-changed' });
    const renewed = await laptop.fieldkit(['machines', 'renew', 'node-2']);
    expect(renewed.lines).toEqual([{ machine: 'node-2', computer: 'COMP-4' }]);
    const states = await stepsOf('node-2');
    expect(new Set(Object.values(states))).toEqual(new Set(['unread']));
    // Nobody revoked it yet, and somebody says that it was.
    answers['revoked:node-2'] = 'yes';
    await laptop.answer(answers);
    const taken = await run('machine', 'node');
    expect(ended(taken)).toMatchObject({ 'register-node@machine:node-2': 'node-name-taken' });
    expect(asked(taken)).toContain('revoked:node-2');
    await panel.revoke('node-2');
    const back = await run('machine', 'node');
    expect(back.code, back.stdout.slice(-4000)).toBe(0);
    expect(await fresh.mustShell('cat /etc/opt/slapos/slapos.cfg')).toContain('\ncomputer_id = COMP-4\n');
    const last = await run('machine', 'node');
    expect(started(last)).toEqual([]);
  });

  it(
    'lets one go: what was placed on it is destroyed, it stops, and the plan forgets it',
    unless(longReason),
    async () => {
      const { url, md5 } = await masterRelease();
      const leaving = third;
      await first.mustShell(`su - ${clientUser} -c 'slapos supply ${url} COMP-3'`);
      const archive = join(lab.folder, 'release-3.tar');
      await mustRun(['tar', '-C', join(master.tree, 'opt/slapgrid'), '--numeric-owner', '-cf', archive, md5]);
      await mustRun(['cp', archive, join(leaving.tree, 'root/release.tar')]);
      await leaving.mustShell(
        'tar -C /opt/slapgrid -xf /root/release.tar && chown -R slapsoft:slapsoft /opt/slapgrid/*',
      );
      await first.mustShell(
        `su - ${clientUser} -c 'echo "{}" >p.json; slapos request leaver ${url} --type probe --node computer_guid=COMP-3 --force-serialisation json-in-xml --parameters-file p.json; true'`,
      );
      await expect
        .poll(async () => (await leaving.shell('ls /srv/slapgrid/slappart*/passed-once')).code, {
          timeout: 300_000,
          interval: 2000,
        })
        .toBe(0);
      // Nothing stands on it that is reached through it, and it is known: first it leaves.
      const marked = await laptop.fieldkit(['machines', 'remove', 'node-3']);
      expect(marked.lines).toEqual([{ machine: 'node-3', state: 'leaving', computer: 'COMP-3' }]);
      const early = await laptop.fieldkit(['machines', 'remove', 'node-3']);
      expect(early.lines.at(-1)).toMatchObject({ problem: { code: 'machine-in-use' } });
      const planned = await laptop.fieldkit(['plan', 'take-out-node@machine:node-3', '--answers', laptop.answersPath]);
      expect(planned.stdout).toContain('steps.take-out-node.does.destroy');
      // No phase's yes is enough for what destroys: it is given to this very plan.
      const refused = await run('take-out-node');
      expect(ended(refused)).toEqual({ 'take-out-node@machine:node-3': 'not-confirmed' });
      const [{ plan } = {}] = planned.lines;
      answers[(plan as { hash: string }).hash] = 'yes';
      answers['taken-out:node-3'] = 'yes';
      await laptop.answer(answers);
      const out = await run('take-out-node');
      expect(out.code, out.stdout.slice(-6000)).toBe(0);
      expect((await leaving.shell('ls /srv/slapgrid/slappart*/passed-once')).code).not.toBe(0);
      expect((await leaving.shell(`ls -d /opt/slapgrid/${md5}`)).code).not.toBe(0);
      expect((await leaving.shell('test -e /etc/opt/slapos')).code).not.toBe(0);
      expect((await leaving.shell("pgrep -f '[s]upervisord'")).code).not.toBe(0);
      expect(await leaving.mustShell('cat /etc/opt/slapos.taken-out/slapos.cfg')).toContain('computer_id = COMP-3');
      const removed = await laptop.fieldkit(['machines', 'remove', 'node-3']);
      expect(removed.lines).toEqual([{ machine: 'node-3', state: 'removed', computer: 'COMP-3' }]);
      expect((await planOf(laptop)).machines.map(({ name }) => name)).toEqual(['master-1', 'node-1', 'node-2']);
      const last = await run('machine', 'node');
      expect(last.code).toBe(0);
      expect(started(last)).toEqual([]);
    },
  );
});
