// The sheet of a site: the one page that is printed before leaving, and compared, ticked and written on there. Derived from the
// plan, the lock and the record, without any secret. Made for window and command line alike; texts stand in locales/*/sheet.json.
import { z } from 'zod';
import { isLinkLocal } from './address.ts';
import type { InstanceView, SiteView } from './journal.ts';
import type { SiteLock } from './lock.ts';
import { type Rehearsal, rehearsalSummaries, summaryOf } from './rehearsal.ts';
import {
  addressesOf,
  contentWayOf,
  holdsNewMaster,
  isBuilder,
  machinesOnSite,
  masterOf,
  nodesAtOnce,
  re6stMachines,
  releaseNamed,
  type SitePlan,
  systemOf,
} from './site.ts';
import { chapters, instanceKey, subject, type Told, tell, theSite, told } from './step.ts';

/** What is to be brought and had ready, in the order in which it is packed. */
export const sheetGroups = ['bag', 'secrets', 'tokens', 'people', 'network'] as const;

export const sheet = z.strictObject({
  site: z.string(),
  practice: z.boolean(),
  program: z.string(),
  /** ISO 8601. */
  madeAt: z.string(),
  /** Of the manifest's key, lower-case hex: what is compared by eye. Null until the keys are made. */
  fingerprint: z.string().nullable(),
  /** Null until one is chosen. */
  medium: z
    .strictObject({
      label: z.string(),
      volume: z.string().nullable(),
      serial: z.string().nullable(),
      fileSystem: z.string().nullable(),
      sealed: z.strictObject({ generation: z.int(), at: z.string(), count: z.int(), sizeBytes: z.number() }).nullable(),
      /** Of what is sealed now; null when that was never rehearsed. */
      rehearsed: z.strictObject({ at: z.string(), summary: z.enum(rehearsalSummaries) }).nullable(),
    })
    .nullable(),
  machines: z.array(
    z.strictObject({
      name: z.string(),
      roles: z.array(z.string()),
      office: z.boolean(),
      address: z.string(),
      port: z.int(),
      user: z.string(),
      /** Who asks the master for services there, where it is another user. */
      client: z.string().nullable(),
      through: z.string().nullable(),
      system: z.string(),
      interface: z.string(),
      addresses: z.array(z.string()),
      hostKey: z.string().nullable(),
    }),
  ),
  bring: z.array(z.strictObject({ group: z.enum(sheetGroups), items: z.array(told) })),
  /** How long fetching, and writing with reading back, take; as plan-medium reckoned it. */
  times: z.array(told),
  chapters: z.array(
    z.strictObject({
      chapter: z.enum(chapters),
      /** Of what is still to be done. */
      minutes: z.number(),
      entries: z.array(
        z.strictObject({
          step: z.string(),
          subject,
          /** Somebody acts in a web page, at a console or with a token. */
          person: z.boolean(),
          /** ISO 8601. */
          doneAt: z.string().nullable(),
        }),
      ),
    }),
  ),
});
export type Sheet = z.infer<typeof sheet>;

/** Steps at which a person is needed beside the laptop. */
const withPerson: ReadonlySet<string> = new Set([
  ...['connect', 'first-login', 'configure-new-master', 'create-node-token', 'configure-client', 'join-re6st'],
  ...['allow-frontend', 'allocate-services'],
]);

/** Minutes of the steps that take one or more, as their own texts say; what takes seconds counts nothing. */
export const stepMinutes: Readonly<Record<string, number>> = {
  'solve-packages': 3,
  'use-new-master': 5,
  connect: 1,
  'install-slapos-node': 2,
  'configure-proxy': 1,
  'install-master-software': 6,
  'request-master': 30,
  'first-login': 180,
  'configure-new-master': 15,
  'create-node-token': 1,
  'refresh-master': 5,
  'configure-client': 1,
  'take-out-node': 5,
  'install-re6st-registry': 2,
  'install-re6st-node': 1,
  'join-re6st': 6,
  'move-to-re6st': 5,
  'allow-frontend': 5,
  'install-frontend': 10,
  'allocate-services': 2,
  'update-packages': 5,
};

/** What belongs to no first visit: it is asked for when it is wanted. */
const onRequest: ReadonlySet<string> = new Set([
  ...['restore-master', 'compare-with-record', 'compare-with-medium', 'update-packages', 'update-software'],
]);

const isOnRequest = ({ step, everDone }: Pick<InstanceView, 'step' | 'everDone'>): boolean =>
  onRequest.has(step) && !everDone;

/**
 * Of one kind of step still to be done `count` times: nodes go side by side but for what has an order of machines, a restart serves all
 * of them, and one move is of all machines.
 */
function minutesOf(step: string, count: number, joined: number): number {
  const each = stepMinutes[step] ?? 0;
  if (step === 'join-re6st') return count * each;
  if (step === 'refresh-master') return Math.min(count, 1) * each;
  if (step === 'move-to-re6st') return Math.min(count, 1) * each * joined;
  return (count < 2 ? count : 1 + Math.ceil((count - 1) / nodesAtOnce)) * each;
}

type Open = Pick<InstanceView, 'step' | 'state' | 'everDone'>;

/** About how long the steps take that are not done, as their own texts say. `joined`: how many machines re6st joins. */
export function minutesLeft(instances: readonly Open[], joined: number): number {
  const open = instances.filter((one) => one.state !== 'done' && !isOnRequest(one)).map(({ step }) => step);
  return [...new Set(open)].reduce(
    (all, step) => all + minutesOf(step, open.filter((one) => one === step).length, joined),
    0,
  );
}

/** Steps whose time is that of a line, a medium or a compiler. */
const byTheBytes: ReadonlySet<string> = new Set([
  ...['fetch-vendor-packages', 'solve-packages', 'import-software', 'mirror-software', 'seal-medium'],
  ...['compile-software', 'archive-software'],
]);

/** Whether the minutes of the steps tell of the whole: nothing is to be fetched, copied or compiled any more. */
export const isTimed = (instances: readonly Open[]): boolean =>
  !instances.some((one) => one.state !== 'done' && byTheBytes.has(one.step));

export interface SheetSources {
  readonly plan: SitePlan;
  readonly lock: Pick<SiteLock, 'keys' | 'sealed'>;
  readonly view: Pick<SiteView, 'instances' | 'order'>;
  /** `mediumId`: what the lock knows it by. */
  readonly medium:
    | (Omit<NonNullable<Sheet['medium']>, 'sealed' | 'rehearsed'> & { readonly mediumId: string | null })
    | null;
  /** The last one of the site, of whatever medium. */
  readonly rehearsal: Rehearsal | null;
  readonly practice: boolean;
  readonly program: string;
  readonly madeAt: string;
}

const seal = z.object({
  medium: z.object({ mediumId: z.string().nullable() }).nullish(),
  generation: z.int(),
  sealedAt: z.string().nullable(),
  changed: z.int(),
  count: z.int(),
  sizeBytes: z.number(),
});

/** With the seal of this very medium as it was read last: the record may still speak of another stick, or of one that was changed since. */
function mediumOf({ medium, lock, view, rehearsal }: SheetSources): Sheet['medium'] {
  if (medium === null) return null;
  const { mediumId, ...chosen } = medium;
  const { data } = seal.safeParse(view.instances[instanceKey('seal-medium', theSite)]?.facts);
  if (data === undefined || data.sealedAt === null || data.changed > 0)
    return { ...chosen, sealed: null, rehearsed: null };
  const { generation, sealedAt: at, count, sizeBytes } = data;
  const same = (data.medium?.mediumId ?? mediumId) === mediumId;
  const here = same && lock.sealed?.[mediumId ?? ''] === generation;
  return {
    ...chosen,
    sealed: here ? { generation, at, count, sizeBytes } : null,
    rehearsed:
      here && rehearsal !== null && rehearsal.generation === generation && rehearsal.at >= at
        ? { at: rehearsal.at, summary: summaryOf(rehearsal) }
        : null,
  };
}

export function siteSheet(sources: SheetSources): Sheet {
  const { plan, lock, view, medium, practice, program, madeAt } = sources;
  return {
    practice,
    program,
    madeAt,
    site: plan.name,
    fingerprint: lock.keys?.manifestFingerprint ?? plan.trust.manifest ?? null,
    medium: mediumOf(sources),
    machines: plan.machines.map((item) => ({
      name: item.name,
      roles: [...item.roles],
      office: isBuilder(item),
      address: item.address,
      port: item.port,
      user: item.user,
      client: item.client ?? null,
      through: item.jump ?? null,
      system: systemOf(item),
      interface: item.interface,
      addresses: [...item.addresses],
      hostKey: item.hostKey ?? null,
    })),
    bring: sheetGroups
      .map((group) => ({ group, items: [...thingsOf[group](plan, view.instances, medium?.label ?? '')] }))
      .filter(({ items }) => items.length > 0),
    times: (view.instances[instanceKey('plan-medium', theSite)]?.found ?? []).filter(({ key }) =>
      /\.found\.times(Measured)?$/.test(key),
    ),
    chapters: chapters
      .map((chapter) => {
        const instances = view.order.flatMap((key) => {
          const instance = view.instances[key];
          const here = instance?.chapter === chapter && !isOnRequest(instance);
          return instance === undefined || !here ? [] : [instance];
        });
        return {
          chapter,
          minutes: minutesLeft(instances, re6stMachines(plan).length),
          entries: instances.map(({ step, subject: of, state, doneAt }) => ({
            step,
            subject: of,
            person: withPerson.has(step),
            doneAt: state === 'done' ? doneAt : null,
          })),
        };
      })
      .filter(({ entries }) => entries.length > 0),
  };
}

type Instances = Readonly<Record<string, InstanceView>>;
type Things = (plan: SitePlan, instances: Instances, medium: string) => readonly Told[];

const names = (all: readonly { readonly name: string }[]): string => all.map(({ name }) => name).join(', ');
const bring = (key: string, params: Told['params'] = {}): Told => tell(`sheet.bring.${key}`, params);
const nodesOf = (plan: SitePlan) =>
  machinesOnSite(plan).filter(({ roles, leaving }) => roles.includes('node') && leaving !== true);
/** The old master is asked by hand for what the new one does by itself; null where its address does not tell. */
const newMaster = (plan: SitePlan): boolean | null => {
  const release = releaseNamed(plan, 'slapos-master');
  return release === undefined ? null : release.newMaster || holdsNewMaster(release.url);
};

/** One line for all machines that answer to the same. */
function grouped<T extends { readonly name: string }>(
  all: readonly T[],
  by: (item: T) => string | undefined,
): readonly (readonly [value: string, items: readonly T[]])[] {
  const groups = new Map<string, T[]>();
  for (const item of all) {
    const value = by(item);
    if (value !== undefined) groups.set(value, [...(groups.get(value) ?? []), item]);
  }
  return [...groups];
}

const thingsOf: Readonly<Record<(typeof sheetGroups)[number], Things>> = {
  bag: (plan, instances, medium) => {
    const machines = machinesOnSite(plan);
    const direct = machines.filter(({ jump }) => jump === undefined);
    const linked = direct.filter(({ address }) => isLinkLocal(address));
    const away = machines.filter((item) => contentWayOf(plan, item) === 'medium');
    return [
      bring('laptop', { site: plan.name }),
      medium === '' ? bring('mediumUnchosen') : bring('medium', { label: medium }),
      ...(direct.length > linked.length
        ? [bring('cable', { names: names(direct.filter((item) => !linked.includes(item))) })]
        : []),
      ...linked.map(({ name, address }) => bring('directCable', { name, address })),
      ...(away.length === 0 ? [] : [bring('plug', { names: names(away) })]),
      ...grouped(machines, ({ keyFile }) => keyFile).map(([path, of]) => bring('keyFile', { path, names: names(of) })),
      ...certificateOf(plan, instances),
    ];
  },
  secrets: (plan) => {
    const machines = machinesOnSite(plan);
    const sudoers = machines.filter(({ user }) => user !== 'root');
    return [
      ...grouped(
        machines.filter(({ keyFile }) => keyFile === undefined),
        ({ user }) => user,
      ).map(([user, of]) => bring('login', { user, names: names(of) })),
      ...(machines.some(({ keyFile }) => keyFile !== undefined) ? [bring('keyPassphrase')] : []),
      ...grouped(sudoers, ({ user }) => user).map(([user, of]) => bring('sudo', { user, names: names(of) })),
      bring('vault'),
      ...(masterOf(plan) === undefined ? [] : [bring('backup')]),
    ];
  },
  tokens: (plan) => {
    const [first, ...others] = nodesOf(plan);
    if (first === undefined) return [];
    const joining = re6stMachines(plan);
    return [
      bring('nodeToken', { name: first.name }),
      bring('clientToken', { name: first.name, user: first.client ?? first.user }),
      ...(others.length === 0
        ? []
        : [bring('laterTokens', { names: names(others), client: first.client ?? first.user })]),
      ...(joining.length === 0 ? [] : [bring('re6stTokens', { names: names(joining), count: joining.length })]),
    ];
  },
  people: (plan) => {
    const master = masterOf(plan);
    const nodes = nodesOf(plan).length > 0;
    return [
      bring('console', { names: names(machinesOnSite(plan)) }),
      ...(master === undefined ? [] : [bring('configurator', { name: master.name })]),
      ...(nodes ? [bring('member')] : []),
      ...(newMaster(plan) === true ? [bring('newMaster')] : []),
      ...(newMaster(plan) === false && plan.frontend !== undefined ? [bring('manager')] : []),
      ...(re6stMachines(plan).length > 0 ? [bring('reboots')] : []),
    ];
  },
  network: (plan) => {
    const through = grouped(machinesOnSite(plan), ({ jump }) => jump);
    const { frontend, ranges } = plan;
    const holder = plan.machines.find(({ roles }) => roles.includes('frontend'));
    const leads =
      frontend === undefined || frontend.publicAddresses.length > 0
        ? (frontend?.publicAddresses ?? [])
        : holder === undefined
          ? []
          : addressesOf(holder);
    return [
      ...through.map(([jump, of]) => bring('jump', { jump, names: names(of) })),
      ...(frontend === undefined
        ? []
        : [
            bring(frontend.dns === undefined ? 'dnsElsewhere' : 'dns', {
              domain: frontend.domain,
              addresses: leads.join(', '),
              dns: frontend.dns ?? '',
            }),
            bring('ports', { name: holder?.name ?? '' }),
          ]),
      ...(ranges.lan === undefined ? [] : [bring('lan', { range: ranges.lan })]),
      ...(ranges.re6st === undefined ? [] : [bring('re6st', { range: ranges.re6st })]),
    ];
  },
};

/** The frontend's pair, and what describe-site last knew of it. */
function certificateOf({ frontend }: SitePlan, instances: Instances): readonly Told[] {
  if (frontend === undefined) return [];
  const { domain, certificate, key } = frontend;
  const read = instances[instanceKey('describe-site', theSite)];
  const { data } = z
    .object({
      certificate: z.object({ until: z.string() }),
      certificateFindings: z.array(z.object({ code: z.string() })),
    })
    .safeParse(read?.facts);
  const ready =
    data !== undefined && !data.certificateFindings.some(({ code }) => code === 'frontend-certificate-not-ready');
  return ready
    ? [bring('certificate', { domain, certificate, key, until: data.certificate.until.slice(0, 10) })]
    : [bring('certificateMissing', { domain, certificate, key })];
}
