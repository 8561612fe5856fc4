// fieldkit sites take-over: this laptop goes on with the site on a medium. Shown first, taken once the fingerprint was compared.
import { resolve } from 'node:path';
import type { SiteOnMedium } from '../../../src-shared/api.ts';
import { groupedFingerprint } from '../../../src-shared/format.ts';
import { exitCodes, problem } from '../../../src-shared/problem.ts';
import { type CommonOptions, type Session, withSession } from '../session.ts';
import { readLine } from '../terminal.ts';

export interface TakeOverOptions extends CommonOptions {
  readonly name?: string;
  readonly fingerprint?: string;
  readonly keep?: string;
}

export const takeOver = (folder: string, options: TakeOverOptions): Promise<number> =>
  withSession(options, async (session, signal) => {
    const { kit, texts, print, json } = session;
    const { keep = null } = options;
    if (keep !== null && keep !== 'medium' && keep !== 'laptop')
      throw problem('usage-wrong', { detail: `--keep ${keep}` });
    const path = resolve(folder);
    const [medium] = await kit.parts.sitesOnMedium(path);
    const found = chosen(medium?.sites ?? [], options.name);
    print(found, shown(found, session));
    const interactive = process.stdin.isTTY === true && !json;
    const fingerprint =
      options.fingerprint ??
      (interactive
        ? await readLine(`${texts.say('cli.takeOver.compare')} `, false, 'fingerprint', signal)
        : notCompared());
    const taken = await kit.parts.takeOver({ path, site: found.name, fingerprint, keep });
    print(taken, [
      texts.say(keep === 'laptop' ? 'cli.takeOver.kept' : 'cli.takeOver.taken', { name: found.name }),
      ...(taken.setAside === null ? [] : [texts.say('cli.takeOver.aside', { path: taken.setAside })]),
      texts.say('cli.takeOver.next'),
    ]);
    return exitCodes.done;
  });

function chosen(sites: readonly SiteOnMedium[], name: string | undefined): SiteOnMedium {
  const names = sites.map((item) => item.name).join(', ');
  const [only, ...others] = name === undefined ? sites : sites.filter((item) => item.name === name);
  if (only !== undefined && others.length === 0) return only;
  throw problem('usage-wrong', { detail: `--name NAME (${names})` });
}

const notCompared = (): never => {
  throw problem('question-unanswered', { question: 'fingerprint' });
};

function shown(found: SiteOnMedium, { texts }: Session): string[] {
  const { name, owner, at, done, total, generation, sealedAt, fingerprint, machines, absent, relation } = found;
  return [
    texts.say('cli.takeOver.site', { name, owner, at, done, total }),
    texts.say('cli.takeOver.medium', { generation, sealedAt }),
    `  ${groupedFingerprint(fingerprint)}`,
    texts.say(`cli.takeOver.relation.${relation}`, { name }),
    texts.say('cli.takeOver.machines'),
    ...machines.map((machine) => `  ${machine.name}  ${machine.address}  ${machine.hostKey ?? '-'}`),
    texts.say('cli.takeOver.secrets'),
    texts.say('cli.takeOver.keys', { owner }),
    ...(absent.length === 0 ? [] : [texts.say('cli.takeOver.absent'), ...absent.map((path) => `  ${path}`)]),
  ];
}
