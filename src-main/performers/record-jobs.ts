// The jobs and sights of a site's record: making one, copying it to the medium, and what is known of those that are there.
// Registered in compose by these names. Machines are only read.

import { hostname } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { recordsFolder } from '../../src-shared/dossier.ts';
import type { Json } from '../../src-shared/json.ts';
import { mediumPaths } from '../../src-shared/manifest.ts';
import { Problem } from '../../src-shared/problem.ts';
import { machinesOnSite } from '../../src-shared/site.ts';
import { copyRecord, type OpenedRecord, recordNumbers, signedRecord, writeRecord } from '../medium/record-files.ts';
import type { RecordTexts } from '../medium/record-page.ts';
import { userName } from '../platform/who.ts';
import { buildDossier, performedSince, planSha256 } from '../runbook/dossier.ts';
import { readJournal } from '../runbook/journal-store.ts';
import { type OpenSite, siteFiles } from '../runbook/open-site.ts';
import { readAsBuilt } from '../target/as-built.ts';
import { boundMedium, mediumForRecord, readBinding } from './bound-medium.ts';
import { type Job, job, type Sight, sight } from './jobs.ts';
import { privateKey } from './prepare-jobs.ts';
import { recordsKit } from './records.ts';

const folderOf = (site: OpenSite): string => join(site.folder, recordsFolder);

/** The records' folder on the medium, null while the medium is not there or none was chosen. */
async function mediumFolderOf(site: OpenSite): Promise<string | null> {
  if ((await readBinding(site)) === null) return null;
  const root = await boundMedium(site).then(
    (bound) => bound.root,
    (error: unknown) => {
      if (error instanceof Problem) return null;
      throw error;
    },
  );
  return root === null ? null : join(root, mediumPaths.site(site.name), recordsFolder);
}

const pinnedBy = (site: OpenSite): string | null => site.plan.trust.manifest ?? null;

const records = recordsKit(async () => null);

/** Where the records are: on this laptop, and on the medium when it is there. Another laptop may have made some of them. */
async function placesOf(site: OpenSite) {
  const medium = await mediumFolderOf(site);
  const here = await recordNumbers(folderOf(site));
  const there = medium === null ? [] : await recordNumbers(medium);
  return { medium, here, there, all: [...new Set([...here, ...there])].sort((a, b) => a - b) };
}

/** The record of a number, or the latest for 0. Throws `record-missing`, and what opening one throws. */
async function recordOf(site: OpenSite, number: number): Promise<OpenedRecord> {
  const { medium, here, all } = await placesOf(site);
  const wanted = number === 0 ? (all.at(-1) ?? 0) : number;
  const folder = here.includes(wanted) || medium === null ? folderOf(site) : medium;
  return records.open(folder, wanted, pinnedBy(site));
}

/** What one of the two places lacks, brought there from the other; checked on the way. */
async function copyAll(site: OpenSite): Promise<void> {
  const { medium, here, there } = await placesOf(site);
  if (medium === null) return;
  const own = folderOf(site);
  for (const number of here) if (!there.includes(number)) await copyRecord(own, medium, number, pinnedBy(site));
  for (const number of there) if (!here.includes(number)) await copyRecord(medium, own, number, pinnedBy(site));
}

export interface RecordParts {
  readonly program: string;
  /** Languages of the pages. */
  readonly languages: readonly RecordTexts[];
}

export function recordJobs({ program, languages }: RecordParts): Readonly<Record<string, Job>> {
  return {
    'make-record': job(z.strictObject({ number: z.int().positive(), remark: z.string() }), async (args, context) => {
      const { site, world } = context;
      const { plan, lock } = site;
      // Asked for first: nobody waits for machines to be read, only to find that the key is not there.
      const key = await privateKey(context, 'manifest');
      const facts = await Promise.all(
        machinesOnSite(plan).map(async (machine) => [
          machine.name,
          await readAsBuilt(world.probe, machine, { plan, lock }),
        ]),
      );
      const { events } = await readJournal(join(site.folder, siteFiles.journal));
      const record = buildDossier(
        {
          ...args,
          program,
          madeAt: site.clock.now(),
          who: userName(),
          laptop: hostname(),
          practice: site.practice,
          events,
          plan,
          lock,
          ...(await mediumForRecord(site)),
          facts: Object.fromEntries(facts),
        },
        site.secrets,
      );
      await writeRecord(folderOf(site), args.number, signedRecord(record, languages, key));
      await recordOf(site, args.number);
      await copyAll(site);
    }),

    'copy-records': job(z.strictObject({}), (_args, { site }) => copyAll(site)),
  };
}

export function recordSights(): Readonly<Record<string, Sight>> {
  return {
    /** The latest record, and whether it still tells all. Steps named in `apart` change nothing that it should tell. */
    'record-state': sight(
      z.strictObject({ apart: z.array(z.string()) }),
      async ({ apart }, { site }): Promise<Json> => {
        const { medium, here, there, all } = await placesOf(site);
        const number = all.at(-1);
        const next = (number ?? 0) + 1;
        const everywhere = here.length === all.length && there.length === all.length;
        const onMedium = medium === null ? 'absent' : everywhere ? 'same' : 'lacking';
        if (number === undefined) return { next, onMedium, latest: null, damaged: null };
        try {
          const { record } = await recordOf(site, number);
          const { events } = await readJournal(join(site.folder, siteFiles.journal));
          const { madeAt, remark, machines, journal } = record;
          return {
            next,
            onMedium,
            damaged: null,
            latest: {
              number,
              madeAt,
              remark,
              machines: machines.length,
              // A journal that is another one tells of another past.
              since: performedSince(events, (events.at(-1)?.seq ?? 0) < journal.events ? 0 : journal.events, apart),
              planChanged: record.planSha256 !== planSha256(site.plan),
            },
          };
        } catch (error) {
          if (!(error instanceof Problem)) throw error;
          return { next, onMedium, latest: null, damaged: error.code };
        }
      },
    ),

    /** What a record says of the machines; number 0 is the latest. */
    'record-machines': sight(z.strictObject({ number: z.int().nonnegative() }), async ({ number }, { site }) => {
      const { record } = await recordOf(site, number);
      const machines = Object.fromEntries(record.machines.map(({ name, facts }) => [name, facts]));
      return { number: record.number, madeAt: record.madeAt, machines };
    }),
  };
}
