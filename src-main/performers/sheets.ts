// The sheet of a site of this laptop, from its folder alone, whether the site is open or not. Called by compose, for the window and
// for the command line. It reads; nothing on a machine or a medium is asked.
import { basename, join } from 'node:path';
import { fold, withInstances } from '../../src-shared/journal.ts';
import { parseJson } from '../../src-shared/json.ts';
import { emptyLock, siteLock } from '../../src-shared/lock.ts';
import { type Sheet, siteSheet } from '../../src-shared/sheet.ts';
import { mediumIdentity } from '../medium/identity.ts';
import { readTextOrNull } from '../platform/files.ts';
import type { BenchParts } from '../runbook/bench.ts';
import { instancesOf } from '../runbook/instances.ts';
import { readJournal } from '../runbook/journal-store.ts';
import { siteFiles } from '../runbook/open-site.ts';
import { isPractice, readSitePlan, siteFolder } from '../runbook/sites.ts';
import { readRehearsal } from './rehearsals.ts';

/** Throws `site-unknown`, `site-plan-invalid`, `journal-damaged`. */
export async function sheetOf(
  { dataFolder, program, runbook, clock }: Pick<BenchParts, 'dataFolder' | 'program' | 'runbook' | 'clock'>,
  name: string,
): Promise<Sheet> {
  const folder = await siteFolder(dataFolder, name);
  const plan = await readSitePlan(dataFolder, name);
  const { events } = await readJournal(join(folder, siteFiles.journal));
  const parsed = async (file: string): Promise<unknown> => parseJson((await readTextOrNull(join(folder, file))) ?? '');
  const lock = siteLock.safeParse(await parsed(siteFiles.lock));
  const { data: identity } = mediumIdentity.safeParse(await parsed(siteFiles.medium));
  return siteSheet({
    plan,
    lock: lock.data ?? emptyLock,
    view: withInstances(fold(events), instancesOf(runbook, plan)),
    medium:
      identity === undefined
        ? null
        : {
            label: basename(identity.path) || identity.path,
            volume: identity.volumeUuid,
            serial: identity.serial,
            fileSystem: identity.fileSystem,
            mediumId: identity.mediumId,
          },
    rehearsal: await readRehearsal(folder),
    practice: await isPractice(folder),
    program,
    madeAt: clock.now().toISOString(),
  });
}
