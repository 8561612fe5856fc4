// fieldkit medium list, medium verify: looking at drives and at what a medium holds; nothing is written.

import { resolve } from 'node:path';
import type { MediumChoice } from '../../../src-shared/api.ts';
import { formatBytes } from '../../../src-shared/format.ts';
import { exitCodes, type Problem, problemFrom, problems } from '../../../src-shared/problem.ts';
import type { Finding } from '../../../src-shared/step.ts';
import { type CommonOptions, fail, withSession } from '../session.ts';
import type { Texts } from '../texts.ts';

/** With `--watch` the list is printed anew whenever it is another one, until Ctrl-C: then that is no failure. */
export const listMedia = (options: CommonOptions & { readonly watch?: boolean }): Promise<number> =>
  withSession(options, async ({ kit, texts, print }, signal) => {
    let mark = options.watch === true ? await kit.nextMedia('', signal) : '';
    let printed = '';
    for (;;) {
      const media = await kit.media();
      const now = JSON.stringify(media);
      if (now !== printed) print(media, linesOf(media, texts));
      if (options.watch !== true) return exitCodes.done;
      if (printed === '') process.stderr.write(`${texts.say('cli.medium.watching')}\n`);
      printed = now;
      try {
        mark = await kit.nextMedia(mark, signal);
      } catch (error) {
        if (signal.aborted) return exitCodes.done;
        throw error;
      }
    }
  });

function linesOf(media: readonly MediumChoice[], texts: Texts): string[] {
  if (media.length === 0) return [texts.say('cli.medium.nothing')];
  return media.flatMap(({ label, path, serial, sizeBytes, freeBytes, fileSystem, mounted, limits, why }) => {
    const facts = [
      sizeBytes === null ? '' : formatBytes(sizeBytes, texts.language),
      fileSystem ?? '',
      freeBytes === null ? '' : texts.say('cli.medium.free', { freeBytes }),
      serial === null ? '' : texts.say('cli.medium.serial', { serial }),
    ].filter((fact) => fact !== '');
    const notes =
      why === null
        ? [...(mounted ? [] : ['mountsFirst']), ...limits.map((limit) => `limits.${limit}`)].map((key) =>
            texts.say(`cli.medium.${key}`),
          )
        : (['title', 'next'] as const).map((part) => texts.say(`problems.${why.code}.${part}`, why.params));
    return [
      `${why === null ? '✓' : '⯃'} ${label}  ${path}  ${facts.join(', ')}`,
      ...notes.map((note) => `    ${note}`),
    ];
  });
}

export const verifyMedium = (
  folder: string,
  options: CommonOptions & { readonly fingerprint?: string },
): Promise<number> =>
  withSession(options, async (session, signal) => {
    const { kit, texts, print } = session;
    const report = await kit.verifyMedium(resolve(folder), options.fingerprint ?? null, signal);
    print(report, [
      texts.say('cli.medium.verified', {
        files: report.files,
        sizeBytes: report.sizeBytes,
        generation: report.generation,
        fingerprint: report.fingerprint,
      }),
      ...(report.fingerprintTrusted ? [] : [texts.say('cli.medium.untrusted')]),
      ...report.findings.map(({ code, params }) => `  ⯃ ${texts.say(`problems.${code}.title`, params)}`),
    ]);
    const worst = report.findings.find(({ code }) => problems[code].severity !== 'warning');
    return worst === undefined ? exitCodes.done : fail(problemOf(worst), session);
  });

const problemOf = ({ code, params }: Finding): Problem => {
  const { severity, retryable } = problems[code];
  return problemFrom({ code, params, severity, retryable, evidence: '' });
};
