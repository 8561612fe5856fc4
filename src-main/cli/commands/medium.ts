// fieldkit medium list, medium verify: looking at drives and at what a medium holds; nothing is written.

import { formatBytes } from '../../../src-shared/format.ts';
import { exitCodes, problem } from '../../../src-shared/problem.ts';
import { type CommonOptions, fail, makeSession } from '../session.ts';

export async function listMedia(options: CommonOptions): Promise<number> {
  const session = await makeSession(options);
  try {
    const media = await session.kit.media();
    const lines = media.flatMap(({ label, path, sizeBytes, freeBytes, fileSystem, why }) => [
      `${why === null ? '✓' : '⯃'} ${label}  ${path}  ${sizeBytes === null ? '' : formatBytes(sizeBytes, session.texts.language)}  ${fileSystem ?? ''}  ${freeBytes === null ? '' : session.texts.say('cli.medium.free', { freeBytes })}`,
      ...(why === null ? [] : [`    ${session.texts.say(`problems.${why.code}.title`, why.params)}`]),
    ]);
    session.print(media, lines);
    return exitCodes.done;
  } catch (error) {
    return fail(error, session);
  }
}

export async function verifyMedium(
  folder: string,
  options: CommonOptions & { readonly fingerprint?: string },
): Promise<number> {
  const session = await makeSession(options);
  const controller = new AbortController();
  process.once('SIGINT', () => controller.abort());
  try {
    const report = await session.kit.verifyMedium(folder, options.fingerprint ?? null, controller.signal);
    session.print(report, [
      session.texts.say('cli.medium.verified', {
        files: report.files,
        sizeBytes: report.sizeBytes,
        generation: report.generation,
        fingerprint: report.fingerprint,
      }),
      ...(report.fingerprintTrusted ? [] : [session.texts.say('cli.medium.untrusted')]),
      ...report.findings.map(({ code, params }) => `  ⯃ ${session.texts.say(`problems.${code}.title`, params)}`),
    ]);
    const first = report.findings.find(({ code }) => code !== 'medium-file-unlisted');
    if (first !== undefined) throw problem(first.code as 'medium-file-missing', first.params as { file: string });
    return exitCodes.done;
  } catch (error) {
    return fail(error, session);
  }
}
