/** What other tests begin from is what they are told it is, wherever it is restored. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { unless } from '../unless.ts';
import { checkpointIpv6, restore } from './checkpoints.ts';
import { Lab, labUnavailable } from './index.ts';
import { type Laptop, walk } from './site.ts';

const reason = labUnavailable();

describe('a checkpoint', unless(reason), () => {
  let lab: Lab;
  const laptops: Laptop[] = [];
  beforeAll(async () => {
    lab = await Lab.open();
  });
  afterAll(async () => {
    await lab?.close();
    for (const laptop of laptops) await laptop.discard();
  });

  it('of the office has a whole medium, where nothing is left to prepare, and a bare machine', async () => {
    const { laptop, machine } = await restore(lab, 'sealed', { name: 'bare' });
    laptops.push(laptop);
    expect((await machine.shell('command -v slapos python3 gcc')).stdout).toBe('');
    const verified = await laptop.fieldkit(['medium', 'verify', laptop.stick]);
    expect(verified.lines.at(-1)).toMatchObject({ generation: 1, findings: [] });
    const prepared = await laptop.fieldkit(['run', 'prepare', '--yes', '--answers', laptop.answersPath]);
    expect(prepared.code, prepared.stdout.slice(-3000)).toBe(0);
    expect(prepared.lines.at(-1)).toMatchObject({ performed: 0 });
  });

  it('of the master has one that answers in a lab of its own, and nothing left to do but to record and close', async () => {
    const { laptop, machine } = await restore(lab, 'master-running', { name: 'master' });
    laptops.push(laptop);
    expect(machine.addresses.ipv6).toBe(checkpointIpv6);
    expect(await readFile(join(laptop.siteFolder, 'site.yaml'), 'utf8')).toContain(`address: ${machine.address}\n`);
    await expect
      .poll(
        () =>
          fetch(`http://${machine.address}/erp5/ERP5Site_isReady`).then(
            (answer) => answer.text(),
            () => '',
          ),
        { timeout: 300_000, interval: 1000 },
      )
      .not.toBe('');
    const run = await laptop.fieldkit(walk.site(laptop));
    expect(run.code, run.stdout.slice(-3000)).toBe(0);
    expect(run.lines.filter((line) => line.kind === 'command-started')).toEqual([]);
  });
});
