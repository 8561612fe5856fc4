/** Content lent to a machine while the medium comes and goes, over a connection that hands streams straight to our server. */
import { rename, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { dirname, join } from 'node:path';
import { type Duplex, duplexPair } from 'node:stream';
import { expect, it } from 'vitest';
import { bindMedium } from '../../../src-main/medium/identity.ts';
import { openManifest } from '../../../src-main/medium/manifest-store.ts';
import { writeBinding } from '../../../src-main/performers/bound-medium.ts';
import { contentLeases } from '../../../src-main/performers/content-leases.ts';
import { systemClock } from '../../../src-main/platform/clock.ts';
import { OpenSite } from '../../../src-main/runbook/open-site.ts';
import { put, scratch } from '../medium/scratch.ts';
import { sealedMedium } from '../medium/sealed-medium.ts';

const { signal } = new AbortController();
const plan =
  'format: 1\nname: s\nmachines:\n  - { name: m1, roles: [master], address: 10.0.0.1, release: "12", interface: eth0 }\n';

it('is looked at again once a machine was refused: told as absent, lent again when it is back', async () => {
  const { root } = await sealedMedium();
  const stick = dirname(root);
  const folder = await scratch();
  await put(join(folder, 'site.yaml'), plan);
  const site = await OpenSite.open(folder, { program: 'test', practice: false, clock: systemClock });
  await writeBinding(site, await bindMedium(stick));
  const files = (await openManifest(root, null)).manifest.files.map(({ path }) => path);
  const path = files.find((one) => one.startsWith('bcache/')) ?? '';

  let opened = 0;
  let accept: (stream: Duplex) => void = () => undefined;
  const connection = {
    closed: new Promise(() => undefined),
    reverseForward: async ({ onStream }: { readonly onStream: typeof accept }) => {
      opened += 1;
      accept = onStream;
      return { close: async () => undefined };
    },
  };
  const leases = contentLeases({ site, withSudo: (_machine, _signal, act) => act(connection as never) });
  const status = (): Promise<number | undefined> => {
    const [ours, theirs] = duplexPair();
    accept(theirs);
    return new Promise((resolve, reject) => {
      const asked = request({ path: `/${path}`, createConnection: () => ours }, (answer) => {
        answer.resume();
        answer.once('end', () => resolve(answer.statusCode));
      });
      asked.once('error', reject).end();
    });
  };
  try {
    await leases.open('m1', signal);
    expect([await status(), leases.isOpen('m1')]).toEqual([200, true]);

    await rename(stick, `${stick}-away`);
    // Nobody has asked for anything yet.
    expect(leases.isOpen('m1')).toBe(true);
    expect([await status(), leases.isOpen('m1')]).toEqual([500, false]);
    await expect(leases.open('m1', signal)).rejects.toMatchObject({ code: 'medium-absent' });

    await rename(`${stick}-away`, stick);
    await leases.open('m1', signal);
    expect([await status(), leases.isOpen('m1'), opened]).toEqual([200, true, 2]);

    // One file alone is missing: what else is being fetched goes on over the same connection.
    await rm(join(root, path));
    expect([await status(), leases.isOpen('m1')]).toEqual([500, false]);
    await leases.open('m1', signal);
    expect([leases.isOpen('m1'), opened]).toEqual([true, 2]);
  } finally {
    await leases.closeAll();
    site.close();
    await rm(`${stick}-away`, { recursive: true, force: true });
  }
});
