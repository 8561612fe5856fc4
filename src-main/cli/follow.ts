// The stream of a site as lines on the terminal while steps run: what is done, what is awaited, how far.
import type { StreamEvent } from '../../src-shared/api.ts';
import { cleanText } from '../../src-shared/clean.ts';
import { formatBytes, formatDuration } from '../../src-shared/format.ts';
import type { Sighting } from '../../src-shared/sighting.ts';
import { lineOf } from '../runbook/explain.ts';
import type { OpenSite } from '../runbook/open-site.ts';
import { plainLines, type Session } from './session.ts';
import { titleOf } from './show.ts';

/** Progress lines at most this often where no terminal can overwrite them. */
const quietMs = 5000;

/** Prints until the returned function is called. With --json every event is one line. */
export function follow(site: OpenSite, session: Session): () => void {
  const { texts } = session;
  const out = process.stderr;
  let shownAt = Number.NEGATIVE_INFINITY;
  let open = false;
  const line = (text: string) => {
    if (open) out.write('\r\x1b[K');
    open = false;
    out.write(plainLines([text]));
  };
  const passing = (text: string) => {
    if (out.isTTY) {
      out.write(
        `\r\x1b[K${cleanText(text)
          .replaceAll('\n', ' ')
          .slice(0, (out.columns || 100) - 1)}`,
      );
      open = true;
    } else if (site.clock.monotonicMs() - shownAt >= quietMs) {
      shownAt = site.clock.monotonicMs();
      out.write(plainLines([text]));
    }
  };
  return site.listen((event) => {
    if (session.json) {
      if ('journal' in event.event) process.stdout.write(`${JSON.stringify(event.event.journal)}\n`);
      return;
    }
    show(event);
  });

  /** A script in one line: the plan showed it whole before anybody said yes. */
  function firstLine(text: string): string {
    const [first = '', ...more] = text.split('\n');
    return more.length === 0 ? first : `${first} ${texts.say('cli.moreLines', { count: more.length })}`;
  }

  function show({ event }: StreamEvent): void {
    if ('journal' in event) {
      const item = event.journal;
      if (item.kind === 'run-started') line(`\n◐ ${titleOf(item.instance, texts)}`);
      if (item.kind === 'facts') for (const told of item.found) line(`    ${texts.told(told)}`);
      if (item.kind === 'command-started') {
        const view = site.view.instances[item.instance]?.commands[item.index];
        if (view !== undefined)
          line(
            `  ${String(item.index + 1).padStart(2)}  ${texts.say(`cli.command.${view.command.kind}`).padEnd(8)} ${firstLine(lineOf(view.command))}`,
          );
      }
      if (item.kind === 'command-ended' && item.outcome !== 'performed')
        line(`      ${texts.say(`cli.outcome.${item.outcome}`)}`);
      if (item.kind === 'run-ended')
        line(`  ${['done', 'undone'].includes(item.outcome) ? '✓' : '✕'} ${texts.say(`cli.outcome.${item.outcome}`)}`);
      return;
    }
    const item = event.live;
    if (item.kind === 'progress') {
      const amount = (value: number): string =>
        item.unit === 'bytes' ? formatBytes(value, texts.language) : String(value);
      const speed = item.speed === null ? '' : ` ${amount(Math.round(item.speed))}/s`;
      const left = item.leftMs === null ? '' : ` ${texts.say('cli.left', { leftMs: item.leftMs })}`;
      passing(
        `      ${amount(item.done)}${item.total === null ? '' : ` / ${amount(item.total)}`}${speed}${left} ${item.what ?? ''}`,
      );
    }
    if (item.kind === 'awaiting')
      passing(
        `      ⧗ ${texts.told(item.awaited)} (${formatDuration(item.sinceMs, texts.language)})${seenText(item.seen)}`,
      );
    if (item.kind === 'lines') passing(`      ${item.lines.at(-1) ?? ''}`);
  }
}

/** `3/8 · slappart2 zope-listens · last line`, as far as it is known. */
function seenText(seen: Sighting | null): string {
  if (seen === null) return '';
  const count = seen.done === null || seen.total === null ? [] : [`${seen.done}/${seen.total}`];
  const parts = [...count, ...seen.failing.slice(0, 2), ...(seen.line === '' ? [] : [seen.line])];
  return parts.length === 0 ? '' : ` ${parts.join(' · ')}`;
}
