import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { type CacheKey, makeCacheKey } from '../../../src-main/software/certificate.ts';
import {
  chooseEntry,
  indexDocument,
  judgeEntries,
  makeEntry,
  parseIndexDocument,
  readEntry,
  type SignedEntry,
  signEntry,
  urlKey,
  verifyEntry,
} from '../../../src-main/software/entry.ts';
import type { Problem } from '../../../src-shared/problem.ts';

const url = 'https://lab.nexedi.com/nexedi/slapos/raw/1.0.358/software/slapos-master/software.cfg';
const hash = createHash('sha512').update('archive').digest('hex');
const debian = { multiarch: 'x86_64-linux-gnu', distribution: ['debian', '12', 'bookworm'] as const };
const text = makeEntry({ sha512: hash, ...debian, softwareUrl: url });

let ours: CacheKey;
let other: CacheKey;
beforeAll(async () => {
  [ours, other] = await Promise.all([
    makeCacheKey('ShaCache Signing Cert', new Date('2026-01-15T10:00:00Z')),
    makeCacheKey('Another', new Date('2026-01-15T10:00:00Z')),
  ]);
}, 60_000);

const signed = (entry: string, key: CacheKey): SignedEntry => ({
  entry,
  signature: signEntry(entry, key.privateKeyPem),
});
const problemOf = (act: () => unknown): Problem['data'] | null => {
  try {
    act();
  } catch (thrown) {
    return (thrown as Problem).data;
  }
  return null;
};
const codeOf = (act: () => unknown): string => problemOf(act)?.code ?? 'no problem';

describe('the key of a release', () => {
  test('is the md5 of the exact URL', () => {
    expect(urlKey(url)).toBe('16d47c5ab38233146f11c11abdd14575');
    expect(urlKey(url.replace('1.0.358', '1.0.349'))).toBe('371f21bc734ea058fce6fe733bd9074e');
    expect(urlKey(`${url}\n`)).not.toBe(urlKey(url));
  });
});

describe('writing and reading an entry', () => {
  test('holds what old and new clients look for', () => {
    expect(JSON.parse(text)).toEqual({
      file: 'file',
      urlmd5: 'urlmd5',
      multiarch: 'x86_64-linux-gnu',
      os: ['debian', '12', 'bookworm'],
      sha512: hash,
      software_root: '/opt/slapgrid',
      software_url: url,
    });
    expect(readEntry(text, url)).toEqual({
      sha512: hash,
      system: debian,
      softwareUrl: url,
      softwareRoot: '/opt/slapgrid',
    });
  });

  test('the old form with a machine and a tuple is read for x86_64 alone', () => {
    const legacy = (machine: string) => JSON.stringify({ sha512: hash, machine, os: "('debian', '9.13', '')" });
    expect(readEntry(legacy('x86_64'), url).system).toEqual({
      multiarch: 'x86_64-linux-gnu',
      distribution: ['debian', '9.13', ''],
    });
    expect(readEntry(legacy('aarch64'), url).system.multiarch).toBeNull();
  });

  test.each([
    ['not JSON', '{'],
    ['no hash', '{}'],
    ['a short hash', '{"sha512":"abc"}'],
    ['a list', '[]'],
    ['an os of four', JSON.stringify({ sha512: hash, os: ['a', 'b', 'c', 'd'] })],
  ])('%s is refused', (_name, entry) => {
    expect(codeOf(() => readEntry(entry, url))).toBe('entry-malformed');
  });
});

describe('the index document', () => {
  test('keeps the bytes of every entry and signature, line breaks too', () => {
    const spaced = `{"sha512":  "${hash}", "multiarch": "x86_64-linux-gnu", "os": ["debian", "12", "\\u00e9"]}`;
    const entries = [
      { entry: spaced, signature: 'QUJD\nREVG\n' },
      { entry: text, signature: 'AAAA' },
    ];
    expect(parseIndexDocument(indexDocument(entries), url)).toEqual(entries);
  });

  test.each(['', '{}', '[["a"]]', '[["a","b","c"]]', '[[{"sha512":"x"},"b"]]', '<html></html>'])(
    'refused: %s',
    (document) => {
      expect(codeOf(() => parseIndexDocument(document, url))).toBe('entry-malformed');
    },
  );
});

describe('signatures', () => {
  test('the certificate that made it is found among several', () => {
    const one = signed(text, ours);
    expect(verifyEntry(one, [other.certificatePem, ours.certificatePem])).toBe(ours.certificatePem);
    expect(verifyEntry(one, [other.certificatePem])).toBeNull();
    expect(verifyEntry(one, [])).toBeNull();
  });

  test('a signature broken over lines verifies as it is', () => {
    const one = signed(text, ours);
    const broken = { ...one, signature: `${one.signature.match(/.{1,76}/g)?.join('\n')}\n` };
    expect(broken.signature).toContain('\n');
    expect(verifyEntry(broken, [ours.certificatePem])).toBe(ours.certificatePem);
  });

  test('one changed character, another digest, another key type: not verified', () => {
    const one = signed(text, ours);
    expect(verifyEntry({ ...one, entry: text.replace('"12"', '"11"') }, [ours.certificatePem])).toBeNull();
    expect(verifyEntry({ ...one, entry: `${text} ` }, [ours.certificatePem])).toBeNull();
    const sha256 = sign('sha256', Buffer.from(text), ours.privateKeyPem).toString('base64');
    expect(verifyEntry({ entry: text, signature: sha256 }, [ours.certificatePem])).toBeNull();
    expect(verifyEntry({ entry: text, signature: '' }, [ours.certificatePem])).toBeNull();
    expect(verifyEntry(one, ['-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----'])).toBeNull();
  });

  test('a key pair made elsewhere does not verify under our certificate', () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const forged = signEntry(text, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
    expect(verifyEntry({ entry: text, signature: forged }, [ours.certificatePem])).toBeNull();
  });
});

describe('choosing for a target', () => {
  const ubuntu = { multiarch: 'x86_64-linux-gnu', distribution: ['ubuntu', '22.04', 'jammy'] as const };
  const forUbuntu = makeEntry({ sha512: hash, ...ubuntu, softwareUrl: url });

  test('the first that fits and verifies is taken, in the order of the document', () => {
    const entries = [signed(forUbuntu, ours), signed(text, other), signed(text, ours)];
    const chosen = chooseEntry(entries, debian, [ours.certificatePem], url);
    expect(chosen.signature).toBe(entries[2]?.signature);
    expect(chosen.certificate).toBe(ours.certificatePem);
    expect(chosen.fields.sha512).toBe(hash);
  });

  test('none for this system: says which there are', () => {
    expect(problemOf(() => chooseEntry([signed(forUbuntu, ours)], debian, [ours.certificatePem], url))).toMatchObject({
      code: 'entry-not-for-target',
      params: {
        url,
        wanted: 'debian 12 bookworm, x86_64-linux-gnu',
        found: 'ubuntu 22.04 jammy, x86_64-linux-gnu',
      },
      evidence: '1. ubuntu 22.04 jammy, x86_64-linux-gnu: otherSystem',
    });
    expect(problemOf(() => chooseEntry([], debian, [ours.certificatePem], url))?.params.found).toBe('-');
  });

  test('says of each entry why it is taken or not', () => {
    const strange = text.replace(url, url.replace('1.0', '2.0'));
    const entries = [
      signed('{', ours),
      signed(forUbuntu, ours),
      signed(text.replace('/opt/slapgrid', '/srv/slapgrid'), ours),
      signed(strange, ours),
      signed(text, other),
      signed(text, ours),
      signed(text, ours),
    ];
    expect(strange).not.toBe(text);
    expect(judgeEntries(entries, debian, [ours.certificatePem], url).map(({ verdict }) => verdict)).toEqual([
      'unreadable',
      'otherSystem',
      'otherRoot',
      'otherRelease',
      'unsigned',
      'chosen',
      'later',
    ]);
  });

  test('only signatures in the way: said as such', () => {
    expect(codeOf(() => chooseEntry([signed(text, other)], debian, [ours.certificatePem], url))).toBe(
      'entry-signature-bad',
    );
  });

  test('built for another software root: refused, although slapgrid would take it', () => {
    const elsewhere = text.replace('/opt/slapgrid', '/srv/slapgrid');
    expect(codeOf(() => chooseEntry([signed(elsewhere, ours)], debian, [ours.certificatePem], url))).toBe(
      'entry-not-for-target',
    );
  });

  test('an entry that cannot be read is passed over', () => {
    const chosen = chooseEntry([signed('{', ours), signed(text, ours)], debian, [ours.certificatePem], url);
    expect(chosen.entry).toBe(text);
  });
});
