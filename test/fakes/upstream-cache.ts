// The public software cache on loopback, in its real layout: shadir's documents by md5 of the address, shacache's archives by
// sha512, signed by certificates that openssl made. Counts what it sends, and may be slow, redirect, or have been tampered with.
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runLocal } from '../../src-main/platform/shell.ts';
import { targetOf } from '../../src-main/software/compatibility.ts';

export interface Signer {
  readonly certificatePem: string;
  /** base64 in lines of 64 characters, as older signers wrote it. */
  readonly sign: (text: string) => Promise<string>;
}

export interface Upstream {
  /** `…/shadir` and `…/shacache`. */
  readonly index: string;
  readonly blobs: string;
  /** Contents by path, e.g. `shadir/<md5>`. */
  readonly files: Map<string, Uint8Array>;
  /** Where a path is sent elsewhere instead. */
  readonly redirects: Map<string, string>;
  /** Method and path of each request. */
  readonly asked: string[];
  /** Bytes of contents handed to the network. */
  sentBytes: number;
  /** Pause after each piece of 64 KiB; none at first. */
  pauseMs: number;
  /** Called as bytes go out; false ends the connection. */
  onSent: (() => boolean) | null;
  newSigner(name: string): Promise<Signer>;
  close(): Promise<void>;
}

export const sha512Of = (bytes: Uint8Array): string => createHash('sha512').update(bytes).digest('hex');
export const md5Of = (text: string): string => createHash('md5').update(text).digest('hex');

/** Puts a release for Debian 12 on amd64 there, as its signer would. */
export async function publishRelease(upstream: Upstream, signer: Signer, url: string, blob: Uint8Array): Promise<void> {
  const { multiarch, distribution } = targetOf('debian-12-amd64');
  const sha512 = sha512Of(blob);
  const fields = { sha512, multiarch, software_url: url, software_root: '/opt/slapgrid', os: distribution };
  const entry = JSON.stringify(fields);
  upstream.files.set(`shadir/${md5Of(url)}`, Buffer.from(JSON.stringify([[entry, await signer.sign(entry)]])));
  upstream.files.set(`shacache/${sha512}`, blob);
}

const pieceBytes = 64 * 1024;

export async function startUpstream(): Promise<Upstream> {
  const folder = await mkdtemp(join(tmpdir(), 'fieldkit-upstream-'));
  const server = createServer((request, response) => {
    void answer(upstream, request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const upstream: Upstream = {
    index: `${base}/shadir`,
    blobs: `${base}/shacache`,
    files: new Map(),
    redirects: new Map(),
    asked: [],
    sentBytes: 0,
    pauseMs: 0,
    onSent: null,
    newSigner: (name) => newSigner(folder, name),
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      await rm(folder, { recursive: true, force: true });
    },
  };
  return upstream;
}

async function answer(upstream: Upstream, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = (request.url ?? '/').slice(1);
  upstream.asked.push(`${request.method} ${path}`);
  const elsewhere = upstream.redirects.get(path);
  const bytes = upstream.files.get(path);
  if (elsewhere !== undefined) return void response.writeHead(302, { location: elsewhere }).end();
  if (bytes === undefined) return void response.writeHead(404).end();
  const etag = `"${sha512Of(bytes).slice(0, 16)}"`;
  const from =
    request.headers['if-range'] === etag ? Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1]) : 0;
  const start = Number.isInteger(from) ? from : 0;
  const range = start === 0 ? {} : { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` };
  const length = bytes.length - start;
  const headers = { 'content-length': length, 'accept-ranges': 'bytes', etag, ...range };
  response.writeHead(start === 0 ? 200 : 206, headers);
  if (request.method === 'HEAD') return void response.end();
  for (let at = start; at < bytes.length && !response.destroyed; at += pieceBytes) {
    const piece = bytes.subarray(at, at + pieceBytes);
    const flushed = response.write(piece);
    upstream.sentBytes += piece.length;
    if (!flushed) await drained(response);
    if (upstream.onSent?.() === false) return void response.destroy();
    if (upstream.pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, upstream.pauseMs));
  }
  response.end();
}

const drained = (response: ServerResponse): Promise<void> =>
  new Promise((resolve) => {
    const over = () => {
      response.off('drain', over).off('close', over);
      resolve();
    };
    response.on('drain', over).on('close', over);
  });

async function newSigner(folder: string, name: string): Promise<Signer> {
  const [key, certificate] = [join(folder, `${name}.key`), join(folder, `${name}.pem`)];
  const request = ['req', '-x509', '-newkey', 'rsa:3072', '-nodes', '-days', '30', '-subj', `/CN=${name}`];
  await openssl([...request, '-keyout', key, '-out', certificate]);
  return {
    certificatePem: await readFile(certificate, 'utf8'),
    sign: async (text) => {
      const [entry, signature] = [join(folder, 'entry'), join(folder, 'signature')];
      await writeFile(entry, text);
      await openssl(['dgst', '-sha1', '-sign', key, '-out', signature, entry]);
      return openssl(['base64', '-in', signature]);
    },
  };
}

async function openssl(words: readonly string[]): Promise<string> {
  const { exit, stdout, stderr } = await runLocal(['openssl', ...words]);
  if (exit !== 0) throw new Error(`openssl ${words[0]}: ${stderr}`);
  return stdout;
}
