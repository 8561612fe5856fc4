import { describe, expect, it } from 'vitest';
import { makeSigningKey, signBytes } from '../../../src-main/medium/keys.ts';
import { copyFactsOf } from '../../../src-main/steps/content-copy.ts';
import { configText, servingOf, unitText } from '../../../src-main/steps/content-server.ts';
import { pluggedFactsOf, pluggedTrouble } from '../../../src-main/steps/plugged-medium.ts';
import { contentUrlOf, planFaults, sitePlan } from '../../../src-shared/site.ts';
import type { Answer } from '../../../src-shared/step.ts';

const machine = (name: string, roles: readonly string[], address: string, more: object = {}) => ({
  name,
  roles,
  address,
  release: '12',
  interface: 'eth0',
  ...more,
});
const planOf = (machines: readonly object[], content: object = {}) =>
  sitePlan.parse({ format: 1, name: 'one', machines, content });

const master = machine('master-1', ['master'], '10.0.0.1', { addresses: ['fd00::1/64'] });
const node = machine('node-1', ['node'], '10.0.0.2', { content: 'resident' });

describe('where a machine’s content is', () => {
  it('follows the way of the plan, machine by machine', () => {
    const plan = planOf([master, node, machine('node-2', ['node'], 'fd00::3', { content: 'medium' })]);
    expect(plan.machines.map((one) => contentUrlOf(plan, one))).toEqual([
      'http://127.0.0.1:5050',
      'http://10.0.0.1:5051',
      'http://127.0.0.1:5051',
    ]);
    const six = planOf([{ ...master, address: 'fd00::1' }, node], { via: 'resident' });
    expect(six.machines.map((one) => contentUrlOf(six, one))).toEqual([
      'http://127.0.0.1:5051',
      'http://[fd00::1]:5051',
    ]);
  });

  it('needs a master, and an address of whoever is let in', () => {
    expect(planFaults(planOf([node])).map(({ path }) => path.join('.'))).toContain('content.via');
    const named = planFaults(planOf([master, { ...node, address: 'node.example.org' }]));
    expect(named.map(({ path }) => path.join('.'))).toContain('machines.1.addresses');
    expect(planFaults(planOf([master, node]))).toEqual([]);
    expect(planFaults(planOf([master, node], { serverPort: 5050 }))).not.toEqual([]);
  });
});

describe('the server of a machine', () => {
  const plan = planOf([master, node, machine('node-2', ['node'], '10.0.0.3', { content: 'medium' })]);
  const [first, , plugged] = plan.machines;
  if (first === undefined || plugged === undefined) throw new Error('no machines');

  it('listens on the loopback and the master’s addresses, and lets in who takes content from there', () => {
    const text = configText(servingOf(plan, first, ['10.0.0.1', 'fd00::1']));
    expect([...text.matchAll(/listen (.*);/g)].map(([, where]) => where)).toEqual([
      '127.0.0.1:5051',
      '[::1]:5051',
      '10.0.0.1:5051',
      '[fd00::1]:5051',
    ]);
    expect([...text.matchAll(/(allow|deny) (.*);/g)].map(([, , who]) => who)).toEqual([
      '127.0.0.1',
      '::1',
      '10.0.0.1',
      'fd00::1',
      '10.0.0.2',
      'all',
      'all',
    ]);
    expect(text).not.toContain('10.0.0.3');
  });

  it.each([
    ['one that has IPv6 alone', master, { ...node, address: 'fd01::2', addresses: ['fd01::2/64'] }],
    ['one whose master has IPv6 alone', { ...master, address: 'fd00::1' }, { ...node, addresses: ['fd01::2/64'] }],
  ])(
    'lets in a whole range where IPv6 is the way, as a partition’s address may be the one that asks: %s',
    (_, one, two) => {
      const mixed = planOf([one, two]);
      const [server, asker] = mixed.machines;
      if (server === undefined || asker === undefined) throw new Error('no machines');
      expect(contentUrlOf(mixed, asker)).toBe('http://[fd00::1]:5051');
      expect(servingOf(mixed, server, []).allowed).toContain('fd01::2/64');
    },
  );

  it('leaves IPv4 to a machine that is reached by name, whatever addresses of it the plan knows', () => {
    const mixed = planOf([master, { ...node, address: 'n.example', addresses: ['fd01::2/64'] }]);
    const [server, asker] = mixed.machines;
    if (server === undefined || asker === undefined) throw new Error('no machines');
    expect(contentUrlOf(mixed, asker)).toBe('http://10.0.0.1:5051');
    expect(servingOf(mixed, server, []).allowed).toContain('fd01::2/64');
  });

  it('serves a plugged medium to its machine alone, and goes with it', () => {
    const serving = servingOf(plan, plugged, ['10.0.0.3']);
    expect(configText(serving)).not.toContain('10.0.0.');
    expect(unitText(serving)).toContain('BindsTo=run-fieldkit-medium.mount');
    expect(unitText(serving)).not.toContain('WantedBy');
  });
});

const answer = (out: string, exit = 0): Answer => ({ exit, out, err: '' });
const hash = (digit: string) => digit.repeat(64);

describe('a copy', () => {
  const wanted = [
    { path: 'bdir/one', sha256: hash('1'), sizeBytes: 10 },
    { path: 'bcache/two', sha256: hash('2'), sizeBytes: 20 },
  ];
  const facts = (list: string, files: string, medium: typeof wanted | null = wanted) =>
    copyFactsOf(medium, {
      'copy-list': list === '' ? answer('', 1) : answer(list),
      'copy-files': answer(files),
      'copy-room': answer('Avail\n1000\n'),
    });
  const list = `${hash('1')}  bdir/one\n${hash('2')}  bcache/two\n`;

  it('is whole when its list and its sizes say so', () => {
    expect(facts(list, '10 bdir/one\n20 bcache/two\n')).toMatchObject({ missing: [], listed: true, freeBytes: 1000 });
  });
  it('does not believe files that no list vouches for', () => {
    expect(facts('', '10 bdir/one\n20 bcache/two\n').missing).toEqual(wanted);
  });
  it('lacks what has another size, another hash, or is gone', () => {
    expect(facts(list, '9 bdir/one\n20 bcache/two\n').missing).toEqual([wanted[0]]);
    expect(facts(list.replace(hash('2'), hash('3')), '10 bdir/one\n20 bcache/two\n').missing).toEqual([wanted[1]]);
    expect(facts(list, '').missing).toEqual(wanted);
  });
  it('is judged by its own list while the medium is away', () => {
    expect(facts(list, '10 bdir/one\n20 bcache/two\n', null)).toMatchObject({ missing: [], listed: true, count: 2 });
    expect(facts(list, '20 bcache/two\n', null).missing.map(({ path }) => path)).toEqual(['bdir/one']);
    expect(facts('', '', null).listed).toBe(false);
  });
});

describe('a plugged medium', () => {
  const key = makeSigningKey();
  const text = JSON.stringify({ format: 1, site: 'one', generation: 3, sealedAt: '', program: '', files: [] });
  const volumes = 'DEVNAME=/dev/sda1\nUUID=aaaa\nTYPE=ext4\n\nDEVNAME=/dev/sdb1\nLABEL=STICK\nUUID=bbbb\nTYPE=vfat\n';
  const mounts = '/dev/sda1 / ext4 rw 0 0\n';
  const ours = `${mounts}/dev/sdb1 /run/fieldkit/medium vfat ro 0 0\n`;
  const read = (
    changes: Record<string, Answer> = {},
    pinned: string | null = key.fingerprint,
    uuid: string | null = 'bbbb',
    generation = 0,
  ) =>
    pluggedFactsOf({ volumeUuid: uuid, mediumId: 'mark', generation }, pinned, {
      volumes: answer(volumes),
      mounts: answer(ours),
      'medium-id': answer('mark\n'),
      manifest: answer(text),
      signature: answer(`${signBytes(Buffer.from(text), key.privateKeyPem)}\n`),
      'manifest-key': answer(key.publicKeyPem),
      ...changes,
    });

  it('is found by its volume’s id, never among volumes in use', () => {
    expect(read({ mounts: answer(mounts) })).toMatchObject({ device: '/dev/sdb1', mounted: false, generation: null });
    expect(read({ mounts: answer(mounts) }, key.fingerprint, 'aaaa').device).toBe(null);
    expect(read({ mounts: answer(mounts) }, key.fingerprint, null).device).toBe('/dev/sdb1');
    expect(pluggedTrouble('m', read({ volumes: answer('', 2), mounts: answer(mounts) }))?.code).toBe(
      'medium-not-plugged',
    );
  });
  it('is believed when its list is signed by the pinned key', () => {
    expect(read()).toMatchObject({ mounted: true, generation: 3, trouble: null });
  });
  it('is refused when it is another one, was changed, or signed by somebody else', () => {
    expect(read({ 'medium-id': answer('other\n') }).trouble?.code).toBe('medium-swapped');
    expect(read({ manifest: answer(text.replace('3', '4')) }).trouble?.code).toBe('medium-manifest-invalid');
    expect(read({ manifest: answer('', 1) }).trouble?.code).toBe('medium-unsealed');
    expect(read({}, makeSigningKey().fingerprint).trouble?.code).toBe('fingerprint-differs');
    expect(read({}, key.fingerprint, 'bbbb', 3).trouble).toBe(null);
    expect(read({}, key.fingerprint, 'bbbb', 4).trouble?.code).toBe('medium-rolled-back');
  });
});
