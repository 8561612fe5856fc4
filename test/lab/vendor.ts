/**
 * A vendor's package repository in the layout of an openSUSE Build Service project, served over HTTP on loopback and signed with a key
 * of its own. Called by tests that prepare a medium, and by `npm run lab -- shell`.
 * Must never be used to change what it serves on disk: faults are laid over single answers.
 */
import { createReadStream } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { type DebianRelease, debianNumbers } from './base.ts';
import { mustRun } from './command.ts';
import { cached, recipeKey } from './host.ts';
import { re6stNodePackage } from './re6st-node.ts';
import { slapOsNodePackage } from './slapos-node.ts';

/** The folder of a project on the Build Service's download server. */
const projectPath = '/repositories/home:/VIFIBnexedi';

interface VendorRequest {
  readonly method: string;
  readonly path: string;
  readonly status: number;
}

/** What one path answers instead of its file: other bytes, another status, or only the first bytes and then a cut connection. */
export interface VendorFault {
  readonly status?: number;
  readonly body?: Buffer;
  readonly cutAfterBytes?: number;
}

export interface VendorRepository {
  /** Base address; the distributions' folders lie below it. No slash at the end. */
  readonly url: string;
  /** Address of the one distribution it has. No slash at the end. */
  readonly distributionUrl: string;
  /** The files as they lie on the disk. */
  readonly folder: string;
  /** The fingerprint of the signing key: 40 hexadecimal digits, capital letters. */
  readonly keyFingerprint: string;
  /** The armored public key, as `Release.key` holds it. */
  readonly publicKey: string;
  /** Every request answered so far, in order. */
  readonly requests: readonly VendorRequest[];
  /** Lays a fault over a path below `distributionUrl` (`InRelease`, `amd64/….deb`); null takes it away. */
  fault(path: string, fault: VendorFault | null): void;
  close(): Promise<void>;
}

/** Serves the repository with slapos-node and re6st-node, built on first use, and with `more` packages, given by path. */
export async function startVendorRepository(
  release: DebianRelease = 'bookworm',
  more: readonly string[] = [],
): Promise<VendorRepository> {
  const distribution = `Debian_${debianNumbers[release]}`;
  const folder = await vendorFolder(release, distribution, more);
  const requests: VendorRequest[] = [];
  const faults = new Map<string, VendorFault>();
  const server = createServer((request, response) => {
    response.once('close', () => {
      requests.push({ method: request.method ?? '', path: request.url ?? '', status: response.statusCode });
    });
    answer(join(folder, distribution), `${projectPath}/${distribution}/`, faults, request, response).catch(() =>
      response.destroy(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${projectPath}`;
  return {
    url,
    distributionUrl: `${url}/${distribution}`,
    folder: join(folder, distribution),
    keyFingerprint: (await readFile(join(folder, 'fingerprint'), 'utf8')).trim(),
    publicKey: await readFile(join(folder, distribution, 'Release.key'), 'utf8'),
    requests,
    fault: (path, fault) => {
      if (fault === null) faults.delete(path);
      else faults.set(path, fault);
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  folder: string,
  prefix: string,
  faults: ReadonlyMap<string, VendorFault>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = decodeURIComponent((request.url ?? '').split('?')[0] ?? '');
  const relative = path.startsWith(prefix) ? path.slice(prefix.length) : '';
  const file = join(folder, relative);
  const found = relative === '' || relative.split('/').includes('..') ? null : await stat(file).catch(() => null);
  const fault = faults.get(relative);
  if (fault?.status !== undefined) {
    response.writeHead(fault.status).end();
    return;
  }
  if (fault?.body === undefined && !found?.isFile()) {
    response.writeHead(404).end('no such file\n');
    return;
  }
  const size = fault?.body?.length ?? found?.size ?? 0;
  response.writeHead(200, { 'Content-Length': size, 'Content-Type': 'application/octet-stream' });
  if (request.method === 'HEAD') response.end();
  else if (fault?.cutAfterBytes !== undefined) {
    const bytes = (fault.body ?? (await readFile(file))).subarray(0, fault.cutAfterBytes);
    response.write(bytes, () => response.destroy());
  } else if (fault?.body !== undefined) response.end(fault.body);
  else createReadStream(file).pipe(response);
}

/** The repository's files: an apt repository without components, packages in a folder per architecture. */
async function vendorFolder(release: DebianRelease, distribution: string, more: readonly string[]): Promise<string> {
  const packages = [await slapOsNodePackage(release), await re6stNodePackage(release), ...more];
  return cached(`vendor-${recipeKey('4', distribution, ...packages)}`, async (path) => {
    const root = join(path, distribution);
    await mkdir(join(root, 'amd64'), { recursive: true });
    for (const file of packages) await copyFile(file, join(root, 'amd64', basename(file)));
    const cwd = root;
    // `./amd64/…`, as the Build Service writes its file names.
    const index = await mustRun(['apt-ftparchive', 'packages', './amd64'], { cwd });
    await writeFile(join(root, 'Packages'), index.replaceAll(/^Filename: (?!\.\/)/gm, 'Filename: ./'));
    await mustRun(['gzip', '--keep', '--no-name', 'Packages'], { cwd });
    const fields: Readonly<Record<string, string>> = {
      Codename: distribution,
      Origin: `obs://lab.example.invalid/home:VIFIBnexedi/${distribution}`,
      Label: 'home:VIFIBnexedi',
      Architectures: 'amd64',
      Description: 'A lab repository in the layout of the Build Service',
    };
    const options = Object.entries(fields).flatMap(([name, value]) => [
      '-o',
      `APT::FTPArchive::Release::${name}=${value}`,
    ]);
    const release = await mustRun(['apt-ftparchive', ...options, 'release', '.'], { cwd });
    await writeFile(join(root, 'Release'), release);
    await sign(path, root);
  });
}

/** Signs `Release` with a new key whose private half is kept nowhere. */
async function sign(path: string, root: string): Promise<void> {
  // Not in the cache folder: the agent's socket lies in it, and a socket's path may have 107 characters at most.
  const home = await mkdtemp(join(tmpdir(), 'fieldkit-gpg-'));
  const gpg = ['gpg', '--homedir', home, '--batch', '--yes', '--pinentry-mode', 'loopback', '--passphrase', ''];
  const run = (...args: string[]) => mustRun([...gpg, ...args], { cwd: root });
  try {
    await run('--quick-generate-key', 'Lab vendor <vendor@example.invalid>', 'rsa3072', 'sign', '10y');
    const listed = await run('--with-colons', '--list-keys');
    await writeFile(join(path, 'fingerprint'), `${/^fpr:+([0-9A-F]{40}):/m.exec(listed)?.[1] ?? ''}\n`);
    await run('--armor', '--output', 'Release.key', '--export');
    await run('--armor', '--output', 'Release.gpg', '--detach-sign', 'Release');
    await run('--digest-algo', 'SHA256', '--output', 'InRelease', '--clearsign', 'Release');
  } finally {
    // The agent gpg started for this folder ends with it.
    await mustRun(['gpgconf', '--homedir', home, '--kill', 'gpg-agent']).catch(() => undefined);
    await rm(home, { recursive: true, force: true });
  }
}
