// A compiled software release from an archive file, for each target system: checked, copied to the medium by its hash,
// and entered in the index with our own signature. The archive on the laptop is only read.
import { z } from 'zod';
import { mediumPaths } from '../../../src-shared/manifest.ts';
import { systemsFrom } from '../../../src-shared/site.ts';
import type { Finding } from '../../runbook/define.ts';
import {
  blocked,
  defineStep,
  done,
  finding,
  perRelease,
  releaseOfSubject,
  says,
  todo,
  work,
} from '../../runbook/define.ts';

const archiveFacts = z.strictObject({
  system: z.string(),
  /** As named in the plan, null when it names none. */
  path: z.string().nullable(),
  fileBytes: z.number().nullable(),
  sha512: z.string().nullable(),
  onMedium: z.boolean(),
});

export const importSoftware = defineStep({
  id: 'import-software',
  chapter: 'prepare',
  phase: 'prepare',
  per: perRelease('file'),
  after: [{ step: 'make-keys', on: 'all' }],
  risk: 'changes',
  holds: [],
  input: z.strictObject({}),
  facts: z.strictObject({ archives: z.array(archiveFacts) }),
  read: async (world, context) => {
    const release = releaseOfSubject(context);
    const entries =
      context.lock.releases[release.name]?.url === release.url
        ? (context.lock.releases[release.name]?.entries ?? [])
        : [];
    const ours = context.lock.keys?.cacheCertificate;
    const files = (await world.medium())?.files ?? {};
    const archives = [];
    for (const system of systemsFrom(context.site, release, 'file')) {
      const path = release.archives[system] ?? null;
      // One that upstream signed, or a former key of ours, is not what this step makes.
      const entry = entries.find((item) => item.system === system && item.certificate === ours);
      archives.push({
        system,
        path,
        fileBytes: path === null ? null : await world.sight<number | null>('file-size', { path }),
        sha512: entry?.sha512 ?? null,
        onMedium: entry !== undefined && files[mediumPaths.blob(entry.sha512)] === entry.sizeBytes,
      });
    }
    return { archives };
  },
  found: ({ archives }) =>
    archives.map(({ system, path, fileBytes, onMedium }) => {
      if (onMedium) return says('import-software', 'found.onMedium', { system });
      if (path === null) return says('import-software', 'found.unnamed', { system });
      return fileBytes === null
        ? says('import-software', 'found.absent', { system, path })
        : says('import-software', 'found.file', { system, path, sizeBytes: fileBytes });
    }),
  verdict: ({ archives }, context) => {
    const release = releaseOfSubject(context).name;
    const [first, ...rest] = archives
      .filter((item) => !item.onMedium && item.fileBytes === null)
      .map(
        ({ path, system }): Finding =>
          finding('release-archive-missing', { release, path: path ?? `releases: archives: ${system}` }),
      );
    if (first !== undefined) return blocked(first, ...rest);
    return archives.every((item) => item.onMedium) ? done() : todo();
  },
  plan: ({ archives }, context) => {
    const { name, url } = releaseOfSubject(context);
    return archives
      .filter((item) => !item.onMedium)
      .map(({ system, path, fileBytes }) =>
        work(
          'import-software',
          { release: name, url, system, path },
          says('import-software', 'does.import', { system, path: path ?? '', sizeBytes: fileBytes ?? 0 }),
        ),
      );
  },
});
