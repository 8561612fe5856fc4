// Signatures made by the real gpg, as archives make them, checked by our verifier; gpgv's own verdict beside it.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type SignatureRules, verifyClearsigned, verifyDetached } from '../../../src-main/packages/signed-text.ts';
import { unless, whyWithout } from '../../unless.ts';
import { run } from './apt.ts';

const text = 'Suite: stable\n- starts with a dash\n-----BEGIN PGP SIGNATURE-----\nDescription: é\n\n end\n';
const now = new Date('2024-06-01T00:00:00Z');

describe('signatures of gpg', unless(whyWithout('gpg', 'gpgv', 'gpgconf')), () => {
  let home = '';
  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'fieldkit-gpg-'));
    for (const name of ['one', 'two', 'revoked']) await makeKey(name, '2023-01-01', '10y');
    await makeKey('short', '2023-01-01', '1y');
    await makeKey('subkey', '2023-01-01', '10y', 'cert');
    const [fingerprint = ''] = fingerprints('subkey');
    at('2023-01-02', '--quick-add-key', fingerprint, 'rsa2048', 'sign', '5y');
    at('2023-01-02', '--quick-add-key', fingerprint, 'ed25519', 'sign', '30d');
  });
  afterAll(async () => {
    run('gpgconf', ['--homedir', home, '--kill', 'gpg-agent']);
    await rm(home, { recursive: true, force: true });
  });

  const call = (...args: string[]) => run('gpg', ['--homedir', home, '--batch', '--yes', '--passphrase', '', ...args]);
  const at = (day: string, ...args: string[]) => {
    const outcome = call('--faked-system-time', `${day.replaceAll('-', '')}T120000`, ...args);
    expect(outcome).toMatchObject({ status: 0 });
    return outcome;
  };
  const makeKey = async (name: string, day: string, expires: string, usage = 'sign,cert') =>
    at(day, '--quick-generate-key', `${name}@example.org`, 'rsa2048', usage, expires);
  const fingerprints = (name: string): string[] =>
    [...call('--with-colons', '--list-keys', `${name}@example.org`).stdout.matchAll(/^fpr:+([0-9A-F]+):/gm)].map(
      ([, found = '']) => found,
    );
  const publicKey = (name: string): string => call('--armor', '--export', `${name}@example.org`).stdout;
  const sign = async (day: string, how: string, users: readonly string[], more: readonly string[] = []) => {
    const file = join(home, 'text');
    await writeFile(file, text);
    const chosen = users.flatMap((user) => ['-u', user.includes('@') ? user : user]);
    at(day, ...more, ...chosen, '--armor', '-o', `${file}.out`, how, file);
    return readFile(`${file}.out`);
  };
  const user = (name: string) => `${name}@example.org`;
  const rules = (...names: string[]): SignatureRules => ({ url: 'test', keys: names.map(publicKey), now });
  const bad = { code: 'release-signature-bad' };

  it('cover exactly the text they were made for', async () => {
    const signed = await sign('2024-05-01', '--clearsign', [user('one')]);
    const [signedBy] = fingerprints('one');
    expect(await verifyClearsigned(signed, rules('one'))).toEqual({ text: text.trimEnd(), signedBy });
    const detached = await sign('2024-05-01', '--detach-sign', [user('one')]);
    expect(await verifyDetached(Buffer.from(text), detached, rules('one'))).toEqual({ text, signedBy });
    const other = Buffer.from(text.replace('stable', 'Stable'));
    await expect(verifyDetached(other, detached, rules('one'))).rejects.toMatchObject(bad);
  });

  it('of several keys count when one of them is pinned', async () => {
    const signed = await sign('2024-05-01', '--clearsign', [user('one'), user('two')]);
    expect((await verifyClearsigned(signed, rules('two'))).signedBy).toBe(fingerprints('two')[0]);
    await expect(verifyClearsigned(signed, rules('short'))).rejects.toMatchObject({ code: 'release-key-unknown' });
  });

  it('of a subkey count for its primary key, whether or not another subkey has expired', async () => {
    const [primary = '', rsa = '', elliptic = ''] = fingerprints('subkey');
    const signed = await sign('2024-05-01', '--clearsign', [`${rsa}!`]);
    expect((await verifyClearsigned(signed, rules('subkey'))).signedBy).toBe(primary);
    const expired = await sign('2023-01-10', '--clearsign', [`${elliptic}!`]);
    await expect(verifyClearsigned(expired, rules('subkey'))).rejects.toMatchObject(bad);
  });

  it('of a key that has expired do not count, unless that is tolerated', async () => {
    const signed = await sign('2023-06-01', '--clearsign', [user('short')]);
    await expect(verifyClearsigned(signed, rules('short'))).rejects.toMatchObject(bad);
    await expect(verifyClearsigned(signed, { ...rules('short'), tolerateExpired: true })).resolves.toBeDefined();
  });

  it('of a revoked key do not count', async () => {
    const signed = await sign('2024-05-01', '--clearsign', [user('revoked')]);
    await expect(verifyClearsigned(signed, rules('revoked'))).resolves.toBeDefined();
    const [fingerprint = ''] = fingerprints('revoked');
    const certificate = join(home, 'openpgp-revocs.d', `${fingerprint}.rev`);
    await writeFile(certificate, (await readFile(certificate, 'utf8')).replace(':-----BEGIN', '-----BEGIN'));
    at('2024-05-02', '--import', certificate);
    await expect(verifyClearsigned(signed, rules('revoked'))).rejects.toMatchObject(bad);
  });

  it('over a broken hash do not count', async () => {
    const signed = await sign('2024-05-01', '--clearsign', [user('one')], ['--digest-algo', 'SHA1']);
    expect(signed.toString()).toContain('Hash: SHA1');
    await expect(verifyClearsigned(signed, rules('one'))).rejects.toMatchObject(bad);
  });
});
