// fieldkit sites, sites create, steps, journal: looking, and making a site's folder.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { interview } from '../../../src-shared/interview.ts';
import { fold, type JournalEvent, withInstances } from '../../../src-shared/journal.ts';
import { faultOfIssue } from '../../../src-shared/plan-fault.ts';
import { exitCodes, problem } from '../../../src-shared/problem.ts';
import { instancesOf } from '../../runbook/instances.ts';
import { readJournal } from '../../runbook/journal-store.ts';
import { siteFiles } from '../../runbook/open-site.ts';
import { createSite, planTemplate, readSitePlan, siteFolder, siteNames, summaryOf } from '../../runbook/sites.ts';
import { type CommonOptions, chosenSite, type Session, withSession } from '../session.ts';
import { stateLine } from '../show.ts';

export const listSites = (options: CommonOptions): Promise<number> =>
  withSession(options, async ({ kit, texts, print }) => {
    const { dataFolder } = kit.parts;
    const all = await Promise.all((await siteNames(dataFolder)).map((name) => summaryOf(dataFolder, name)));
    const lines = all.map(({ name, done, total, practice, heldBy }) =>
      texts.say(practice ? 'cli.sites.practice' : 'cli.sites.line', { name, done, total, held: heldBy ?? '-' }),
    );
    print(all, all.length === 0 ? [texts.say('cli.sites.none')] : lines);
    return exitCodes.done;
  });

export const createSiteFrom = (file: string, options: CommonOptions): Promise<number> =>
  withSession(options, async ({ kit, texts, print }) => {
    const text = await readFile(file, 'utf8').catch(() => {
      throw problem('site-plan-missing', { path: file });
    });
    const name = await createSite(kit.parts.dataFolder, text, { practice: false });
    print({ site: name }, [texts.say('cli.sites.created', { name })]);
    return exitCodes.done;
  });

export interface BeginOptions extends CommonOptions {
  readonly master: string;
  readonly node?: readonly string[];
  readonly user: string;
  readonly interface: string;
  readonly system: string;
  readonly re6st?: string;
  readonly domain?: string;
}

/** The interview of the window, answered by options. */
export const beginSite = (name: string, options: BeginOptions): Promise<number> =>
  withSession(options, async ({ kit, texts, print }) => {
    const { master, node: nodes, user, interface: interfaceName, system, re6st, domain } = options;
    const asked = interview.safeParse({ name, master, nodes, user, interface: interfaceName, system, re6st, domain });
    if (!asked.success) {
      const [first] = asked.error.issues;
      if (first === undefined) throw asked.error;
      const { code, ...params } = faultOfIssue(first, false);
      const words = texts.say(`problems.site-plan-invalid.faults.${code}`, params);
      throw problem('usage-wrong', { detail: `${first.path.join(' ')}: ${words}` });
    }
    const { dataFolder } = kit.parts;
    const made = await createSite(dataFolder, planTemplate(asked.data), { practice: false });
    const path = join(await siteFolder(dataFolder, made), siteFiles.plan);
    print({ site: made, path }, [texts.say('cli.sites.begun', { name: made, path })]);
    return exitCodes.done;
  });

/** The steps of the plan as it is, with their states as recorded; reads no machine and needs no lock. */
export const listSteps = (options: CommonOptions): Promise<number> =>
  withSession(options, async (session) => {
    const { texts, kit, print } = session;
    const { name, events } = await journalOf(session, options);
    const plan = await readSitePlan(kit.parts.dataFolder, name);
    const view = withInstances(fold(events), instancesOf(kit.parts.runbook, plan));
    const all = view.order.flatMap((key) => view.instances[key] ?? []);
    print(
      all.map(({ key, state, doneAt }) => ({ key, state, doneAt })),
      all.map((item) => stateLine(item, texts)),
    );
    return exitCodes.done;
  });

export const showJournal = (options: CommonOptions & { readonly since?: string }): Promise<number> =>
  withSession(options, async (session) => {
    const since = options.since ?? '0';
    if (!/^\d+$/.test(since)) throw problem('usage-wrong', { detail: `--since ${since}` });
    const { events } = await journalOf(session, options);
    for (const event of events.filter(({ seq }) => seq > Number(since))) session.print(event, [eventLine(event)]);
    return exitCodes.done;
  });

function eventLine(event: JournalEvent): string {
  const what = 'instance' in event ? event.instance : '';
  return `${String(event.seq).padStart(5)}  ${event.at}  ${event.kind.padEnd(16)} ${what} ${detailOf(event)}`.trimEnd();
}

function detailOf(event: JournalEvent): string {
  switch (event.kind) {
    case 'command-ended':
      return `${event.outcome} ${event.exit ?? ''}`;
    case 'facts':
      return event.verdict.state;
    case 'run-ended':
      return `${event.outcome} ${event.problem?.code ?? ''}`;
    default:
      return '';
  }
}

async function journalOf({ kit }: Session, options: CommonOptions) {
  const name = await chosenSite(kit, options.site);
  const { events } = await readJournal(join(await siteFolder(kit.parts.dataFolder, name), siteFiles.journal));
  return { name, events };
}
