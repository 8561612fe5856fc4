// A desk that says what a test tells it to: the same handlers and the same stream as the real one, with a record that the
// test writes event by event. It shows states that are hard to reach with the real engine (a failure, a guard, a long
// wait, a question), so that every one of them is looked at. It performs nothing.

import { faultIds } from '../../src-main/practice/faults.ts';
import { withMachines } from '../../src-main/runbook/add-machines.ts';
import { infoOf } from '../../src-main/runbook/instances.ts';
import { kindOfList, readMachineList } from '../../src-main/runbook/machine-lists.ts';
import { editPlanText, planFromText, readPlanText } from '../../src-main/runbook/plan-file.ts';
import { runbook } from '../../src-main/steps/index.ts';
import type {
  Handlers,
  InputOf,
  LiveEvent,
  MediumChoice,
  MediumContents,
  OutputOf,
  PlanReading,
  RecentMedium,
  Settings,
  Snapshot,
  StreamEvent,
} from '../../src-shared/api.ts';
import type { ProcedureName } from '../../src-shared/channels.ts';
import { emptyView, type NewEvent, reduce, type SiteView } from '../../src-shared/journal.ts';
import { problem } from '../../src-shared/problem.ts';
import { siteSheet } from '../../src-shared/sheet.ts';
import { sitePlan } from '../../src-shared/site.ts';
import { instanceKey, type Plan, type Subject } from '../../src-shared/step.ts';
import {
  scriptedCache,
  scriptedCacheCheck,
  scriptedComparison,
  scriptedContents,
  scriptedDrives,
  scriptedGenerations,
  scriptedLoss,
  scriptedRehearsal,
  scriptedTidy,
} from './scripted-medium.ts';
import { scriptedRecord, scriptedSummary } from './scripted-record.ts';
import { appInfo } from './window-handlers.ts';

/** One call the window made. */
export interface Call {
  readonly name: ProcedureName;
  readonly input: unknown;
}

const drivesAtFirst: readonly MediumChoice[] = [
  {
    token: 'medium:sandisk',
    label: 'SanDisk Ultra 64 GB',
    path: '/media/ada/FIELD',
    sizeBytes: 61_500_000_000,
    freeBytes: 58_200_000_000,
    fileSystem: 'exfat',
    serial: '4C530001230412117295',
    mounted: true,
    limits: ['folds-case', 'keeps-no-modes'],
    why: null,
  },
  {
    token: 'medium:system',
    label: 'Samsung SSD 980',
    path: '/',
    sizeBytes: 512_100_000_000,
    freeBytes: 201_000_000_000,
    fileSystem: 'ext4',
    serial: 'S649NX0R112233',
    mounted: true,
    limits: [],
    why: { code: 'medium-is-system', params: { path: '/', reason: '/boot' } },
  },
];

export interface ScriptedDesk {
  readonly handlers: Handlers;
  onEvent(listener: (event: StreamEvent) => void): () => void;
  /** Writes into the record. */
  tell(event: NewEvent): void;
  /** Says something live. */
  live(event: LiveEvent): void;
  /** From now on a call is answered so; it is kept among the calls like any other. */
  answer<N extends ProcedureName>(name: N, handler: Handlers[N]): void;
  /** Counts an event without sending it, as a lost one. */
  lose(event: NewEvent): void;
  /** What `steps.plan` answers for an instance. */
  plans: Map<string, Plan>;
  runs: { run: string; instances: string[] }[];
  settings: Settings;
  sites: readonly string[];
  /** Somebody else has the site open. */
  refuseToOpen: boolean;
  readonly calls: Call[];
  readonly drafts: Record<string, Record<string, never>>;
  /** What the picture is drawn from; the runbook's instances stay those of the first. */
  machines: Snapshot['machines'];
  /** Machines that were marked as leaving. */
  leaving: readonly string[];
  /** The site is shown as the practice site. */
  practice: boolean;
  /** What is plugged in; may be changed under way. */
  media: readonly MediumChoice[];
  /** Media of sites of this laptop. */
  recent: readonly RecentMedium[];
  /** The file of the plan; may be changed under way. */
  planText: string;
  /** What lies on the medium; null: it is away. May be changed under way. */
  contents: MediumContents | null;
  /** What reading the medium back came to; null before. */
  verified: OutputOf<'media.verified'>;
  /** What the last copy and the last survey came to. */
  cloned: OutputOf<'media.cloned'>;
  surveyed: OutputOf<'machines.surveyed'>;
  /** What the last way back to an earlier state came to. */
  restored: OutputOf<'media.restored'>;
  /** What the last look through a file system, or its repair, came to. */
  repaired: OutputOf<'media.repaired'>;
  /** What may go from the medium; may be changed under way. */
  tidy: Omit<OutputOf<'media.tidy'>, 'removed'>;
  /** Downloads of the laptop, and how far reading them back is. */
  cache: OutputOf<'cache.read'>;
  cacheCheck: OutputOf<'cache.check'>;
  /** What the sources of the plan answer. */
  sources: OutputOf<'sources.test'>;
  /** What they wait for before they do. */
  beforeSources: Promise<void>;
  /** The medium in its port, and the battery; may be changed under way. */
  laptop: OutputOf<'laptop.now'>;
}

function readingOf(text: string): PlanReading {
  const { data, faults } = readPlanText(text);
  return { text, value: data, problems: [...faults] };
}

const none = { count: 0, sizeBytes: 0 };

const supportLines = (hidden: boolean): readonly string[] => [
  '# SlapOS Field Kit: support',
  '',
  ...Array.from({ length: 60 }, (_, index) => `done         step-${index}@machine:master-1`),
  hidden ? 'address-1 answered' : '192.168.1.30 answered',
];

const scriptedSources: OutputOf<'sources.test'> = {
  proxy: 'http://proxy.example:3128',
  asks: null,
  answers: [
    {
      kind: 'archive',
      name: 'debian bookworm',
      address: 'http://mirror.example/debian/dists/bookworm',
      tookMs: 84,
      way: null,
      problem: null,
    },
    {
      kind: 'vendor',
      name: 'debian-12-amd64',
      address: 'https://vendor.example/Debian_12',
      tookMs: 15_000,
      way: null,
      problem: { code: 'source-silent', params: { url: 'https://vendor.example/Debian_12', seconds: 15 } },
    },
  ],
};

const site = 'plant-lille';
const startedAt = Date.UTC(2026, 10, 17, 8, 0, 0);
const machines: readonly Subject[] = [{ kind: 'machine', name: 'master-1' }];

/** Every instance of the runbook for a site with one master. */
const instances = runbook.flatMap((step) => {
  const subjects: Readonly<Record<string, readonly Subject[]>> = {
    site: [{ kind: 'site' }],
    machine: machines,
    system: [{ kind: 'system', name: 'debian-12-amd64' }],
    release: [{ kind: 'release', name: 'slapos-master' }],
  };
  // Its one machine is a master: what others do is not of this site.
  if (step.per.kind === 'machine' && !step.per.roles.includes('master')) return [];
  return (subjects[step.per.kind] ?? []).map((subject) => ({ step: step.id, subject }));
});

/** What the sheet tells of: its plan can stand, as that of the plan page cannot. */
const sheetPlan = sitePlan.parse({
  format: 1,
  name: site,
  machines: [
    {
      name: 'master-1',
      roles: ['master'],
      address: '192.168.32.10',
      user: 'admin',
      release: '12',
      interface: 'enp1s0',
    },
    { name: 'node-1', roles: ['node', 'frontend'], address: '192.168.32.11', release: '12', interface: 'enp1s0' },
  ],
  frontend: { domain: 'shop.example.org', certificate: 'frontend.crt', key: 'frontend.key' },
});

export function scriptedDesk(): ScriptedDesk {
  let view: SiteView = emptyView;
  let number = 0;
  let sequence = 0;
  let stopSources = (): void => undefined;
  const recent: StreamEvent[] = [];
  const live = new Map<string, LiveEvent>();
  const listeners = new Set<(event: StreamEvent) => void>();

  const send = (event: StreamEvent['event'], lost: boolean): void => {
    number += 1;
    const numbered = { site, number, event };
    recent.push(numbered);
    if (!lost) for (const listener of listeners) listener(numbered);
  };
  const write = (event: NewEvent, lost: boolean): void => {
    sequence += 1;
    const at = new Date(startedAt + sequence * 1000).toISOString();
    const stamped = { ...event, seq: sequence, at, mono: sequence * 1000 };
    view = reduce(view, stamped);
    send({ journal: stamped }, lost);
  };

  const desk: ScriptedDesk = {
    handlers: {} as Handlers,
    onEvent: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    tell: (event) => write(event, false),
    answer: (name, handler) => Object.assign(desk.handlers, recorded({ [name]: handler }, desk.calls)),
    lose: (event) => write(event, true),
    live: (event) => {
      if (event.kind === 'run-over') {
        live.clear();
        desk.runs = desk.runs.filter((item) => item.run !== event.run);
      } else if (event.kind !== 'lines')
        live.set('instance' in event ? `${event.kind} ${event.instance}` : event.kind, event);
      send({ live: event }, false);
    },
    plans: new Map(),
    runs: [],
    settings: { theme: 'light', language: 'en', lastSite: null, technician: '' },
    sites: [site],
    refuseToOpen: false,
    calls: [],
    drafts: {},
    machines: [{ name: 'master-1', roles: ['master'], address: 'fd00:1::11' }],
    leaving: [],
    practice: false,
    media: drivesAtFirst,
    recent: [],
    planText,
    contents: scriptedContents,
    beforeSources: Promise.resolve(),
    verified: null,
    cloned: null,
    surveyed: null,
    restored: null,
    repaired: null,
    tidy: scriptedTidy,
    cache: scriptedCache,
    cacheCheck: scriptedCacheCheck,
    sources: scriptedSources,
    laptop: { medium: 'here', battery: null },
  };
  /** The name of the run that a call begins: what is over stays over. */
  const nth = (name: ProcedureName): string => `${name} ${desk.calls.filter((call) => call.name === name).length}`;
  const answers: Handlers = {
    'app.info': async () => appInfo('/home/ada/.local/share/slapos-field-kit'),
    'help.read': async () => ({
      steps: runbook.map(({ id, chapter }) => ({ id, chapter })),
      licences: [{ id: 'own', text: 'MIT License\n\nCopyright (c) the authors\n' }],
    }),
    'settings.get': async () => desk.settings,
    'settings.set': async (input) => {
      desk.settings = input;
      return {};
    },
    'sites.list': async () =>
      desk.sites.map((name) => ({
        name,
        folder: `/home/ada/.local/share/slapos-field-kit/sites/${name}`,
        practice: name === 'practice',
        done: Object.values(view.instances).filter((item) => item.state === 'done').length,
        total: view.order.length,
        changedAt: new Date(startedAt).toISOString(),
        heldBy: name === 'harbour' ? 'grace@bench-3' : null,
      })),
    'sites.onMedium': async ({ path }) => {
      if (path !== null) throw problem('site-not-on-medium', { path });
      return [];
    },
    'sites.takeOver': async ({ site: name }) => ({ site: name, setAside: null }),
    'sites.create': async ({ interview }) => {
      const name = interview?.name ?? 'practice';
      throw problem('site-name-taken', { name, path: `/home/ada/sites/${name}` });
    },
    'sites.open': async () => {
      if (desk.refuseToOpen) throw problem('site-in-use', { site, owner: 'grace@bench-3', since: '08:00' });
      return {
        view,
        steps: runbook.map(infoOf),
        number,
        live: [...live.values()],
        runs: desk.runs,
        drafts: desk.drafts,
        practice: desk.practice,
        machines: desk.machines,
      };
    },
    'sites.close': async () => ({}),
    'site.plan': async () => readingOf(desk.planText),
    'site.sheet': async () => ({
      ...siteSheet({
        plan: sheetPlan,
        lock: { keys: null },
        view,
        medium: {
          ...{ label: 'FIELDKIT', volume: '5A3E-91C4', serial: '4C530001230517', fileSystem: 'exfat' },
          mediumId: null,
        },
        rehearsal: null,
        practice: false,
        program: 'SlapOS Field Kit',
        madeAt: '2026-11-22T14:02:00.000Z',
      }),
      fingerprint: '3f9c1b77a0d24e58b6610c9f2a7de4115c08e3b9d7f4a6122e90bb5d18c7f03a',
    }),
    'site.editPlan': async ({ text, edits }) => readingOf(editPlanText(text, edits)),
    // As the editor reads it: what is refused and what is shown are one.
    'site.savePlan': async ({ text }) => ({ saved: false, problems: readingOf(text).problems }),
    'machines.read': async ({ list, one, chosen, shared }) => {
      const kind = list === null ? null : (list.kind ?? kindOfList(list.name));
      const found = list === null || kind === null ? [] : readMachineList(list.text, kind, list.name);
      const places = chosen ?? found.map((_, index) => index);
      const own = one === null ? [] : [{ name: one.name, fields: { address: one.address } }];
      const wanted = [...own, ...found.filter((_, index) => places.includes(index))];
      const before = planFromText(soundPlanText, 'site.yaml');
      return {
        kind,
        found: found.map(({ name, fields }) => ({ name, fields: { ...fields } })),
        before: before.machines.length,
        chosen: [...places],
        added: wanted.map(({ name }) => name),
        base: soundPlanText,
        plan: readingOf(withMachines(soundPlanText, before, wanted, shared)),
      };
    },
    'machines.look': async ({ machine }) => {
      const known = machine !== 'node-3';
      const leaving = desk.leaving.includes(machine);
      const removal = leaving ? 'waits' : known && machine !== 'master-1' ? 'leaving' : 'removed';
      return {
        computer: known && machine !== 'master-1' ? 'COMP-7' : null,
        emptied: false,
        removal,
        hostKey: known,
        baseline: machine === 'node-2',
        // Another machine is reached through node-2.
        leavingProblems:
          machine === 'node-2'
            ? [{ path: 'machines.1.leaving', line: 8, code: 'leaving-way' as const, value: 'node-3', other: machine }]
            : [],
        problems:
          machine === 'node-2' || machine === 'master-1'
            ? [{ path: 'machines.2.jump', line: 12, code: 'jump-unknown' as const, value: machine, other: '' }]
            : [],
      };
    },
    'machines.remove': async ({ machine, typed, lost }) => {
      if (typed !== machine) throw problem('machine-unknown', { machine: typed, known: machine });
      const state = machine === 'node-3' || lost ? 'removed' : 'leaving';
      if (state === 'removed') desk.machines = desk.machines.filter(({ name }) => name !== machine);
      else desk.leaving = [...desk.leaving, machine];
      return { state, computer: machine === 'node-3' ? null : 'COMP-7', emptied: false };
    },
    'machines.renew': async () => ({ computer: 'COMP-7', baseline: false }),
    'keys.state': async () => ({ fingerprint: '5b'.repeat(32), vault: true }),
    'keys.export': async ({ folder, site: name }) => ({
      path: `${folder}/${name}-keys.age`,
      fingerprint: '5b'.repeat(32),
    }),
    'keys.import': async ({ path }) => {
      throw problem('keys-of-another-site', { path, site, expected: '5b'.repeat(32), found: '7c'.repeat(32) });
    },
    'media.recent': async () => [...desk.recent],
    'laptop.now': async () => desk.laptop,
    'steps.check': async () => ({ run: 'run-check' }),
    'steps.plan': async ({ instance }) => {
      const plan = desk.plans.get(instance) ?? null;
      return { plan, shell: plan === null ? '' : '# the plan as shell\n' };
    },
    'steps.run': async () => ({ run: 'run-1' }),
    'steps.undoPlan': async ({ instance }) => ({
      plan: desk.plans.get(instance) ?? null,
      shell: '',
      stays: [],
      standing: [],
    }),
    'steps.undo': async () => ({ run: 'run-1' }),
    'run.cancel': async () => ({ stopsAfter: { key: 'ui.run.stopsAfter', params: {} } }),
    'questions.answer': async () => ({}),
    'secrets.show': async () => ({ value: 'correct horse' }),
    'drafts.save': async ({ instance, input }) => {
      desk.drafts[instance] = input as Record<string, never>;
      return {};
    },
    'media.next': async ({ mark }) => {
      const now = () => JSON.stringify(desk.media.map(({ token }) => token));
      for (let looks = 0; now() === mark && looks < 100; looks += 1) await new Promise((next) => setTimeout(next, 100));
      return { mark: now() };
    },
    'media.list': async () => [...desk.media],
    'media.contents': async () => {
      if (desk.contents === null) throw problem('medium-absent', { path: scriptedContents.path });
      return desk.contents;
    },
    'media.rehearse': async () => ({ run: 'run-rehearsal' }),
    'media.rehearsal': async () => scriptedRehearsal,
    'media.verify': async () => ({ run: 'run-verify' }),
    'media.verified': async () => desk.verified,
    'media.compare': async () => scriptedComparison,
    'media.clone': async () => ({ run: 'run-clone' }),
    'media.cloned': async () => desk.cloned,
    'media.generations': async () => [...scriptedGenerations],
    'media.restore': async () => ({ run: nth('media.restore') }),
    'media.restored': async () => desk.restored,
    'media.tidy': async ({ mark }) => {
      const removed = mark === desk.tidy.mark;
      return { ...desk.tidy, removed };
    },
    'media.repair': async () => ({ run: nth('media.repair') }),
    'media.repaired': async () => desk.repaired,
    'cache.read': async () => desk.cache,
    'cache.trim': async ({ unusedDays, keepBytes }) => {
      const all = { count: desk.cache.count, sizeBytes: desk.cache.sizeBytes };
      if (keepBytes !== null) return keepBytes < all.sizeBytes ? { count: 4, sizeBytes: 2_100_000_000 } : none;
      return unusedDays === null ? all : unusedDays > 30 ? none : { count: 4, sizeBytes: 2_100_000_000 };
    },
    'cache.limit': async ({ limitBytes }) => {
      desk.cache = { ...desk.cache, limitBytes };
      return none;
    },
    'cache.check': async ({ act }) => {
      if (act === 'start') desk.cacheCheck = { ...desk.cacheCheck, state: 'going' };
      if (act === 'stop') desk.cacheCheck = { ...desk.cacheCheck, state: 'stopped' };
      return desk.cacheCheck;
    },
    'machines.survey': async () => ({ run: 'run-survey' }),
    'machines.surveyed': async () => desk.surveyed,
    'sources.test': async () => {
      const stopped = new Promise<never>((_answered, reject) => {
        stopSources = () => reject(problem('cancelled', { what: 'sources' }));
      });
      await Promise.race([desk.beforeSources, stopped]);
      return desk.sources;
    },
    'sources.stop': async () => {
      stopSources();
      return {};
    },
    'format.drives': async () => [...scriptedDrives],
    'format.look': async () => scriptedLoss,
    'format.perform': async ({ typed }) => {
      if (typed !== scriptedLoss.typeName) throw problem('format-name-differs', { name: scriptedLoss.typeName, typed });
      return { device: `${scriptedLoss.device}1` };
    },
    'records.list': async () => [
      {
        number: 1,
        summary: null,
        trouble: problem('record-damaged', { path: '/record/0001', file: 'record.json' }).data as never,
      },
      { number: 2, summary: scriptedSummary, trouble: null },
    ],
    'records.read': async () => ({
      record: scriptedRecord,
      fingerprint: '5b'.repeat(32),
      folder: '/home/ada/sites/plant-lille/record/0002',
    }),
    'records.save': async ({ folder }) => ({ path: `${folder}/0002` }),
    'records.export': async ({ kind, folder }) => ({ path: `${folder}/${kind}-plant-lille`, steps: 31 }),
    'support.read': async ({ hideAddresses }) => ({ text: supportLines(hideAddresses).join('\n') }),
    'support.save': async ({ folder }) => ({ path: `${folder}/support-plant-lille.md` }),
    'pick.path': async () => ({ token: 'pick:folder', display: '/home/ada/medium' }),
    'blobs.read': async () => ({
      text: 'Reading package lists...\nE: Unable to locate package slapos-node\n',
      cut: false,
    }),
    'practice.faults': async () => (desk.practice ? faultIds.map((id) => ({ id, on: false, met: false })) : []),
    'events.since': async ({ number: from }) => recent.filter((event) => event.number > from),
  };
  Object.assign(desk.handlers, recorded(answers, desk.calls));
  desk.tell({
    kind: 'opened',
    program: 'SlapOS Field Kit 0.1.0',
    who: 'ada',
    laptop: 'bench-1',
    tornLine: false,
  });
  desk.tell({ kind: 'instances', list: instances });
  return desk;
}

/** The same handlers, with every call kept. */
function recorded(handlers: Partial<Handlers>, calls: Call[]): Partial<Handlers> {
  const wrap = ([name, handler]: [string, unknown]) => [
    name,
    async (input: InputOf<ProcedureName>) => {
      calls.push({ name: name as ProcedureName, input });
      // An answer never comes in the same moment as its question.
      await new Promise((resolve) => setImmediate(resolve));
      return (handler as (input: unknown) => Promise<unknown>)(input);
    },
  ];
  return Object.fromEntries(Object.entries(handlers).map(wrap));
}

const planText = `# The master in the pump house.
name: plant-lille
machines:
  - name: master-1
    roles: [master]
    address: 192.168.1.300
    user: field
    release: "12"
    interface: a-very-long-interface-name
    addresses: [2001:db8:0:1::10/64]
releases:
  - name: slapos-master
    url: https://lab.nexedi.com/nexedi/slapos/raw/1.0.358/software/slapos-master/software.cfg
`;

/** The same with nothing to mend. */
const soundPlanText = `format: 1\n${planText}`
  .replace('192.168.1.300', '192.168.1.30')
  .replace('a-very-long-interface-name', 'enp1s0');

export const scriptedSite = site;
/** Keys of all instances in the runbook's order. */
export const scriptedOrder: readonly string[] = instances.map(({ step, subject }) => instanceKey(step, subject));
