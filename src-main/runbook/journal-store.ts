// The journal on disk: one JSON line an event, appended and flushed before anything else happens.
// Used by the open site. A torn last line (the power went) is dropped and reported; damage in the middle is a problem.
import { type FileHandle, open } from 'node:fs/promises';
import type { JournalEvent, NewEvent } from '../../src-shared/journal.ts';
import { journalEvent } from '../../src-shared/journal.ts';
import { problem } from '../../src-shared/problem.ts';
import { readTextOrNull } from '../platform/files.ts';

export interface Read {
  readonly events: readonly JournalEvent[];
  /** The last line was not whole; it is overwritten by the next event. */
  readonly torn: boolean;
  /** Bytes of whole lines. */
  readonly sizeBytes: number;
}

/**
 * Reads a journal; an absent one is empty.
 * Throws `journal-damaged` with the line's number when a line before the last is no event, or numbers are missing.
 */
export async function readJournal(path: string): Promise<Read> {
  const text = (await readTextOrNull(path)) ?? '';
  const lines = text.split('\n');
  const rest = lines.pop() ?? '';
  const events: JournalEvent[] = [];
  let sizeBytes = 0;
  for (const [index, line] of lines.entries()) {
    const event = parse(line);
    if (event === null || event.seq !== index + 1) {
      if (index === lines.length - 1 && rest === '') return { events, torn: true, sizeBytes };
      throw problem('journal-damaged', { path, line: index + 1 });
    }
    events.push(event);
    sizeBytes += Buffer.byteLength(line) + 1;
  }
  return { events, torn: rest !== '', sizeBytes };
}

function parse(line: string): JournalEvent | null {
  try {
    const result = journalEvent.safeParse(JSON.parse(line));
    return result.success ? result.data : null;
  } catch {
    return null;
  }
}

/** An open journal; the only writer of its file (the site's writer lock sees to that). */
export class Journal {
  readonly #file: FileHandle;
  #seq: number;
  #offset: number;
  #queue: Promise<unknown> = Promise.resolve();

  private constructor(file: FileHandle, seq: number, offset: number) {
    this.#file = file;
    this.#seq = seq;
    this.#offset = offset;
  }

  /** Opens for appending after the last whole line. */
  static async open(path: string, read: Read): Promise<Journal> {
    const file = await open(path, 'a+', 0o600);
    await file.truncate(read.sizeBytes);
    return new Journal(file, read.events.length, read.sizeBytes);
  }

  /** Stamps, appends and flushes; resolves when the event is on the disk. */
  append(event: NewEvent, now: Date, mono: number): Promise<JournalEvent> {
    const write = this.#queue.then(async () => {
      const stamped = { ...event, seq: this.#seq + 1, at: now.toISOString(), mono: Math.round(mono) } as JournalEvent;
      const line = Buffer.from(`${JSON.stringify(stamped)}\n`);
      await this.#file.appendFile(line);
      await this.#file.datasync();
      this.#seq += 1;
      this.#offset += line.byteLength;
      return stamped;
    });
    this.#queue = write.catch(() => undefined);
    return write;
  }

  async close(): Promise<void> {
    await this.#queue;
    await this.#file.close();
  }
}
