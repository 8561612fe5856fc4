/** What a registry and certificates of re6st say, and what becomes of its configuration. */
import { spawn, spawnSync } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  joinArgv,
  networkOfAuthority,
  nodeAddress,
  parseRegistry,
  re6stConfig,
  re6stPaths,
  sameNetwork,
  subnetOf,
} from '../../../src-main/target/re6st.ts';
import { unless, whyWithout } from '../../unless.ts';
import { authority } from './re6st-authority.ts';

const found = spawnSync('python3', ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' });
const python = found.status === 0 ? found.stdout.trim() : null;

/** A node's of the authority's network, its third. */
const node = `-----BEGIN CERTIFICATE-----
MIIBUDCB9gIBAzAKBggqhkjOPQQDAjA6MRMwEQYDVQQDDApyZTZzdCB0ZXN0MSMw
IQYJKoZIhvcNAQkBFhRyb290QGV4YW1wbGUuaW52YWxpZDAgFw0yNjExMjMwMTA0
MTBaGA8yMTI2MTAzMDAxMDQxMFowLDEPMA0GA1UEDAwGbm9kZS0yMQ0wCwYDVQQD
DAQyLzE2MQowCAYDVQQFEwEyMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEER4h
2UCJhCoPGFoURlPb+7bYRFvfAuaoTCaItJ3cUIw54TEXZJbiAh7iDG4VC5kFggxG
LPy/jmfe0y4eYYDr4jAKBggqhkjOPQQDAgNJADBGAiEA9U5gQmKLWJ6C4FJJd+LN
36TZZQrw3rFiX7AT65uJNqkCIQDgMpOxymsr++g7h7pcWgaqoJPLt27D1nYZGTuY
ewrV3g==
-----END CERTIFICATE-----
`;

const answered = `fd5a:77::104\nHTTP/1.0 200 OK\r\nServer: x\r\nContent-Length: 9\r\n\r\n${authority}`;

describe('a registry', () => {
  it('is known by its address, its network and the fingerprint of its authority', () => {
    expect(parseRegistry(answered)).toEqual({
      address: 'fd5a:77::104',
      network: 'fdbb:eb3c:1b95::/48',
      fingerprint: createHash('sha256').update(new X509Certificate(authority).raw).digest('hex'),
    });
  });

  it.each([
    '',
    'fd5a:77::104\n',
    answered.replace('200 OK', '500 Oops'),
    answered.replace(/-----BEGIN[\s\S]*/, '<html>'),
    answered.replace('fd5a:77::104', '$(reboot)'),
  ])('is none when it says something else (%#)', (text) => {
    expect(parseRegistry(text)).toBeNull();
  });
});

describe('certificates', () => {
  it('say which part of which network a machine holds', () => {
    expect(networkOfAuthority(authority)).toBe('fdbb:eb3c:1b95::/48');
    expect(subnetOf(authority, node)).toBe('fdbb:eb3c:1b95:2::/64');
    expect(nodeAddress('fdbb:eb3c:1b95:2::/64')).toBe('fdbb:eb3c:1b95:2::1');
    expect(nodeAddress('fd00:1:2:3:4:5::/96')).toBe('fd00:1:2:3:4:5:0:1');
    expect(subnetOf(authority, authority)).toBeNull();
    expect(subnetOf(authority, '')).toBeNull();
    expect(networkOfAuthority('babble')).toBeNull();
  });

  it('are compared by network, not by text', () => {
    expect(sameNetwork('fdbb:eb3c:1b95:0::/48', 'fdbb:eb3c:1b95::/48')).toBe(true);
    expect(sameNetwork('fdbb:eb3c:1b95::/48', 'fdbb:eb3c:1b95::/64')).toBe(false);
    expect(sameNetwork('fdbb:eb3c:1b95::/48', 'nothing')).toBe(false);
  });
});

describe('the configuration', () => {
  const wanted = { registry: 'http://[fd00::9]:9026', ip: '10.0.0.7', interface: 'eth0' };
  const written = 'registry http://[fd00::1]:9026\nca ca.crt\n\n# increase re6stnet verbosity:\n#verbose 3\n';

  it('gains the address and the interface, and the registry that is there now', () => {
    expect(re6stConfig(written, wanted)).toBe(
      'registry http://[fd00::9]:9026\nca ca.crt\n\n# increase re6stnet verbosity:\n#verbose 3\nip 10.0.0.7\ninterface eth0\n',
    );
  });

  it('stays as it is once it is so, and keeps an address that somebody chose', () => {
    const once = re6stConfig(written, wanted);
    expect(re6stConfig(once, wanted)).toBe(once);
    expect(re6stConfig(`${written}ip 192.0.2.1\n`, wanted)).not.toContain('10.0.0.7');
    expect(re6stConfig(written, { ...wanted, ip: '' })).not.toMatch(/^ip /m);
  });
});

it('asks for a certificate without a token in any argument', () => {
  const argv = joinArgv('http://[fd00::9]:9026', 'ab', 'node-1', 330);
  expect(argv).toContain('http://[fd00::9]:9026');
  expect(argv).toContain('sha256:ab');
  expect(argv.filter((word) => word.includes('--token'))).toHaveLength(1);
});

describe('the program that asks for a certificate', unless(whyWithout('python3')), () => {
  /** Runs it with a stand-in for re6st-conf, which writes down each time that it is asked. */
  const joining = async (
    body: string,
    act: (child: ReturnType<typeof spawn>, asked: () => number) => Promise<void>,
  ): Promise<{ readonly code: number | null; readonly asked: number; readonly tookMs: number }> => {
    const folder = await mkdtemp(join(tmpdir(), 'fieldkit-join-'));
    try {
      const asked = join(folder, 'asked');
      const conf = `#! ${python}\nimport sys, time\nopen("${asked}", "a").write(sys.argv[sys.argv.index("--token") + 1] + "\\n")\n${body}`;
      await writeFile(join(folder, 're6st-conf'), conf, { mode: 0o755 });
      const argv = joinArgv('http://[fd00::9]:9026', 'ab', 'node-1', 330).map((word) =>
        word === re6stPaths.folder ? join(folder, 're6stnet') : word,
      );
      const [program = '', ...words] = ['timeout', '-k', '5', '60', ...argv];
      const child = spawn(program, words, { env: { PATH: `${folder}:${process.env.PATH}` } });
      child.stdin?.end('the-token\n');
      const count = () => (existsSync(asked) ? readFileSync(asked, 'utf8').split('\n').length - 1 : 0);
      const ended = once(child, 'close');
      await act(child, count);
      const toldMs = performance.now();
      const [code] = await ended;
      expect(readFileSync(asked, 'utf8')).toMatch(/^(the-token\n)+$/);
      return { code: code as number | null, asked: count(), tookMs: performance.now() - toldMs };
    } finally {
      await rm(folder, { recursive: true });
    }
  };
  const unknown = 'sys.exit("the token is unknown")\n';

  it('stops at once when it is told to while it waits for the registry to know the token', async () => {
    const { code, asked, tookMs } = await joining(unknown, async (child, count) => {
      const heard = once(child.stdout as NonNullable<typeof child.stdout>, 'data');
      expect(String(await heard)).toContain('does not know this token yet');
      expect(count()).toBe(1);
      child.kill('SIGTERM');
    });
    expect(code).not.toBe(0);
    expect(asked).toBe(1);
    // It would have slept for fifteen seconds.
    expect(tookMs).toBeLessThan(5000);
  });

  it('lets an answer come that it has asked for, and asks no more', async () => {
    const stop = async (child: ReturnType<typeof spawn>, count: () => number) => {
      await expect.poll(count, { interval: 20, timeout: 10_000 }).toBe(1);
      child.kill('SIGTERM');
    };
    const slow = 'time.sleep(1.5)\nopen(sys.argv[0] + "-done", "w").write("yes")\n';
    expect(await joining(slow, stop)).toMatchObject({ code: 0, asked: 1 });
    expect(await joining(`${slow}${unknown}`, stop)).toMatchObject({ code: 5, asked: 1 });
  });
});
