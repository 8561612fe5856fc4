/** A node at a master whose certificate authority's folder was taken back, as an instantiation does where nobody sets its rights again. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { unless } from '../unless.ts';
import {
  bootBareNode,
  checkpointAnswers,
  Lab,
  type LabMachine,
  longLabUnavailable,
  Panel,
  restoreWithNode,
} from './index.ts';
import type { CliResult, Laptop } from './site.ts';

const reason = longLabUnavailable();

const authority = '/srv/slapcommon/erp5-ssl/private';

describe('a certificate authority’s folder that was taken back', unless(reason), () => {
  let lab: Lab;
  let master: LabMachine;
  let node: LabMachine;
  let laptop: Laptop;
  const run = (...words: readonly string[]) =>
    laptop.fieldkit(['run', ...words, '--yes', '--answers', laptop.answersPath]);
  const ended = ({ lines }: CliResult) => {
    const last = lines.at(-1) as { ended?: { instance: string; problem: { code: string } | null }[] } | undefined;
    return Object.fromEntries((last?.ended ?? []).map(({ instance, problem }) => [instance, problem?.code ?? null]));
  };

  beforeAll(async () => {
    lab = await Lab.open();
    ({ laptop, machine: master } = await restoreWithNode(lab));
    node = await bootBareNode(lab, 2);
    await laptop.addMachine(node, 'node-2', ['roles: [node]']);
    await laptop.answer({ ...checkpointAnswers, 'host-key:node-1': 'yes', 'host-key:node-2': 'yes' });
    // The master has just booted, and the node's token comes from it.
    await new Panel(master).token('computer');
  });
  afterAll(async () => {
    await lab?.close();
    await laptop?.discard();
  });

  it('is named when the master cannot sign, and the node stays as it was', async () => {
    await master.mustShell(
      `systemctl stop fieldkit-ca-folder.timer; chown -R root: ${authority}; setfacl -Rb ${authority}; chmod -R go= ${authority}`,
    );
    const refused = await run('machine', 'node');
    expect(ended(refused), refused.stdout.slice(-3000)).toMatchObject({
      'register-node@machine:node-2': 'master-cannot-sign',
    });
    expect((await node.shell('test -e /etc/opt/slapos/slapos.cfg')).code).not.toBe(0);
    const read = await laptop.reads(['run', 'machine', 'node', '--yes', '--answers', laptop.answersPath]);
    expect(read).toContain('(reapply-ca-folder)');
  });

  it('is shared again by the step that it names, and the node is registered', async () => {
    const shared = await run('reapply-ca-folder');
    expect(shared.code, shared.stdout.slice(-3000)).toBe(0);
    const back = await run('machine', 'node');
    expect(back.code, back.stdout.slice(-4000)).toBe(0);
    expect(await node.mustShell('cat /etc/opt/slapos/slapos.cfg')).toMatch(/^computer_id = COMP-\d+$/m);
    expect(await master.mustShell('systemctl is-active fieldkit-ca-folder.timer')).toBe('active\n');
  });
});
