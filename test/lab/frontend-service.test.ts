/**
 * The frontend as a service on a node: brought by a newer generation of the medium, asked for by the site's client with the site's
 * certificate, led to from outside, told again when the certificate changes, and moved to a later release, which reads its parameters
 * in another form.
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

  /** The parameters as the master has them: their names. */
  const toldToMaster = async () => {
    const look =
      "import re, sqlite3, sys; d = sqlite3.connect('file:' + sys.argv[1] + '?mode=ro', uri=True); t = [n for (n,) in d.execute('select name from sqlite_master') if re.fullmatch('partition[0-9]+', n)][0]; print(' '.join(sorted(re.findall('id=\\\"([^\\\"]*)', d.execute('select xml from ' + t + ' where partition_reference = ?', ['master-frontend']).fetchone()[0]))))";
    const path = await master.mustShell("find /srv/slapgrid -path '*/var/nodes/slapproxy.db'");
    return (await master.mustShell(`/opt/slapos/bin/python -c "${look}" ${path.trim()}`)).trim();
  };

  beforeAll(async () => {
    // The last one that takes each parameter by itself.
    const { archivePath, url } = await frontendRelease('1.0.464');
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
    expect(await toldToMaster()).toBe('apache-certificate apache-key domain');
  });

  it('is told everything again when the certificate changes, and shows the new one', async () => {
    const pair = await makePair(laptop.home, 'second', [`*.${domain}`]);
    canaries.key('the second key', await readFile(pair.key));
    await laptop.editPlan((text) => text.replaceAll(join(laptop.home, 'first.'), join(laptop.home, 'second.')));
    await must('install-frontend', 'redirect-to-frontend');
    expect(await seenByMaster()).toEqual([`Lab frontend for ${name}`, await printOf(pair.certificate)]);
  });

  it('moves to a later release on request, and is told everything in the form that this one reads', async () => {
    const later = await frontendRelease();
    await laptop.editPlan((text) =>
      text.replace(
        /name: rapid-cdn\n( +)url: \S+\n +archives: .*/,
        `name: rapid-cdn\n$1url: ${later.url}\n$1archives: { debian-12-amd64: ${later.archivePath} }`,
      ),
    );
    const prepared = await laptop.fieldkit(walk.prepare(laptop));
    expect(prepared.code, prepared.stdout.slice(-5000) + prepared.stderr).toBe(0);
    // What lives is left as it is until somebody asks.
    expect((await must('serve-content', 'install-frontend')).lines.at(-1)).toMatchObject({ performed: 0 });
    expect(await toldToMaster()).toBe('apache-certificate apache-key domain');
    await must('install-frontend', '--input', 'install-frontend@machine:node-1.now=true');
    expect(await toldToMaster()).toBe('_');
    await must('redirect-to-frontend');
    await expect
      .poll(seenByMaster, { timeout: 120_000 })
      .toEqual([`Lab frontend for ${name}`, await printOf(join(laptop.home, 'second.crt'))]);
    expect((await must('frontend')).lines.at(-1)).toMatchObject({ performed: 0 });
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
