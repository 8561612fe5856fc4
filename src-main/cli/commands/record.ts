// fieldkit record list, show, verify, compare: a site's records on a terminal. Only `compare` speaks to machines, and it reads.
import { join, resolve } from 'node:path';
import { asBuilt, type Difference, difference } from '../../../src-shared/as-built.ts';
import { recordName, recordsFolder } from '../../../src-shared/dossier.ts';
import { exitCodes, type ProblemCode, problem, problemFrom, problems } from '../../../src-shared/problem.ts';
import { instanceKey, theSite } from '../../../src-shared/step.ts';
import { readSitePlan, siteFolder } from '../../runbook/sites.ts';
import { type CommonOptions, chosenSite, fail, type Session, withSession, withSite } from '../session.ts';
import { verdictLines } from '../show.ts';

async function placeOf({ kit }: Session, options: CommonOptions) {
  const site = await chosenSite(kit, options.site);
  const { dataFolder } = kit.parts;
  const { trust } = await readSitePlan(dataFolder, site);
  return { site, folder: join(await siteFolder(dataFolder, site), recordsFolder), pinned: trust.manifest ?? null };
}

/** A record's number as typed; the latest for none. Throws `usage-wrong`. */
function numberIn(text: string | undefined): number {
  if (text === undefined) return 0;
  if (!/^\d{1,6}$/.test(text)) throw problem('usage-wrong', { detail: text });
  return Number(text);
}

export const listRecords = (options: CommonOptions): Promise<number> =>
  withSession(options, async (session) => {
    const { kit, texts, print } = session;
    const { site, folder, pinned } = await placeOf(session, options);
    const all = await kit.records.list(folder, pinned);
    print(
      all,
      all.length === 0
        ? [texts.say('cli.record.none', { site })]
        : all.map(({ number, summary, trouble }) =>
            summary === null
              ? `⯃ ${recordName(number)}  ${trouble === null ? '' : texts.problem(trouble)[0]}`
              : `✓ ${texts.say('cli.record.line', { name: recordName(number), ...summary })}`,
          ),
    );
    const bad = all.find(({ trouble }) => trouble !== null)?.trouble;
    return bad == null ? exitCodes.done : fail(problemFrom(bad), session);
  });

/** The record itself, as JSON or as its sentences. */
export const showRecord = (number: string | undefined, options: CommonOptions): Promise<number> =>
  withSession(options, async (session) => {
    const { kit, texts, print } = session;
    const { folder, pinned } = await placeOf(session, options);
    const { record, folder: place } = await kit.records.open(folder, numberIn(number), pinned);
    const done = record.steps.filter(({ state }) => state === 'done').length;
    print(record, [
      texts.say('record.title', { site: record.site, number: record.number }),
      ...(record.practice ? [texts.say('record.practice')] : []),
      ...(record.remark === '' ? [] : [record.remark]),
      `${texts.say('record.madeAt')}: ${record.madeAt}, ${record.who}@${record.laptop}`,
      `${texts.say('record.program')}: ${record.program}`,
      ...(record.keys === null ? [] : [`${texts.say('record.fingerprint')}: ${record.keys.manifest}`]),
      `${texts.say('record.steps')}: ${done}/${record.steps.length}`,
      ...record.steps.map(
        ({ instance, state, doneAt }) =>
          `  ${texts.say(`record.state.${state}`).padEnd(12)} ${instance.padEnd(48)} ${doneAt ?? ''}`,
      ),
      ...record.machines.flatMap(({ name, address, system, hostKey, facts }) => [
        `${name}  ${address}  ${system}  ${hostKey ?? ''}`,
        ...Object.entries(asBuilt.parse(facts)).map(
          ([part, entries]) =>
            `  ${texts.say(`record.part.${part}`)}: ${entries === null ? texts.say('record.unread') : Object.keys(entries).length}`,
        ),
      ]),
      texts.say('cli.record.folder', { path: place }),
    ]);
    return exitCodes.done;
  });

/** A record's folder or any file in it, wherever it lies. */
export const verifyRecord = (
  path: string,
  options: CommonOptions & { readonly fingerprint?: string },
): Promise<number> =>
  withSession(options, async (session) => {
    const { kit, texts, print } = session;
    const { record, folder, fingerprint, pinned, files, unlisted } = await kit.records.verify(
      resolve(path),
      options.fingerprint ?? null,
    );
    const { site, number, madeAt, who, laptop } = record;
    print({ folder, site, number, madeAt, who, laptop, fingerprint, fingerprintTrusted: pinned, files, unlisted }, [
      texts.say('cli.record.verified', { site, number, madeAt, who, laptop, fingerprint, files: files.length }),
      ...(pinned ? [] : [texts.say('cli.record.untrusted')]),
      ...(unlisted.length === 0 ? [] : [texts.say('cli.record.unlisted', { names: unlisted.join(', ') })]),
    ]);
    return exitCodes.done;
  });

/** Exit 0: as recorded. 4: it differs. 5: a machine could not be reached. */
export const compareRecord = (number: string | undefined, options: CommonOptions): Promise<number> =>
  withSite(options, async (session) => {
    const { bench, texts, print, signal } = session;
    const key = instanceKey('compare-with-record', theSite);
    const instance = bench.runner.instances().find((item) => item.key === key);
    if (instance === undefined) throw problem('step-unknown', { step: key });
    const verdict = await bench.runner.check(instance, { number: numberIn(number) }, signal);
    const view = bench.site.view.instances[key];
    if (view === undefined) throw new RangeError(key);
    const all = difference.array().safeParse((view.facts as { differences?: unknown } | null)?.differences).data ?? [];
    print({ ...(view.facts as object), verdict }, [
      ...all.map((one) => differenceLine(one, texts.say)),
      ...verdictLines(view, texts),
    ]);
    const worst = verdict.findings.find(({ code }) => code !== 'site-differs') ?? verdict.findings[0];
    return worst === undefined ? exitCodes.done : exitCodeOf(worst.code);
  });

const exitCodeOf = (code: ProblemCode): number => exitCodes[problems[code].exit];

/** `master-1  Package acl is gone; was 2.3.1-3` */
function differenceLine(
  { machine, part, name, was, is }: Difference,
  say: (key: string, params?: Record<string, string>) => string,
): string {
  const how =
    was === null
      ? say('record.new', { is: is ?? '' })
      : is === null
        ? say('record.gone', { was })
        : say('record.changed', { was, is });
  return `${machine}  ${say(`record.part.${part}`)} ${name} ${how}`;
}
