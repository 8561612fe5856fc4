// What somebody who helps from afar needs to know of a site, as one text: program, plan, states, problems with their evidence,
// the record's end. Made from the site's folder alone, whether the site is open or not; shown before it is handed on.
// Holds no secret (none is ever in that folder), and, when asked, no address or host name either.
import { arch, platform, release } from 'node:os';
import { join } from 'node:path';
import { parseAddress } from '../../src-shared/address.ts';
import { cleanText } from '../../src-shared/clean.ts';
import { fold, type JournalEvent } from '../../src-shared/journal.ts';
import { readTextOrNull, writeAtomic } from '../platform/files.ts';
import { readJournal } from './journal-store.ts';
import { siteFiles } from './open-site.ts';
import { readPlanText } from './plan-file.ts';

export interface SupportOptions {
  readonly program: string;
  readonly now: Date;
  /** Addresses and machines' host names are replaced by numbered words, the same one everywhere. */
  readonly hideAddresses: boolean;
}

/** Events at the end of the record that are told; the rest is in the states. */
const told = 400;
/** Of each long output only the end is given, in characters. */
const outputEnd = 8000;

/** The text. A damaged journal is told by its problem's code instead of the record. */
export async function supportText(folder: string, { program, now, hideAddresses }: SupportOptions): Promise<string> {
  const plan = (await readTextOrNull(join(folder, siteFiles.plan))) ?? '';
  const read = await readJournal(join(folder, siteFiles.journal)).catch((error: unknown) => String(error));
  const events = typeof read === 'string' ? [] : read.events;
  const view = fold(events);
  const all = view.order.flatMap((key) => view.instances[key] ?? []);
  const parts = [
    '# SlapOS Field Kit: support',
    [`made: ${now.toISOString()}`, `program: ${program}`, `laptop: ${platform()} ${release()} ${arch()}`].join('\n'),
    section(
      'States',
      all.map(({ key, state, doneAt }) => `${state.padEnd(12)} ${key} ${doneAt ?? ''}`.trimEnd()),
    ),
    ...all.flatMap(({ key, problem, verdict, commands }) => {
      const failed = commands.find((item) => item.state === 'failed');
      const findings = verdict?.findings ?? [];
      if (problem === null && findings.length === 0) return [];
      return [
        section(`${key}: what stands in the way`, [
          ...findings.map(({ code, params }) => `${code} ${JSON.stringify(params)}`),
          ...(problem === null ? [] : [`${problem.code} ${JSON.stringify(problem.params)}`, problem.evidence]),
          ...(failed === undefined ? [] : [`exit ${failed.exit ?? '-'} after ${failed.durationMs ?? '-'} ms`]),
        ]),
      ];
    }),
    ...(await outputs(folder, events)),
    section('Site plan', plan.split('\n')),
    section(
      `Record, the last ${told} events`,
      typeof read === 'string' ? [read] : events.slice(-told).map((event) => JSON.stringify(event)),
    ),
  ];
  const text = withoutPrivateKeys(cleanText(`${parts.join('\n\n')}\n`));
  return hideAddresses ? withoutAddresses(text, hostNames(plan)) : text;
}

/** Writes the text into a folder and returns its path. */
export async function saveSupport(text: string, folder: string, site: string, now: Date): Promise<string> {
  const stamp = now.toISOString().slice(0, 19).replace(/[-:]/g, '');
  const path = join(folder, `support-${site}-${stamp}.md`);
  await writeAtomic(path, text);
  return path;
}

const section = (title: string, lines: readonly string[]): string =>
  `## ${title}\n\n\`\`\`\n${lines.join('\n').replaceAll('```', "'''")}\n\`\`\``;

/** Ends of the outputs of commands that failed, newest last. */
async function outputs(folder: string, events: readonly JournalEvent[]): Promise<readonly string[]> {
  const failed = events.flatMap((event) =>
    event.kind === 'command-ended' && event.outcome === 'failed' && event.output !== null ? [event] : [],
  );
  return Promise.all(
    failed.slice(-5).map(async ({ instance, index, output }) => {
      const text = (await readTextOrNull(join(folder, siteFiles.blobs, output ?? ''))) ?? '';
      return section(`${instance}, command ${index + 1}: end of its output`, text.slice(-outputEnd).split('\n'));
    }),
  );
}

const withoutPrivateKeys = (text: string): string =>
  text.replace(/-----BEGIN [A-Z ]*PRIVATE KEY[\s\S]*?-----END [A-Z ]*PRIVATE KEY[A-Z ]*-----/g, '(private key)');

/** Host names of the plan's machines; addresses are found by their form. */
const hostNames = (plan: string): readonly string[] =>
  (readPlanText(plan).plan?.machines ?? []).map((item) => item.address).filter((item) => parseAddress(item) === null);

/** Replaces every IPv4 and IPv6 address, and these names, by a word of its own. Loopback stays: it tells nothing. */
export function withoutAddresses(text: string, names: readonly string[]): string {
  const words = new Map<string, string>();
  const wordFor = (found: string): string => {
    if (found === '127.0.0.1' || found === '::1' || found === '::' || found === '0.0.0.0') return found;
    const known = words.get(found) ?? `address-${words.size + 1}`;
    words.set(found, known);
    return known;
  };
  const named = names.reduce((rest, name) => rest.replaceAll(name, wordFor(name)), text);
  return named.replace(/(?<![\w.:])(?:[0-9a-fA-F]*:[0-9a-fA-F:.]+|\d{1,3}(?:\.\d{1,3}){3})(?![\w:])/g, (found) =>
    parseAddress(found) === null ? found : wordFor(found),
  );
}
