// After the move: every configuration that names an address of before is found, on every machine, and changed to what that address
// became. What knows no better way is told by path. Addresses of before are those that were kept on each machine.
import { z } from 'zod';
import { masterOf } from '../../../src-shared/site.ts';
import type { Command } from '../../runbook/define.ts';
import { blocked, defineStep, done, finding, run, says, todo } from '../../runbook/define.ts';
import { re6stPaths, re6stService } from '../../target/re6st.ts';
import {
  type AddressChange,
  addressChange,
  changesArgv,
  mentions,
  mentionsArgv,
  parseChanges,
  parseMentions,
  processArgv,
  withNewAddresses,
} from '../../target/re6st-move.ts';
import { slapos, slaposPaths } from '../slapos.ts';
import { moveOrder, siteInRe6st } from './move-to-re6st.ts';

const machineFacts = z.strictObject({
  name: z.string(),
  /** Its own partitions' addresses, before and after. */
  changes: z.array(addressChange),
  found: mentions,
});
type MachineFacts = z.infer<typeof machineFacts>;

export const updateReferences = defineStep({
  id: 'update-references',
  chapter: 're6st',
  phase: 'site',
  per: siteInRe6st,
  after: [{ step: 'move-to-re6st', on: 'same' }],
  risk: 'changes',
  holds: [],
  input: z.strictObject({}),
  facts: z.strictObject({
    machines: z.array(machineFacts),
    /** A machine whose answer was none. */
    silent: z.string(),
  }),
  read: async (world, { site }) => {
    const order = moveOrder(site).map(({ name }) => name);
    const changes = new Map<string, readonly AddressChange[]>();
    for (const name of order) {
      const { changed } = await world.probe(name, [
        { id: 'changed', kind: 'run', argv: [...changesArgv], as: 'root', limitMs: 60_000 },
      ]);
      changes.set(name, parseChanges(changed?.exit === 0 ? changed.out : ''));
    }
    const machines: MachineFacts[] = [];
    let silent = '';
    for (const name of order) {
      const own = changes.get(name) ?? [];
      const words = changesFor(
        name,
        [...changes].map(([machine, list]) => ({ name: machine, changes: list })),
      );
      const { found } = await world.probe(name, [
        {
          id: 'found',
          kind: 'run',
          argv: mentionsArgv(words.map(({ was }) => was)),
          as: 'root',
          limitMs: 120_000,
        },
      ]);
      const parsed = parseMentions(found?.exit === 0 ? found.out : '');
      if (parsed === null) silent ||= name;
      machines.push({ name, changes: own.map((one) => ({ ...one })), found: parsed ?? { edit: [], mention: [] } });
    }
    return { machines, silent };
  },
  found: ({ machines }) => [
    says('update-references', 'found.changed', {
      count: machines.reduce((sum, { changes }) => sum + changes.length, 0),
    }),
    ...machines.flatMap(({ name, found }) => [
      ...found.edit.map(({ path }) => says('update-references', 'found.names', { machine: name, path })),
      ...found.mention.map((path) => says('update-references', 'found.names', { machine: name, path })),
    ]),
    ...(isClean(machines) ? [says('update-references', 'found.none')] : []),
  ],
  verdict: ({ machines, silent }) => {
    if (silent !== '') return blocked(finding('facts-unreadable', { machine: silent, detail: 'update-references' }));
    if (machines.some(({ found }) => found.edit.length > 0 || found.mention.includes('nft'))) return todo();
    const left = machines.flatMap(({ name, found }) => found.mention.map((path) => ({ machine: name, path })));
    const [first] = left;
    return first === undefined
      ? done()
      : done(finding('re6st-old-address-left', { machine: first.machine, path: first.path, count: left.length }));
  },
  plan: ({ machines }, { site }): readonly Command[] =>
    machines.flatMap((one): Command[] => {
      const { name, found } = one;
      const changes = changesFor(name, machines);
      const paths = found.edit.map(({ path }) => path);
      return [
        ...found.edit.map(
          ({ path, text, mode, owner }): Command => ({
            kind: 'write',
            on: { machine: name },
            path,
            text: withNewAddresses(text, changes),
            before: text,
            mode,
            owner,
            note: says('update-references', 'does.write', { machine: name, path }),
          }),
        ),
        ...(paths.includes(re6stPaths.config)
          ? [
              run(name, ['systemctl', 'restart', re6stService], {
                note: says('update-references', 'does.restart', { machine: name }),
              }),
            ]
          : []),
        ...(paths.includes(slaposPaths.config) && masterOf(site)?.name !== name ? tellMaster(name) : []),
        ...(found.mention.includes('nft')
          ? [
              run(name, ['sh', '-c', redirectsScript], {
                note: says('update-references', 'does.redirects', { machine: name }),
              }),
            ]
          : []),
      ];
    }),
});

/** The redirects find both of their ends anew whenever they run. */
const redirectsScript =
  'for unit in /etc/systemd/system/fieldkit-redirect-*.service; do [ ! -e "$unit" ] || systemctl start "${unit##*/}"; done';

/** Somebody listens where slapos.cfg says the master is. */
const masterAnswers = `url=$(sed -n 's/^ *master_url *= *//p' ${slaposPaths.config} | head -n 1)
place=\${url#*://}; place=\${place%%/*}
port=\${place##*:}; host=\${place%:*}; host=\${host#[}; host=\${host%]}
exec 3<>"/dev/tcp/$host/$port"`;

/** The node says where it is now, once the master answers at its new address. */
function tellMaster(name: string): readonly Command[] {
  return [
    {
      kind: 'until',
      on: { machine: name },
      probe: { id: 'master', kind: 'run', argv: ['timeout', '20', 'bash', '-c', masterAnswers], limitMs: 30_000 },
      wanted: { exit: 0 },
      everyMs: 3000,
      limitMs: 1_200_000,
      awaited: says('update-references', 'waits.master', { machine: name }),
      evidence: [
        { id: 'format', kind: 'run', argv: ['tail', '-n', '60', '/opt/slapos/log/slapos-node-format.log'], as: 'root' },
        { id: 'routes', kind: 'run', argv: ['ip', '-6', 'route'] },
      ],
    },
    run(name, slapos('node', 'format', '--now'), {
      limitMs: 900_000,
      long: true,
      note: says('update-references', 'does.tell', { machine: name }),
    }),
    run(name, processArgv(''), {
      limitMs: 3_600_000,
      long: true,
      note: says('update-references', 'does.process', { machine: name }),
    }),
  ];
}

/** What became of addresses that a machine may name: IPv4 ones are its own alone, IPv6 ones are anybody's. */
const changesFor = (
  machine: string,
  all: readonly { readonly name: string; readonly changes: readonly AddressChange[] }[],
): readonly AddressChange[] =>
  all.flatMap(({ name, changes }) => changes.filter(({ was }) => name === machine || was.includes(':')));

const isClean = (machines: readonly MachineFacts[]): boolean =>
  machines.every(({ found }) => found.edit.length + found.mention.length === 0);
