/**
 * The frontend as a service on a node: brought by a newer generation of the medium, asked for by the site's client with the site's
 * certificate, led to from outside, and told again when the certificate changes.
 */
import { X509Certificate } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { unless } from '../unless.ts';
import { Canaries, Traces } from './canaries.ts';
import { makePair } from './certificates.ts';
import { mustRun } from './command.ts';
import {
  checkpointAnswers,
  frontendRelease,
  Lab,
  type LabMachine,
  longLabUnavailable,
  restoreWithNode,
} from './index.ts';
import { type Laptop, walk } from './site.ts';

const reason = longLabUnavailable();

const domain = 'shop.example.org';
const name = `anything.${domain}`;

describe('the frontend of a site', unless(reason), () => {
  let lab: Lab;
  let laptop: Laptop;
  let master: LabMachine;
  let node: LabMachine;
  let traces: Traces;
  const canaries = new Canaries();
  const must = async (...words: readonly string[]) => {
    const ran = await traces.run(laptop, [master, node], ['run', ...words, '--yes']);
    expect(ran.code, ran.stdout.slice(-6000) + ran.stderr).toBe(0);
    return ran;
  };
  const seenByMaster = async () => {
    const asked = `printf 'GET / HTTP/1.0\\r\\nHost: ${name}\\r\\n\\r\\n' | timeout 20 openssl s_client -ign_eof -connect ${node.address}:443 -servername ${name} 2>/dev/null`;
    const { stdout } = await master.shell(asked);
    const [pem] = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/.exec(stdout) ?? [];
    return [/Lab frontend for .*/.exec(stdout)?.[0], pem === undefined ? '' : new X509Certificate(pem).fingerprint256];
  };
  const printOf = async (path: string) => new X509Certificate(await readFile(path, 'utf8')).fingerprint256;

  beforeAll(async () => {
    const { archivePath, url } = await frontendRelease();
    lab = await Lab.open();
    ({ laptop, machine: master, node } = await restoreWithNode(lab));
    traces = new Traces(lab.folder);
    const pair = await makePair(laptop.home, 'first', [`*.${domain}`]);
    canaries.key('the first key', await readFile(pair.key));
    await writeFile(laptop.answersPath, JSON.stringify({ ...checkpointAnswers, 'host-key:node-1': 'yes' }));
    await laptop.editPlan((text) =>
      text
        .replace(
          /^releases:/m,
          `frontend: { domain: ${domain}, certificate: ${pair.certificate}, key: ${pair.key} }\nreleases:`,
        )
        .replace(/roles: \[ ?node ?\]/, 'roles: [node, frontend]')
        .replace(
          /^sources:/m,
          `  - name: rapid-cdn\n    url: ${url}\n    archives: { debian-12-amd64: ${archivePath} }\nsources:`,
        ),
    );
    // At the office again.
    const prepared = await laptop.fieldkit(walk.prepare(laptop));
    expect(prepared.code, prepared.stdout.slice(-5000) + prepared.stderr).toBe(0);
  });
  afterAll(async () => {
    await lab?.close();
    await laptop?.discard();
  });

  it('is asked for, comes together, and answers from outside with the site’s certificate', async () => {
    await must('machine', 'master', 'node', 'frontend');
    expect(await seenByMaster()).toEqual([`Lab frontend for ${name}`, await printOf(join(laptop.home, 'first.crt'))]);
    expect((await must('frontend')).lines.at(-1)).toMatchObject({ performed: 0 });
  });

  it('is told everything again when the certificate changes, and shows the new one', async () => {
    const pair = await makePair(laptop.home, 'second', [`*.${domain}`]);
    canaries.key('the second key', await readFile(pair.key));
    await laptop.editPlan((text) => text.replaceAll(join(laptop.home, 'first.'), join(laptop.home, 'second.')));
    await must('install-frontend', 'redirect-to-frontend');
    expect(await seenByMaster()).toEqual([`Lab frontend for ${name}`, await printOf(pair.certificate)]);
  });

  it('let its key out nowhere', async () => {
    const { own, remote, seen } = await traces.seen(canaries);
    expect(seen).toEqual([]);
    expect(own).toBeGreaterThanOrEqual(traces.own.length);
    expect(remote).toBeGreaterThan(100);
    for (const file of ['first.key', 'second.key']) {
      const secret = (await readFile(join(laptop.home, file), 'utf8')).split('\n')[1] ?? '';
      expect(secret.length).toBeGreaterThan(40);
      const found = await mustRun([
        'sh',
        '-c',
        `grep -rlF -- '${secret}' ${laptop.siteFolder} ${laptop.stick} || true`,
      ]);
      expect(found.trim()).toBe('');
      expect(
        await node.mustShell(
          `grep -rlF -- '${secret}' /var/lib/fieldkit /usr/local/lib/fieldkit /tmp /var/log || true`,
        ),
      ).toBe('');
    }
  });
});
