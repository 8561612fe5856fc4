/**
 * Secrets that a test knows, looked for where none may be: in the programs that were started, in files, in what was printed. Called by
 * tests that walk a site. A key is looked for by its private part, as no public half holds it.
 */
import { createPrivateKey } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { readPrivateKey } from 'openpgp';
import { type LabMachine, traceWords } from './machine.ts';
import type { CliResult, Laptop } from './site.ts';

export class Canaries {
  readonly #forms = new Map<string, readonly string[]>();

  /** A word that a person types, or that one machine gives to another. */
  text(name: string, value: string): void {
    this.#put(name, [value, Buffer.from(value).toString('base64'), encodeURIComponent(value)]);
  }

  /** A private key in any of the forms that openssl writes, PEM or DER. */
  key(name: string, key: string | Uint8Array): void {
    const bytes = Buffer.from(key);
    const read =
      bytes.subarray(0, 5).toString() === '-----'
        ? createPrivateKey(bytes)
        : createPrivateKey({ key: bytes, format: 'der', type: 'pkcs8' });
    this.#bytes(name, Buffer.from(read.export({ format: 'jwk' }).d ?? '', 'base64url'), bytes.toString('latin1'));
  }

  /** The ed25519 key of somebody who logs in, as ssh-keygen writes it. */
  sshKey(name: string, pem: string): void {
    const blob = Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64');
    // The second name of its kind begins the private part: the public key, then the seed with the public key again.
    const seed = blob.lastIndexOf('ssh-ed25519') + 11 + 4 + 32 + 4;
    this.#bytes(name, blob.subarray(seed, seed + 32), pem);
  }

  /** The OpenPGP key that signs a repository, armoured. */
  async pgpKey(name: string, armored: string): Promise<void> {
    const { keyPacket } = await readPrivateKey({ armoredKey: armored });
    // Not in the library's types: the packet's own fields, one of which holds the secret, by kind of key.
    const { privateParams } = keyPacket as unknown as { readonly privateParams: Readonly<Record<string, Uint8Array>> };
    this.#bytes(name, Buffer.from(privateParams.seed ?? privateParams.d ?? []), armored);
  }

  /** Where each was seen in a text, as `name in place`. */
  seenIn(place: string, text: string): string[] {
    return [...this.#forms].flatMap(([name, forms]) =>
      forms.some((form) => text.includes(form)) ? [`${name} in ${place}`] : [],
    );
  }

  async seenBelow(folder: string, but: readonly string[] = []): Promise<string[]> {
    const found: string[] = [];
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (entry.isFile() && !but.includes(path)) found.push(...this.seenIn(path, await readFile(path, 'latin1')));
    }
    return found;
  }

  /** Of every program in a trace (see `traceWords`), its arguments and its environment. */
  async seenInTrace(trace: string): Promise<{ readonly count: number; readonly seen: readonly string[] }> {
    let count = 0;
    const seen: string[] = [];
    for await (const line of createInterface({ input: createReadStream(trace) })) {
      if (!/\bexecve(at)?\(/.test(line)) continue;
      count += 1;
      seen.push(...this.seenIn(line.slice(0, 200), line));
    }
    return { count, seen };
  }

  /** A key's private bytes in every form that a file or an argument could hold, and the lines of the file they came from. */
  #bytes(name: string, secret: Buffer, file: string): void {
    if (secret.length < 16) throw new Error(`no private part in ${name}`);
    const shifted = [0, 1, 2].map((skip) => {
      const whole = secret.subarray(skip, skip + Math.floor((secret.length - skip) / 3) * 3);
      return whole.toString('base64');
    });
    const lines = /PRIVATE KEY/.test(file) ? file.split('\n').filter((line) => /^[A-Za-z0-9+/]{64,}$/.test(line)) : [];
    this.#put(name, [
      secret.toString('latin1'),
      secret.toString('hex'),
      ...shifted,
      ...shifted.map((text) => text.replaceAll('+', '-').replaceAll('/', '_')),
      ...lines.slice(Math.ceil(lines.length / 2)),
    ]);
  }

  #put(name: string, forms: readonly string[]): void {
    if (forms.some((form) => form.length < 8)) throw new Error(`${name} is too short to be looked for`);
    this.#forms.set(name, forms);
  }
}

/** Every program that is started while the program runs: its own, and those below the ssh servers of the machines it works on. */
export class Traces {
  readonly own: string[] = [];
  readonly remote: string[] = [];
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async run(laptop: Laptop, machines: readonly LabMachine[], words: readonly string[]): Promise<CliResult> {
    const stops: (() => Promise<void>)[] = [];
    for (const one of machines) {
      const trace = join(this.#folder, `remote-${this.remote.length}.trace`);
      this.remote.push(trace);
      stops.push(await one.traceLogins(trace));
    }
    const trace = join(this.#folder, `own-${this.own.length}.trace`);
    this.own.push(trace);
    const under = ['strace', '--seccomp-bpf', ...traceWords(trace)];
    const ran = await laptop.fieldkit([...words, '--answers', laptop.answersPath], { under });
    for (const stop of stops) await stop();
    return ran;
  }

  /** Which canaries were seen, and how many programs were looked at on each side. */
  async seen(canaries: Canaries): Promise<{ readonly own: number; readonly remote: number; readonly seen: string[] }> {
    const counts = { own: 0, remote: 0 };
    const seen: string[] = [];
    for (const side of ['own', 'remote'] as const)
      for (const trace of this[side]) {
        const looked = await canaries.seenInTrace(trace);
        counts[side] += looked.count;
        seen.push(...looked.seen);
      }
    return { ...counts, seen };
  }
}
