/** The walk from a bare machine to a master that answers, step by step: each changes what its plan had said, and nothing else. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { unless } from '../unless.ts';
import { walkAnnounced } from './announced.ts';
import { restore } from './checkpoints.ts';
import { siteSteps } from './faults.ts';
import { Lab, type LabMachine, longLabUnavailable } from './index.ts';
import type { Laptop } from './site.ts';

const reason = longLabUnavailable();

describe('what plans announce', unless(reason), () => {
  let lab: Lab;
  let machine: LabMachine;
  let laptop: Laptop;

  beforeAll(async () => {
    lab = await Lab.open();
    ({ machine, laptop } = await restore(lab, 'sealed', { name: 'announced' }));
  });
  afterAll(async () => {
    await lab?.close();
    await laptop?.discard();
  });

  it('is all that a machine is changed by, from bare to a master', async () => {
    const steps = siteSteps.slice(0, siteSteps.indexOf('back-up-master'));
    expect(await walkAnnounced(laptop, machine, steps)).toEqual({});
    expect(await (await fetch(`http://${machine.address}/erp5/`)).text()).toContain('Lab master');
  });
});
