// The connection under Electron's crypto, which has no chacha20 and few other ciphers: it must still agree with a stock sshd.
// In a file of its own: ssh2 looks at the list of ciphers once, when it is loaded.
import { createRequire } from 'node:module';
import { expect, it } from 'vitest';
import { unless } from '../unless.ts';
import { startServer, whyNoServer } from './target-server.ts';

const require = createRequire(import.meta.url);
const crypto: { getCiphers: () => string[] } = require('node:crypto');
const all = crypto.getCiphers();
/** What BoringSSL as linked by Electron answers. */
const kept = all.filter(
  (name) => /^aes-?(128|192|256)-(cbc|ctr|ecb|gcm|ofb)$/i.test(name) || /^(des-ede3?(-cbc)?|rc4)$/i.test(name),
);
crypto.getCiphers = () => kept;

const reason = whyNoServer();

it('logs in and runs a command with few ciphers', unless(reason), async () => {
  expect(all.some((name) => /chacha20/i.test(name))).toBe(true);
  expect(kept.some((name) => /chacha/i.test(name))).toBe(false);
  const { openConnection, scanHostKey } = await import('../../src-main/target/connection.ts');
  const { SUPPORTED_CIPHER } = require('ssh2/lib/protocol/constants.js') as { SUPPORTED_CIPHER: string[] };
  expect(SUPPORTED_CIPHER).not.toContain('chacha20-poly1305@openssh.com');
  expect(SUPPORTED_CIPHER).toContain('aes128-gcm@openssh.com');
  const server = await startServer();
  try {
    expect((await scanHostKey(server.machine)).fingerprint).toBe(server.fingerprint);
    const request = { machine: server.machine, pinnedHostKey: server.fingerprint, login: { privateKey: server.key } };
    const connection = await openConnection(request);
    expect((await connection.exec(['echo', 'hello'])).stdout).toBe('hello\n');
    connection.close();
    await server.stop();
    const hard = await startServer(['Ciphers chacha20-poly1305@openssh.com']);
    try {
      const refused = await openConnection({
        ...request,
        machine: hard.machine,
        pinnedHostKey: hard.fingerprint,
      }).catch((thrown: unknown) => thrown);
      expect(refused).toMatchObject({ code: 'handshake-failed' });
    } finally {
      await hard.stop();
    }
  } finally {
    await server.stop();
  }
});
