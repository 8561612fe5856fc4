/** A medium whose release comes from a software cache, entry and signature as upstream made them: a machine installs from it. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mediumPaths } from '../../src-shared/manifest.ts';
import { sha512Of, startUpstream, type Upstream } from '../fakes/upstream-cache.ts';
import { unless } from '../unless.ts';
import {
  Lab,
  type LabMachine,
  labUnavailable,
  masterRelease,
  restoreMachine,
  startVendorRepository,
  type VendorRepository,
} from './index.ts';
import { rehearsed } from './rehearsing.ts';
import { Laptop, makeSite, walk } from './site.ts';

const reason = labUnavailable();

describe('a release from the software cache', unless(reason), () => {
  let lab: Lab;
  let vendor: VendorRepository;
  let upstream: Upstream;
  let machine: LabMachine;
  let laptop: Laptop;
  let published: readonly [entry: string, signature: string];
  let certificate: string;

  beforeAll(async () => {
    lab = await Lab.open();
    vendor = await startVendorRepository();
    upstream = await startUpstream();
    machine = await restoreMachine(lab, 'node-installed', { name: 'mirrored' });
    laptop = await Laptop.make({ passphrase: 'mirror7passphrase', 'host-key:master-1': 'yes' });
    const release = await masterRelease();
    const archive = await readFile(release.archivePath);
    const signer = await upstream.newSigner('upstream');
    // As upstream writes one: point release, another order of fields, the signature in lines.
    const entry = JSON.stringify({
      sha512: sha512Of(archive),
      software_root: '/opt/slapgrid',
      multiarch: 'x86_64-linux-gnu',
      os: ['debian', '12.11', 'bookworm'],
      software_url: release.url,
    });
    published = [entry, await signer.sign(entry)];
    certificate = signer.certificatePem.trim();
    upstream.files.set(`shadir/${release.md5}`, Buffer.from(JSON.stringify([published])));
    upstream.files.set(`shacache/${sha512Of(archive)}`, archive);
    const path = join(laptop.home, 'upstream.pem');
    await writeFile(path, signer.certificatePem);
    await makeSite(laptop, { machine, vendor, cache: { ...upstream, certificate: path } });
  });
  afterAll(async () => {
    await upstream?.close();
    await vendor?.close();
    await lab?.close();
    await laptop?.discard();
  });

  it('lies on the sealed medium as upstream signed it', async () => {
    const run = await laptop.fieldkit(walk.prepare(laptop));
    expect(run.code, run.stdout.slice(-4000) + run.stderr).toBe(0);
    const { md5 } = await masterRelease();
    const document = await readFile(join(laptop.stick, 'fieldkit', mediumPaths.index(md5)), 'utf8');
    expect(JSON.parse(document)).toEqual([published]);
    expect(upstream.asked.filter((line) => line.startsWith('GET'))).toHaveLength(2);
    const { steps } = await rehearsed(laptop);
    expect(steps.flatMap(({ releases }) => releases)).toContain('slapos-master');
  });

  it('is compatible and verified for the machine by that certificate, and is installed offline', async () => {
    const asked = upstream.asked.length;
    const steps = ['machine', 'configure-proxy', 'use-cache', 'check-cache', 'install-master-software'];
    const run = await laptop.fieldkit(['run', ...steps, '--yes', '--answers', laptop.answersPath]);
    expect(run.code, run.stdout.slice(-4000) + run.stderr).toBe(0);
    expect(upstream.asked.length).toBe(asked);
    const checked = await laptop.fieldkit(['check', 'check-cache', '--answers', laptop.answersPath]);
    expect(checked.code, checked.stdout + checked.stderr).toBe(0);
    expect(checked.stdout).toContain('steps.check-cache.found.usable');
    const { md5 } = await masterRelease();
    await machine.mustShell(`test -e /opt/slapgrid/${md5}/.completed`);
    const config = await machine.mustShell('cat /etc/opt/slapos/slapos.cfg');
    expect(config.replace(/^ +/gm, '')).toContain(certificate);
    expect(await machine.mustShell('cat /opt/slapos/log/slapos-node-software.log')).toContain(
      'Extracting archive of cached software release',
    );
  });
});
