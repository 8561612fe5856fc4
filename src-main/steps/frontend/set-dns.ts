// Names below the frontend's domain, answered on its machine by the site's own DNS server. Put first by the means of whoever
// manages the machine's resolver; a server that the plan does not name is nobody's business here.
import { z } from 'zod';
import type { AnyContext, Command } from '../../runbook/define.ts';
import {
  blocked,
  defineStep,
  done,
  finding,
  machineOfSubject,
  machines,
  run,
  says,
  todo,
} from '../../runbook/define.ts';
import { proofName } from '../../software/frontend-certificate.ts';
import { ownAddressesText } from '../../target/own-addresses.ts';
import {
  isOurs,
  lookUpArgv,
  parseLookUp,
  resolverApply,
  resolverManagers,
  resolverProbes,
  resolverRest,
  resolverSettings,
  resolverText,
} from '../../target/resolver.ts';
import { printedAddresses } from '../redirect.ts';
import { frontendOf } from './frontend-plan.ts';

export const setDns = defineStep({
  id: 'set-dns',
  chapter: 'frontend',
  phase: 'site',
  per: machines('frontend'),
  after: [{ step: 'install-slapos-node', on: 'same' }],
  risk: 'changes',
  holds: [],
  input: z.strictObject({}),
  facts: z.strictObject({
    /** Who answers for names; null when it is nobody we can write for. */
    manager: z.enum(resolverManagers).nullable(),
    detail: z.string(),
    path: z.string(),
    /** Our file, or the one we put our server into. */
    text: z.string().nullable(),
    /** What a name below the domain leads to. */
    resolves: z.array(z.string()),
    /** Where it should lead. */
    wanted: z.array(z.string()),
  }),
  read: async (world, context) => {
    const { name: machine, interface: device } = machineOfSubject(context);
    const { domain, publicAddresses } = frontendOf(context);
    const first = await world.probe(machine, [
      ...resolverProbes,
      { id: 'name', kind: 'run', argv: lookUpArgv(proofName(domain)), limitMs: 60_000 },
      {
        id: 'own',
        kind: 'run',
        argv: ['sh', '-c', `${ownAddressesText(device, 'ip')}\n${ownAddressesText(device, 'ip6')}`],
      },
    ]);
    const { manager, path, detail } = resolverSettings(first);
    const file = path === '' ? undefined : (await world.probe(machine, [{ id: 'file', kind: 'read', path }])).file;
    const own = printedAddresses(first.own?.out ?? '');
    return {
      manager,
      detail,
      path,
      text: file?.exit === 0 ? file.out : null,
      resolves: [...parseLookUp(first.name?.exit === 0 ? first.name.out : '')],
      // Inside the site its DNS may name the machine itself, and the router's address to the world.
      wanted: [...new Set([...publicAddresses, ...own])],
    };
  },
  found: ({ resolves }, context) => {
    const { dns, domain } = frontendOf(context);
    const name = proofName(domain);
    return [
      dns === undefined ? says('set-dns', 'found.none') : says('set-dns', 'found.server', { dns }),
      resolves.length === 0
        ? says('set-dns', 'found.unknown', { name })
        : says('set-dns', 'found.resolves', { name, addresses: resolves.join(', ') }),
    ];
  },
  verdict: (facts, context) => {
    const { dns, domain } = frontendOf(context);
    if (dns === undefined) {
      if (leadsThere(facts)) return done();
      return done(
        finding('frontend-name-elsewhere', {
          machine: machineOfSubject(context).name,
          name: proofName(domain),
          found: facts.resolves.join(', ') || '-',
          wanted: facts.wanted.join(', '),
        }),
      );
    }
    const { name: machine } = machineOfSubject(context);
    if (facts.manager === null) return blocked(finding('resolver-unmanaged', { machine, detail: facts.detail }));
    if (wantedText(facts, context) !== facts.text) return todo();
    return leadsThere(facts)
      ? done()
      : blocked(
          finding('name-resolves-elsewhere', {
            machine,
            name: proofName(domain),
            dns,
            found: facts.resolves.join(', ') || '-',
            wanted: facts.wanted.join(', '),
          }),
        );
  },
  plan: (facts, context): readonly Command[] => {
    const { name: machine } = machineOfSubject(context);
    const { dns, domain } = frontendOf(context);
    const text = wantedText(facts, context);
    if (facts.manager === null || dns === undefined || text === null || text === facts.text) return [];
    return [
      ...(facts.manager === 'resolved' ? [run(machine, ['install', '-d', '-m', '0755', resolvedFolder])] : []),
      {
        kind: 'write',
        on: { machine },
        path: facts.path,
        text,
        before: facts.text,
        mode: 0o644,
        ...(isTheirs(facts.text) ? { keepCopy: true } : {}),
        note: says('set-dns', 'does.write', { dns, domain }),
      },
      ...resolverApply(facts.manager).map((argv) => run(machine, [...argv])),
    ];
  },
  undo: {
    plan: ({ manager, path, text }, context, known): readonly Command[] => {
      const { name: machine } = machineOfSubject(context);
      // Gone, or written anew by somebody since: then nothing of it is ours any more.
      if (manager === null || text === null || !isOurs(text)) return [];
      // As it was, to the byte; of one that was edited since, what we put into it goes and the rest stays.
      const before = known?.path === path && !isOurs(known.text ?? '') ? known : undefined;
      const untouched = before !== undefined && wantedText({ manager, text: before.text }, context) === text;
      const was = untouched ? before.text : resolverRest(manager, text);
      const back: Command =
        was === null
          ? run(machine, ['rm', '-f', path], { note: says('set-dns', 'does.remove') })
          : {
              kind: 'write',
              on: { machine },
              path,
              text: was,
              before: text,
              mode: 0o644,
              note: says('set-dns', 'does.restore'),
            };
      return [
        back,
        ...(manager === 'resolved' ? [run(machine, ['rmdir', '--ignore-fail-on-non-empty', resolvedFolder])] : []),
        ...resolverApply(manager).map((argv) => run(machine, [...argv])),
      ];
    },
    stays: ({ path }, _context, known) =>
      known !== null && isTheirs(known.text) && known.path === path
        ? [says('set-dns', 'stays.copy', { path: `${path}.fieldkit-copy` })]
        : [],
  },
});

const resolvedFolder = '/etc/systemd/resolved.conf.d';

/** Somebody else wrote the file, and nothing of ours is in it yet. */
const isTheirs = (text: string | null): boolean => text !== null && !isOurs(text);

const leadsThere = ({
  resolves,
  wanted,
}: {
  readonly resolves: readonly string[];
  readonly wanted: readonly string[];
}) => resolves.length > 0 && resolves.every((address) => wanted.includes(address));

const wantedText = (
  { manager, text }: { readonly manager: (typeof resolverManagers)[number] | null; readonly text: string | null },
  context: AnyContext,
): string | null => {
  const { dns, domain } = frontendOf(context);
  return manager === null || dns === undefined ? null : resolverText(manager, dns, domain, text);
};
