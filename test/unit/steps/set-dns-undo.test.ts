/** What putting the site's DNS server first comes to when it is taken back, by each means. */
import { expect, it } from 'vitest';
import { setDns } from '../../../src-main/steps/frontend/set-dns.ts';
import { resolverText } from '../../../src-main/target/resolver.ts';
import { sitePlan } from '../../../src-shared/site.ts';

const [dns, domain] = ['10.0.0.53', 'shop.example'] as const;
const site = sitePlan.parse({
  format: 1,
  name: 'somewhere',
  machines: [
    { name: 'm', roles: ['master'], address: '10.0.0.1', release: '12', interface: 'eth0' },
    { name: 'n', roles: ['node', 'frontend'], address: '10.0.0.2', release: '12', interface: 'eth0' },
  ],
  frontend: { domain, certificate: '/c.pem', key: '/k.pem', dns },
});
const context = { site, subject: { kind: 'machine', name: 'n' }, input: {} } as never;
const facts = (manager: string, path: string, text: string | null) =>
  ({ manager, detail: '', path, text, resolves: [], wanted: [] }) as never;
const file = '/etc/resolv.conf';
const people = `search lan\nnameserver ${dns}\nnameserver 10.0.0.9\n`;
const back = (now: never, before: unknown) =>
  (setDns.undo?.plan(now, context, before as never) ?? []).map((command) =>
    command.kind === 'write' ? command.text : command.kind === 'run' ? command.argv.join(' ') : command.kind,
  );

it.each(['file', 'resolvconf'] as const)('%s: the file is as it was, to the byte', (manager) => {
  const apply = manager === 'file' ? [] : ['resolvconf -u'];
  const ours = facts(manager, file, resolverText(manager, dns, domain, people));
  expect(back(ours, facts(manager, file, people))).toEqual([people, ...apply]);
  // Edited since: our lines go, what somebody wrote stays.
  const edited = facts(manager, file, `${resolverText(manager, dns, domain, people)}options rotate\n`);
  expect(back(edited, facts(manager, file, people))).toEqual([
    'search lan\nnameserver 10.0.0.9\noptions rotate\n',
    ...apply,
  ]);
  // Written anew by somebody: nothing of it is ours.
  expect(back(facts(manager, file, people), facts(manager, file, people))).toEqual([]);
});

it.each(['file', 'resolvconf'] as const)('%s: nothing stays of the server that an earlier plan named', (manager) => {
  const others = 'search lan\nnameserver 10.0.0.9\n';
  const first = resolverText(manager, '10.0.0.52', domain, others);
  const second = resolverText(manager, dns, domain, first);
  expect(second).toBe(resolverText(manager, dns, domain, others));
  expect(back(facts(manager, file, second), facts(manager, file, others))[0]).toBe(others);
  // The visit that is known began when the server was there already: what we put in goes, or nothing would.
  for (const known of [first, second])
    expect(back(facts(manager, file, second), facts(manager, file, known))[0]).toBe(others);
});

it('systemd-resolved: our file goes', () => {
  const path = '/etc/systemd/resolved.conf.d/fieldkit-frontend.conf';
  const now = facts('resolved', path, resolverText('resolved', dns, domain, null));
  expect(back(now, facts('resolved', path, null))).toEqual([
    `rm -f ${path}`,
    'rmdir --ignore-fail-on-non-empty /etc/systemd/resolved.conf.d',
    'systemctl restart systemd-resolved',
  ]);
  expect(back(facts('resolved', path, null), facts('resolved', path, null))).toEqual([]);
});

it('says that the copy stays where there is one: of a file that somebody else wrote', () => {
  const stays = (now: never, before: unknown) => setDns.undo?.stays(now, context, before as never);
  const ours = facts('file', file, resolverText('file', dns, domain, people));
  expect(stays(ours, facts('file', file, people))).toMatchObject([{ params: { path: `${file}.fieldkit-copy` } }]);
  expect(stays(ours, facts('file', file, null))).toEqual([]);
  const keeps = (text: string | null) =>
    setDns.plan(facts('file', file, text), context).map((command) => 'keepCopy' in command && command.keepCopy);
  expect(keeps(people)).toEqual([true]);
  expect(keeps(null)).toEqual([false]);
  // Ours is not worth a copy.
  expect(keeps(resolverText('file', '10.0.0.52', domain, people))).toEqual([false]);
});
