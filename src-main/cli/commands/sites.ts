// fieldkit sites, sites create, steps, journal: looking, and making a site's folder.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fold } from '../../../src-shared/journal.ts';
import { exitCodes, problem } from '../../../src-shared/problem.ts';
import { readJournal } from '../../runbook/journal-store.ts';
import { siteFiles } from '../../runbook/open-site.ts';
import { createSite, siteFolder, siteNames, summaryOf } from '../../runbook/sites.ts';
import { type CommonOptions, fail, makeSession } from '../session.ts';
import { stateLine } from '../show.ts';

export async function listSites(options: CommonOptions): Promise<number> {
  const session = await makeSession(options);
  const { dataFolder } = session.kit.parts;
  const all = await Promise.all((await siteNames(dataFolder)).map((name) => summaryOf(dataFolder, name)));
  const lines = all.map(({ name, done, total, practice, heldBy }) =>
    session.texts.say(practice ? 'cli.sites.practice' : 'cli.sites.line', { name, done, total, held: heldBy ?? '-' }),
  );
  session.print(all, all.length === 0 ? [session.texts.say('cli.sites.none')] : lines);
  return exitCodes.done;
}

export async function createSiteFrom(file: string, options: CommonOptions): Promise<number> {
  const session = await makeSession(options);
  try {
    const text = await readFile(file, 'utf8').catch(() => {
      throw problem('site-plan-missing', { path: file });
    });
    const name = await createSite(session.kit.parts.dataFolder, text, { practice: false });
    session.print({ site: name }, [session.texts.say('cli.sites.created', { name })]);
    return exitCodes.done;
  } catch (error) {
    return fail(error, session);
  }
}

/** Steps as recorded; reads no machine and needs no lock. */
export async function listSteps(options: CommonOptions): Promise<number> {
  const session = await makeSession(options);
  try {
    const view = fold((await journalOf(session.kit.parts.dataFolder, options)).events);
    const all = view.order.flatMap((key) => view.instances[key] ?? []);
    session.print(
      all.map(({ key, state, doneAt }) => ({ key, state, doneAt })),
      all.map((item) => stateLine(item, session.texts)),
    );
    return exitCodes.done;
  } catch (error) {
    return fail(error, session);
  }
}

export async function showJournal(options: CommonOptions & { readonly since?: string }): Promise<number> {
  const session = await makeSession(options);
  try {
    const { events } = await journalOf(session.kit.parts.dataFolder, options);
    const after = Number(options.since ?? 0);
    for (const event of events.filter(({ seq }) => seq > after)) {
      const { seq, at, kind, mono: _mono, ...rest } = event;
      const what = 'instance' in rest ? rest.instance : '';
      const more =
        kind === 'command-ended'
          ? `${event.outcome} ${event.exit ?? ''}`
          : kind === 'facts'
            ? event.verdict.state
            : kind === 'run-ended'
              ? `${event.outcome} ${event.problem?.code ?? ''}`
              : '';
      session.print(event, [`${String(seq).padStart(5)}  ${at}  ${kind.padEnd(16)} ${what} ${more}`.trimEnd()]);
    }
    return exitCodes.done;
  } catch (error) {
    return fail(error, session);
  }
}

async function journalOf(dataFolder: string, options: CommonOptions) {
  const names = await siteNames(dataFolder);
  const name = options.site ?? (names.length === 1 ? names[0] : undefined);
  if (name === undefined) throw problem('usage-wrong', { detail: `--site NAME (${names.join(', ') || '-'})` });
  return readJournal(join(await siteFolder(dataFolder, name), siteFiles.journal));
}
