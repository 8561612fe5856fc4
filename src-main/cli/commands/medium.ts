// fieldkit medium list, medium verify: looking at drives and at what a medium holds; nothing is written.

import { resolve } from 'node:path';
import { formatBytes } from '../../../src-shared/format.ts';
import { exitCodes, type Problem, problemFrom, problems } from '../../../src-shared/problem.ts';
import type { Finding } from '../../../src-shared/step.ts';
import { type CommonOptions, fail, withSession } from '../session.ts';

export const listMedia = (options: CommonOptions): Promise<number> =>
  withSession(options, async ({ kit, texts, print }) => {
    const media = await kit.media();
    const lines = media.flatMap(({ label, path, sizeBytes, freeBytes, fileSystem, why }) => [
      `${why === null ? '✓' : '⯃'} ${label}  ${path}  ${sizeBytes === null ? '' : formatBytes(sizeBytes, texts.language)}  ${fileSystem ?? ''}  ${freeBytes === null ? '' : texts.say('cli.medium.free', { freeBytes })}`,
      ...(why === null ? [] : [`    ${texts.say(`problems.${why.code}.title`, why.params)}`]),
    ]);
    print(media, lines);
    return exitCodes.done;
  });

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
