/**
 * A whole site: a master and three nodes from bare machines, a re6st network over all of them, and the frontend, until a name below
 * the domain is answered over HTTPS; in one run of the program in a terminal, with what a person does at its gates done by the test.
 * Then every machine is rebooted at once, and the same run has nothing left to do. From a medium made by the program.
 */
import { Resolver } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inRange, parseAddress, parseRange } from '../../src-shared/address.ts';
import type { JournalEvent } from '../../src-shared/journal.ts';
import { unless } from '../unless.ts';
import { makePair } from './certificates.ts';
import { type LabDns, startDns } from './dns.ts';
import {
  bootBareNode,
  checkpointAnswers,
  checkpointIpv6,
  clientUser,
  frontendRelease,
  Lab,
  type LabMachine,
  lastingChanges,
  longLabUnavailable,
  Panel,
  type Snapshot,
  startVendorRepository,
  takeSnapshot,
} from './index.ts';
import { allReach, partitionAddresses, re6stNetwork } from './re6st.ts';
import { registryRelease } from './release.ts';
import { Laptop, makeSite, walk } from './site.ts';

const reason = longLabUnavailable();

const domain = 'shop.example.org';
/** In the order in which they join, with the address that each gets in the network. */
const inNetwork = {
  'node-1': 'fdbb:eb3c:1b95::1',
  'master-1': 'fdbb:eb3c:1b95:1::1',
  'node-2': 'fdbb:eb3c:1b95:2::1',
  'node-3': 'fdbb:eb3c:1b95:3::1',
} as const;
type Name = keyof typeof inNetwork;
const names = Object.keys(inNetwork) as Name[];

/** A quarter of an hour on a machine that does nothing else, and much more on one that does. */
const limitMs = 3_600_000;

describe('a whole site', { ...unless(reason), timeout: limitMs }, () => {
  let lab: Lab;
  let laptop: Laptop;
  let panel: Panel;
  let dns: LabDns | undefined;
  let certificate = '';
  const machines = {} as Record<Name, LabMachine>;
  const given: string[] = [];

  /** What a person does for a question: takes a token from the panel. */
  async function answer(question: string): Promise<string> {
    const [kind] = question.split(':');
    // What was done in web pages is no more than said.
    if (kind === 'first-login' || kind === 'configure-new-master') return 'yes';
    const token =
      kind === 'create-node-token'
        ? await panel.token('computer')
        : kind === 'configure-client'
          ? await panel.token('credential')
          : '';
    if (token === '') throw new Error(`nobody expected to be asked ${question}`);
    given.push(token);
    return token;
  }
  const run = () => laptop.inTerminal(walk.all(laptop), answer);
  const journal = async () =>
    (await readFile(join(laptop.siteFolder, 'journal.jsonl'), 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as JournalEvent);

  /** As a browser outside of the site has it: the name from the DNS server, then HTTPS with the certificate that it trusts. */
  async function visit(name: string): Promise<string> {
    const resolver = new Resolver();
    resolver.setServers([dns?.address ?? '']);
    const [address] = await resolver.resolve4(name);
    return new Promise((resolve, reject) => {
      const asked = request(
        { host: address, servername: name, headers: { host: name }, ca: certificate, timeout: 10_000, agent: false },
        (response) => {
          let body = '';
          response.setEncoding('utf8').on('data', (chunk: string) => {
            body += chunk;
          });
          response.on('end', () => resolve(`${response.statusCode} ${body.trim()}`));
        },
      );
      asked.on('timeout', () => asked.destroy(new Error('no answer')));
      asked.on('error', reject).end();
    });
  }
  const answered = `200 Lab frontend for anything.${domain}`;

  beforeAll(async () => {
    const [registry, rapidCdn] = [await registryRelease(), await frontendRelease()];
    lab = await Lab.open();
    const vendor = await startVendorRepository();
    try {
      laptop = await Laptop.make({
        passphrase: checkpointAnswers.passphrase,
        ...Object.fromEntries(names.map((name) => [`host-key:${name}`, 'yes'])),
      });
      const [master, ...nodes] = await Promise.all([
        lab.bootMachine({ name: 'master', addresses: { ipv6: checkpointIpv6 } }),
        ...[1, 2, 3].map((number) => bootBareNode(lab, number)),
      ]);
      machines['master-1'] = master;
      await makeSite(laptop, { machine: master, vendor });
      const roles = ['node, registry', 'node, frontend', 'node'];
      for (const [index, node] of nodes.entries()) {
        const name = `node-${index + 1}` as Name;
        machines[name] = node;
        await laptop.addMachine(node, name, [
          `roles: [${roles[index]}]`,
          ...(index === 0 ? [`client: ${clientUser}`] : []),
        ]);
      }
      panel = new Panel(master);
      const front = machines['node-2'];
      const ipv6 = front.addresses.ipv6?.split('/')[0] ?? '';
      dns = await startDns(lab.hostAddresses.ipv4, domain, [front.address, ipv6]);
      const pair = await makePair(laptop.home, 'site', [`*.${domain}`]);
      certificate = await readFile(pair.certificate, 'utf8');
      const release = (name: string, { url, archivePath }: typeof registry) =>
        `  - name: ${name}\n    url: ${url}\n    archives: { debian-12-amd64: ${archivePath} }\n`;
      await laptop.editPlan((text) =>
        text.replace(
          /^sources:/m,
          `${release('re6stnet', registry)}${release('rapid-cdn', rapidCdn)}ranges: { lan: "fd5a:77::/48", re6st: "${re6stNetwork}" }
frontend: { domain: ${domain}, certificate: ${pair.certificate}, key: ${pair.key}, dns: ${dns?.address} }
sources:`,
        ),
      );
      const prepared = await laptop.fieldkit(walk.prepare(laptop));
      expect(prepared.code, prepared.stdout.slice(-5000) + prepared.stderr).toBe(0);
    } finally {
      // The office is left: what was not prepared is not there.
      await vendor.close();
    }
  });
  afterAll(async () => {
    await dns?.close();
    await lab?.close();
    await laptop?.discard();
  });

  it('comes of bare machines in one run, up to an answer over HTTPS by a name below the domain', async () => {
    for (const name of names)
      expect((await machines[name].shell('command -v slapos gcc python3 openvpn nft')).stdout).toBe('');
    const { code, shown } = await run();
    expect(code, shown.slice(-8000)).toBe(0);
    expect(await visit(`anything.${domain}`)).toBe(answered);
    // The first node and the client, who gets the tokens of further nodes, and those with which all four joined the network.
    expect(given).toHaveLength(1 + 1);
    // What a person did: the two commands of the walk, and each question answered (a passphrase, fingerprints, tokens, gates). By
    // hand the procedure takes some 115 acts for two machines; these are four.
    const questions = (await journal()).filter(({ kind }) => kind === 'answered');
    const acts = 2 + questions.length;
    console.log(`human acts from four bare machines to HTTPS: ${acts}`);
    expect(acts).toBeLessThanOrEqual(25);
  });

  it('has every machine and every partition in the re6st network', async () => {
    for (const name of names) {
      expect(await machines[name].mustShell('ip -6 addr show dev lo')).toContain(` ${inNetwork[name]}/64 `);
      const addresses = await partitionAddresses(machines[name]);
      expect(addresses.length).toBeGreaterThanOrEqual(3);
      for (const address of addresses) expect(isIn(address, `${inNetwork[name]}/64`), `${name} ${address}`).toBe(true);
    }
    await allReach(machines, inNetwork);
  });

  it('answers the same after every machine was rebooted at once', async () => {
    await Promise.all(names.map((name) => machines[name].reboot()));
    await expect
      .poll(() => visit(`anything.${domain}`).catch(String), { timeout: 600_000, interval: 1000 })
      .toBe(answered);
    await allReach(machines, inNetwork);
  });

  it('has nothing left to do: a second run performs nothing and leaves every machine as it is', async () => {
    // A master that has just booted needs its time until all of its services are there again.
    let last = '';
    await expect
      .poll(
        async () => {
          const checked = await laptop.fieldkit(['check', '--answers', laptop.answersPath]);
          last = checked.stdout.slice(-6000);
          return checked.code;
        },
        { timeout: 900_000, interval: 5000 },
      )
      .toBe(0)
      .catch((error) => {
        console.error(last);
        throw error;
      });
    const before = new Map<Name, Snapshot>();
    for (const name of names) before.set(name, await takeSnapshot(machines[name], options));
    const seen = (await journal()).length;
    const { code, shown } = await run();
    expect(code, shown.slice(-8000)).toBe(0);
    const events = (await journal()).slice(seen);
    expect(events.filter(({ kind }) => kind === 'command-started')).toEqual([]);
    for (const name of names)
      expect(await lastingChanges(before.get(name) ?? new Map(), machines[name], options), name).toEqual([]);
    expect(await visit(`anything.${domain}`)).toBe(answered);
  });

  it('kept every token that it was given off the journal, the medium and the machines', async () => {
    const record = await readFile(join(laptop.siteFolder, 'journal.jsonl'), 'utf8');
    for (const token of given) expect(record.includes(token)).toBe(false);
    // Of those that the client got nobody knows more than their form.
    expect(record).not.toMatch(/\b\d+[a-z]{20}\b/);
    for (const name of names) {
      const found = await machines[name].shell(
        `grep -rlF ${given.map((token) => `-e '${token}'`).join(' ')} /etc /var/log /var/lib/fieldkit /usr/local /tmp /root /home 2>/dev/null`,
      );
      expect(found.stdout, name).toBe('');
    }
  });
});

function isIn(address: string, network: string): boolean {
  const [value, range] = [parseAddress(address), parseRange(network)];
  return value !== null && range !== null && inRange(value, range);
}

/** What re6st itself keeps of its neighbours changes while it runs. */
const options = { without: [/^\/var\/lib\/re6stnet(\/|$)/] };
