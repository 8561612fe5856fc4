// Makes the practice folder: everything the practice site is about, generated here and now, nothing fetched. Called by compose
// when a practice site is created or walked. What is there already stays, so an interrupted walk goes on with the same keys.
import { join } from 'node:path';
import { z } from 'zod';
import { type Machine, machine, type Role } from '../../src-shared/site.ts';
import type { Clock } from '../platform/clock.ts';
import { ensureFolder, readTextOrNull, writeAtomic } from '../platform/files.ts';
import { makeCacheKey } from '../software/certificate.ts';
import { keyPath, practiceSources, writeArchives, writeReleaseArchives, writeSoftwareCache } from './archives.ts';
import { basePackages, practiceBuiltUrl, practiceMirroredUrl, practiceReleaseUrl, practiceSystem } from './debian.ts';
import { anotherStickMark, practicePaths } from './faults.ts';
import { type SimulatedSite, simulatedSite } from './simulated-site.ts';

/** Counted up when what is generated changes; an older folder is then made anew. */
const generation = 6;
const ready = z.object({ generation: z.literal(generation) });

const practiceMachine = 'master-1';
const practiceNode = 'node-1';
/** Names below it are the practice frontend's. */
const practiceDomain = 'shop.practice.invalid';
/** The practice site's own name server: it knows the names below the domain. */
const practiceDns = '192.168.32.53';
/** One-time tokens as the panel of a simulated master gives them. */
export const practiceTokens = { node: '20260105-4F7A21', client: '20260105-B83C90' } as const;

const machineOf = (name: string, roles: readonly Role[], address: string, partitions: number) =>
  machine.parse({
    name,
    roles,
    address: `${name}.practice.invalid`,
    user: 'root',
    distribution: 'debian',
    release: '12',
    architecture: 'amd64',
    interface: 'enp1s0',
    addresses: [address],
    partitions,
  });
const practiceMachines = [
  machineOf(practiceMachine, ['master'], 'fd00:77::11/64', 5),
  machineOf(practiceNode, ['node', 'frontend'], 'fd00:77::1:12/64', 2),
  machineOf('builder-1', ['builder'], 'fd00:78::11/64', 1),
];

const basePackagesByName = Object.fromEntries(
  basePackages.map(({ name, version, architecture = 'amd64', provides }) => [
    name,
    { version, architecture, ...(provides === undefined ? {} : { provides }) },
  ]),
);

/** The practice site's machines, as they stand before anybody connects. */
export const practiceSite: SimulatedSite = {
  ...simulatedSite({ machines: practiceMachines }, () => basePackagesByName),
  dns: practiceDns,
};

export interface PreparedPractice {
  /** The site plan, as YAML. */
  readonly planText: string;
}

const readyPath = (folder: string): string => join(folder, 'ready.json');
const certificatesPath = (folder: string): string => join(folder, 'stock-certificates.pem');

/**
 * Generates the practice archives, keys, releases and the folder that stands for the stick, some seconds the first time.
 * @param folder absolute; must lie outside the folder of the site, which is made from the plan afterwards
 */
export async function preparePractice(folder: string, clock: Clock): Promise<PreparedPractice> {
  if (!(await isReady(folder))) {
    await writeArchives(folder, clock.now());
    await writeReleaseArchives(folder);
    const [current, former] = await upstreamKeys(clock.now());
    await writeSoftwareCache(folder, current.privateKeyPem);
    await writeAtomic(certificatesPath(folder), `${current.certificatePem}${former.certificatePem}`);
    await writeFrontendPair(folder, clock.now());
    await ensureFolder(practicePaths(folder).stick);
    await writeAtomic(readyPath(folder), JSON.stringify({ generation }));
  }
  return { planText: planText(folder) };
}

async function isReady(folder: string): Promise<boolean> {
  const text = await readTextOrNull(readyPath(folder));
  try {
    return text !== null && ready.safeParse(JSON.parse(text)).success;
  } catch {
    return false;
  }
}

/**
 * Keys of the simulated software cache, whose certificates slapos-node of the practice vendor trusts from the start: two, as
 * a list of several must survive. The private halves are not kept.
 */
const upstreamKeys = (now: Date) =>
  Promise.all([makeCacheKey('Practice upstream cache', now), makeCacheKey('Practice upstream cache, former', now)]);

/** The certificate for every name below the practice domain, as an authority of the site would give it. */
async function writeFrontendPair(folder: string, now: Date): Promise<void> {
  const { frontendCertificate, frontendKey } = practicePaths(folder);
  const { certificatePem, privateKeyPem } = await makeCacheKey('Practice frontend', now, [`*.${practiceDomain}`]);
  await writeAtomic(frontendCertificate, certificatePem);
  await writeAtomic(frontendKey, privateKeyPem, { mode: 0o600 });
}

/** PEM texts, one after the other; empty before the folder is prepared. */
export const readStockCertificates = async (folder: string): Promise<string> =>
  (await readTextOrNull(certificatesPath(folder))) ?? '';

/** Answers to every question of the walk, by the question's id. */
export const practiceAnswers: Readonly<Record<string, string>> = {
  passphrase: 'practice makes perfect',
  ...Object.fromEntries(
    practiceMachines.flatMap(({ name }) => [
      [`host-key:${name}`, 'yes'],
      [`password:${name}`, 'practice'],
    ]),
  ),
  'backup-passphrase': 'practice makes perfect',
  [`first-login:${practiceMachine}`]: 'yes',
  [`create-node-token:${practiceNode}`]: practiceTokens.node,
  [`configure-client:${practiceNode}`]: practiceTokens.client,
  [`configure-new-master:${practiceMachine}`]: 'yes',
  [`medium:${anotherStickMark}`]: 'keep-former',
};

/** Inputs of the steps that need one, by instance. */
export const practiceInputs = (folder: string): Readonly<Record<string, Readonly<Record<string, string>>>> => ({
  'choose-medium@site': { path: practicePaths(folder).stick },
});

/** Quoted for YAML: a JSON text is one. */
const quoted = (text: string): string => JSON.stringify(text);

const machineText = ({ name, roles, address, user, distribution, release, architecture, ...of }: Machine): string =>
  `  - name: ${name}
    roles: [${roles.join(', ')}]
    address: ${address}
    user: ${user}
    distribution: ${distribution}
    release: "${release}"
    architecture: ${architecture}
    interface: ${of.interface}
    addresses: [${of.addresses.map(quoted).join(', ')}]
    partitions: ${of.partitions}
`;

const planText = (
  folder: string,
): string => `# The practice site: the machines are simulated, everything else is real. Nothing here leaves this laptop.
format: 1
name: practice

machines:
${practiceMachines.map(machineText).join('')}
releases:
  - name: slapos-master
    url: ${practiceReleaseUrl}
    archives:
      ${practiceSystem}: ${quoted(practicePaths(folder).release)}
  - name: re6stnet
    url: ${practiceMirroredUrl}
    from: cache
  - name: rapid-cdn
    url: ${practiceBuiltUrl}
    from: builder

frontend:
  domain: ${practiceDomain}
  certificate: ${quoted(practicePaths(folder).frontendCertificate)}
  key: ${quoted(practicePaths(folder).frontendKey)}
  dns: ${practiceDns}

sources:
  cache:
    index: ${practiceSources.index}
    blobs: ${practiceSources.blobs}
    certificates: [${quoted(certificatesPath(folder))}]
  ${practiceSystem}:
    vendor:
      url: ${practiceSources.vendor}
      key: ${quoted(keyPath(folder, 'vendor'))}
    archives:
      - name: debian
        url: ${practiceSources.archive}
        suites: [bookworm]
        components: [main]
        key: ${quoted(keyPath(folder, 'archive'))}
`;
