// The records of a site for who looks at them: listed, opened, checked. Given to the command line and the desk by compose.
// It reads files alone; no machine and no key is needed.
import { join } from 'node:path';
import { type ListedRecord, recordName } from '../../src-shared/dossier.ts';
import { problemData } from '../../src-shared/journal.ts';
import { problem, toProblemData } from '../../src-shared/problem.ts';
import { copyRecord, type OpenedRecord, openRecord, recordNumbers } from '../medium/record-files.ts';

export interface RecordsKit {
  /** The oldest first. @param folder the records' folder of a site */
  readonly list: (folder: string, pinned: string | null) => Promise<ListedRecord[]>;
  /** Number 0 is the latest. Throws `record-missing`, and what `openRecord` throws. */
  readonly open: (folder: string, number: number, pinned: string | null) => Promise<OpenedRecord>;
  /** Copies one of them, checked on the way; returns where it is now. Throws as `open`, and what writing throws. */
  readonly save: (folder: string, number: number, to: string, pinned: string | null) => Promise<string>;
  /** A record anywhere; without a fingerprint that of its site counts, where this laptop knows it. */
  readonly verify: (path: string, fingerprint: string | null) => Promise<OpenedRecord>;
}

/** @param pinnedOf the fingerprint that a site of this laptop holds, by the site's name */
export const recordsKit = (pinnedOf: (site: string) => Promise<string | null>): RecordsKit => ({
  list: async (folder, pinned) => {
    const listed: ListedRecord[] = [];
    for (const number of await recordNumbers(folder)) listed.push(await listedOf(folder, number, pinned));
    return listed;
  },
  open: async (folder, number, pinned) => {
    const wanted = number === 0 ? (await recordNumbers(folder)).at(-1) : number;
    if (wanted === undefined) throw problem('record-missing', { path: folder });
    return openRecord(join(folder, recordName(wanted)), pinned);
  },
  save: async (folder, number, to, pinned) => {
    await copyRecord(folder, to, number, pinned);
    return join(to, recordName(number));
  },
  verify: async (path, fingerprint) => {
    const opened = await openRecord(path, fingerprint);
    const known = fingerprint ?? (await pinnedOf(opened.record.site));
    // Opened once more with what this laptop knows: another key is told as such.
    return known === null || fingerprint !== null ? opened : openRecord(path, known);
  },
});

async function listedOf(folder: string, number: number, pinned: string | null): Promise<ListedRecord> {
  try {
    const { record } = await openRecord(join(folder, recordName(number)), pinned);
    const { madeAt, who, laptop, remark } = record;
    return { number, summary: { number, madeAt, who, laptop, remark }, trouble: null };
  } catch (error) {
    return { number, summary: null, trouble: problemData.parse(toProblemData(error)) };
  }
}
