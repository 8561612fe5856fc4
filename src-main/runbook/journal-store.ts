// The journal on disk: one JSON line an event, appended and flushed before anything else happens.
// Used by the open site. A torn last line (the power went) is dropped and reported; damage in the middle is a problem.
import { type FileHandle, open } from 'node:fs/promises';
import type { JournalEvent, NewEvent } from '../../src-shared/journal.ts';
import { journalEvent } from '../../src-shared/journal.ts';
import { problem } from '../../src-shared/problem.ts';
import { errnoOf, readTextOrNull } from '../platform/files.ts';

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
  readonly #path: string;
  #seq: number;
  #offset: number;
  #queue: Promise<unknown> = Promise.resolve();

  private constructor(file: FileHandle, path: string, seq: number, offset: number) {
    this.#file = file;
    this.#path = path;
    this.#seq = seq;
    this.#offset = offset;
  }

  /** Opens for appending after the last whole line. */
  static async open(path: string, read: Read): Promise<Journal> {
    const file = await open(path, 'a+', 0o600);
    await file.truncate(read.sizeBytes);
    return new Journal(file, path, read.events.length, read.sizeBytes);
  }

  /**
   * Stamps, appends and flushes; resolves when the event is on the disk.
   * Throws `folder-not-writable` when the disk is full, and `internal` for an event that could not be read back: a record
   * that nobody can open is worse than a run that ends. Nothing of either stays in the file.
   */
  append(event: NewEvent, now: Date, mono: number): Promise<JournalEvent> {
    const write = this.#queue.then(async () => {
      const stamped = { ...event, seq: this.#seq + 1, at: now.toISOString(), mono: Math.round(mono) };
      const text = JSON.stringify(stamped);
      const readBack = parse(text);
      if (readBack === null) throw problem('internal', { detail: `an event ${event.kind} that cannot be read back` });
      await this.#write(Buffer.from(`${text}\n`));
      this.#seq += 1;
      return readBack;
    });
    this.#queue = write.catch(() => undefined);
    return write;
  }

  async #write(line: Buffer): Promise<void> {
    try {
      await this.#file.appendFile(line);
      await this.#file.datasync();
      this.#offset += line.byteLength;
    } catch (cause) {
      // Half a line in the middle would be damage; at the end it is nothing.
      await this.#file.truncate(this.#offset).catch(() => undefined);
      const detail = errnoOf(cause) || String(cause);
      throw problem('folder-not-writable', { path: this.#path, detail }, { cause });
    }
  }

  async close(): Promise<void> {
    await this.#queue;
    await this.#file.close();
  }
}
