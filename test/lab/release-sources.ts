/**
 * The sources of the stand-in release on the lab's bridge, over HTTPS and under their true address: what a build machine that is
 * online would find. Called by tests in which a machine compiles. Single answers can be withheld or refused.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mustRun } from './command.ts';
import { masterSources } from './release.ts';

export interface ReleaseSources {
  /** Of the host that is asked, to be trusted by the machine that compiles. */
  readonly certificatePem: string;
  /** Names of the files asked for so far, in order. */
  readonly asked: readonly string[];
  /** From now on the file is answered with this status; null serves it again. */
  refuse(name: string, status: number | null): void;
  /** From now on the file is answered only once the returned function was called. */
  withhold(name: string): () => void;
  close(): Promise<void>;
}

/** @param megabytes of the compiled release that no archiver can make smaller */
export async function serveReleaseSources(
  address: string,
  releaseUrl: string,
  megabytes: number,
): Promise<ReleaseSources> {
  const folder = await mkdtemp(join(tmpdir(), 'fieldkit-sources-'));
  const { hostname } = new URL(releaseUrl);
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
  await mustRun(
    ['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', `/CN=${hostname}`].concat([
      '-addext',
      `subjectAltName=DNS:${hostname}`,
      '-keyout',
      key,
      '-out',
      certificate,
    ]),
  );
  const base = releaseUrl.slice(0, releaseUrl.lastIndexOf('/'));
  const sources = await masterSources(megabytes);
  const files: Readonly<Record<string, string>> = {
    ...sources,
    'software.cfg': (sources['software.cfg'] ?? '').replaceAll('@BASE@', base),
  };
  const asked: string[] = [];
  const refused = new Map<string, number>();
  const withheld = new Map<string, Promise<void>>();
  const certificatePem = await readFile(certificate, 'utf8');
  const server = createServer({ key: await readFile(key), cert: certificatePem }, async (request, response) => {
    const path = `https://${hostname}${request.url}`;
    const name = path.startsWith(`${base}/`) ? path.slice(base.length + 1) : '';
    asked.push(name);
    await withheld.get(name);
    const status = refused.get(name) ?? (files[name] === undefined ? 404 : 200);
    response.writeHead(status).end(status === 200 ? files[name] : '');
  });
  await rm(folder, { recursive: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(443, address, resolve);
  });
  return {
    certificatePem,
    asked,
    refuse: (name, status) => {
      if (status === null) refused.delete(name);
      else refused.set(name, status);
    },
    withhold: (name) => {
      let release: () => void = () => undefined;
      const gate = new Promise<void>((resolve) => {
        release = resolve;
      });
      withheld.set(name, gate);
      return () => {
        withheld.delete(name);
        release();
      };
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
