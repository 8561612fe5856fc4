import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isSecretName, withoutSecrets } from '../../../src-shared/withhold.ts';

const canary = 'canary7of7';
const key = (kind: string) => `-----BEGIN ${kind}-----\nMII${canary}\nabc\n-----END ${kind}-----`;

describe('a text without what looks like a secret', () => {
  it.each([
    ['a setting', `computer_id = local\npassword = ${canary} more ${canary}\nnext = 1`],
    ['a setting with a colon', `inituser-password: ${canary}`],
    ['a variable', `export API_TOKEN=${canary} && run`],
    ['an argument', `curl --token ${canary} http://x/`],
    ['an argument with an equals sign', `tool --db-password=${canary} --verbose`],
    ['an address', `http://admin:${canary}@10.0.0.1/erp5`],
    ['a query', `http://10.0.0.1/x?user=1&secret=${canary}&y=2`],
    ['JSON', `{"a": 1, "inituser-password": "${canary}", "b": 2}`],
    ['JSON with a quote in it', `{"password": "x\\"${canary}"}`],
    ['XML', `<instance><parameter id="inituser-password">${canary}</parameter></instance>`],
    ['a header', `Authorization: Bearer ${canary}`],
    ['a private key', key('PRIVATE KEY')],
    ['an RSA key', key('RSA PRIVATE KEY')],
    ['an OpenSSH key', key('OPENSSH PRIVATE KEY')],
    ['an OpenPGP key', key('PGP PRIVATE KEY BLOCK')],
    ['a key cut off', `-----BEGIN PRIVATE KEY-----\nMII${canary}`],
    ['a hashed password', `root:$6$${canary}$abcdefghijklmnop:19000:0`],
    ['French', `motdepasse = ${canary}`],
  ])('%s', (_name, text) => {
    const clean = withoutSecrets(text);
    expect(clean).not.toContain(canary);
    expect(clean).toContain('[secret]');
    expect(withoutSecrets(clean)).toBe(clean);
  });

  it.each([
    '-----BEGIN CERTIFICATE-----\nMIIabc\n-----END CERTIFICATE-----',
    'key_file = /etc/opt/slapos/ssl/computer.key',
    'password_file = /run/x',
    'http://127.0.0.1:5050/bcache',
    'steps.make-keys.asks.passphrase',
    'ip daddr { 10.0.0.1 } tcp dport 80 dnat to 10.0.1.2:2200',
    'SHA256:uBPyLhkH1Gwqmq6bHKQYxv5RrYRnFhFDkS0pgzzWPXY',
  ])('leaves alone: %s', (text) => expect(withoutSecrets(text)).toBe(text));

  it('never throws, and twice is as once', () => {
    fc.assert(fc.property(fc.string(), (text) => withoutSecrets(withoutSecrets(text)) === withoutSecrets(text)));
  });

  it('knows a name that names a secret', () => {
    expect(['password', 'inituser-password', 'API_TOKEN', 'secret'].every(isSecretName)).toBe(true);
    expect(['key_file', 'password_file', 'city', 'token-length'].some(isSecretName)).toBe(false);
  });
});
