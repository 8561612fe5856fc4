// What lies on a medium: its seal, the packages of each system, the releases, earlier states, and what is not ours.
// Called by compose for the window and the command line. It reads lists and sizes, no file whole; nothing here is proved:
// that the bytes are right is said by `medium verify` and by sealing.
import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { MediumContents, MediumKind } from '../../src-shared/api.ts';
import { cleanLine } from '../../src-shared/clean.ts';
import { type Manifest, mediumPaths, mediumRoot } from '../../src-shared/manifest.ts';
import { Problem, problem } from '../../src-shared/problem.ts';
import { readRoom } from '../medium/file-system.ts';
import { keptGenerations, sealedPath } from '../medium/generations.ts';
import { readIdentity } from '../medium/identity.ts';
import type { OpenedManifest } from '../medium/manifest-check.ts';
import { openManifest } from '../medium/manifest-store.ts';
import { type Scan, scanMedium } from '../medium/scan.ts';
import { fieldOf, parseStanzas } from '../packages/control.ts';
import { exists, readTextOrNull, sha256Of } from '../platform/files.ts';
import { describeSystem } from '../software/compatibility.ts';
import { parseIndexDocument, readEntry } from '../software/entry.ts';

/** A folder that is a medium, or holds one. */
export const rootOf = async (folder: string): Promise<string> =>
  (await exists(join(folder, mediumRoot))) ? join(folder, mediumRoot) : folder;

/**
 * Stands for exactly this medium as it is sealed now: another one at the same place has another mark, and so has this one once it
 * was sealed anew. `root`: its `fieldkit` folder. Throws `medium-absent`.
 */
export async function mediumMark(root: string, { manifest, fingerprint }: OpenedManifest): Promise<string> {
  const { volumeUuid, serial, sizeBytes } = await readIdentity(root);
  const mediumId = await readTextOrNull(join(root, mediumPaths.mediumId));
  const { site, generation, sealedAt } = manifest;
  return sha256Of(JSON.stringify([mediumId, volumeUuid, serial, sizeBytes, site, generation, sealedAt, fingerprint]));
}

const kinds: readonly (readonly [MediumKind, RegExp])[] = [
  ['packages', /^debian\//],
  ['software', /^bcache\//],
  ['index', /^bdir\//],
  ['trust', /^trust\//],
  ['site', /^site\//],
  ['kept', /^generations\//],
];
const kindOf = (path: string): MediumKind => kinds.find(([, pattern]) => pattern.test(path))?.[0] ?? 'other';

/** Throws `medium-absent`. */
export async function contentsOf(folder: string): Promise<MediumContents> {
  const root = await rootOf(folder);
  if (!(await exists(root))) throw problem('medium-absent', { path: folder });
  const scan = await scanMedium(root);
  const room = await readRoom(root);
  const byKind = new Map<MediumKind, { count: number; sizeBytes: number }>();
  for (const { path, sizeBytes } of scan.files) {
    const before = byKind.get(kindOf(path)) ?? { count: 0, sizeBytes: 0 };
    byKind.set(kindOf(path), { count: before.count + 1, sizeBytes: before.sizeBytes + sizeBytes });
  }
  const present = new Map(scan.files.map((file) => [file.path, file.sizeBytes]));
  const { seal, why, manifest } = await sealOf(root, present);
  return {
    path: folder,
    sealed: seal,
    why,
    kinds: [...byKind].map(([kind, sums]) => ({ kind, ...sums })),
    systems: await systemsOn(root, scan),
    releases: await releasesOn(root, present),
    foreign: { beside: await besideOf(root), unlisted: unlistedOf(scan, manifest) },
    freeBytes: room.freeBytes,
    fileSystem: room.fileSystem ?? '',
  };
}

async function systemsOn(root: string, { files }: Scan): Promise<MediumContents['systems']> {
  const names = new Set(files.flatMap(({ path }) => /^debian\/([^/]+)\//.exec(path)?.[1] ?? []));
  const systems = [];
  for (const system of [...names].sort()) {
    const folder = `${mediumPaths.repository(system)}/`;
    const own = files.filter(({ path }) => path.startsWith(folder));
    const text = (await readTextOrNull(join(root, folder, 'Packages'))) ?? '';
    // A list that was damaged shows as no packages: that it is damaged is said by verifying.
    const packages = await Promise.resolve()
      .then(() => parseStanzas(text, `${folder}Packages`))
      .catch(() => []);
    systems.push({
      system,
      sizeBytes: own.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      packages: packages.map((stanza) => ({
        name: cleanLine(fieldOf(stanza, 'Package') ?? '', 200),
        version: cleanLine(fieldOf(stanza, 'Version') ?? '', 200),
        sizeBytes: Number(fieldOf(stanza, 'Size') ?? 0) || 0,
      })),
    });
  }
  return systems;
}

async function releasesOn(root: string, present: ReadonlyMap<string, number>): Promise<MediumContents['releases']> {
  const releases: MediumContents['releases'] = [];
  for (const path of [...present.keys()].filter((one) => /^bdir\/[0-9a-f]{32}$/.test(one)).sort()) {
    const text = (await readTextOrNull(join(root, path))) ?? '';
    try {
      for (const { entry } of parseIndexDocument(text, path)) {
        const { sha512, softwareUrl, system } = readEntry(entry, path);
        const sizeBytes = present.get(mediumPaths.blob(sha512)) ?? null;
        const url = cleanLine(softwareUrl ?? path, 500);
        releases.push({ url, system: cleanLine(describeSystem(system), 200), sizeBytes });
      }
    } catch {
      releases.push({ url: path, system: '', sizeBytes: null });
    }
  }
  return releases;
}

/** What systems put on every stick by themselves. */
const usual = new Set(['lost+found', 'system volume information', '$recycle.bin', '.trash-1000', '.trashes']);

/** What lies beside our folder; nothing for a folder that was given as the medium itself. */
async function besideOf(root: string): Promise<MediumContents['foreign']['beside']> {
  if (!root.endsWith(`/${mediumRoot}`)) return [];
  const entries = await readdir(dirname(root), { withFileTypes: true }).catch(() => []);
  return entries
    .filter(({ name }) => name !== mediumRoot && !usual.has(name.toLowerCase()))
    .map((entry) => ({ name: cleanLine(entry.name, 200), folder: entry.isDirectory() }))
    .sort((first, second) => (first.name < second.name ? -1 : 1));
}

/** In our folder, and not in the manifest: never used. The copies of the site's records are written after the seal. */
function unlistedOf({ files, strange, leftovers }: Scan, manifest: Manifest | null): string[] {
  const listed = manifest === null ? null : new Set(manifest.files.map(({ path }) => path));
  const others = listed === null ? [] : files.filter(({ path }) => !listed.has(path) && kindOf(path) !== 'site');
  return [...others.map(({ path }) => path), ...strange, ...leftovers].map((path) => cleanLine(path, 300)).sort();
}

interface Seal {
  readonly seal: MediumContents['sealed'];
  readonly why: MediumContents['why'];
  readonly manifest: Manifest | null;
}

async function sealOf(root: string, present: ReadonlyMap<string, number>): Promise<Seal> {
  const opened = await openManifest(root, null).catch((thrown: unknown) => {
    if (thrown instanceof Problem) return thrown;
    throw thrown;
  });
  if (opened instanceof Problem)
    return { seal: null, why: { code: opened.code, params: { ...opened.data.params } }, manifest: null };
  const { manifest, fingerprint } = opened;
  const { site, generation, sealedAt, program, files } = manifest;
  const lacking: string[] = [];
  for (const { path, sizeBytes } of files)
    if (present.get(path) !== sizeBytes && (await sealedPath(root, manifest, path)) === join(root, path))
      lacking.push(path);
  const kept = (await keptGenerations(root, fingerprint)).map((other) => other.generation);
  const seal = {
    site,
    generation,
    sealedAt,
    program,
    fingerprint,
    files: files.length,
    sizeBytes: sizeOf(manifest),
    kept: kept.filter((number) => number !== generation),
    updating: kept.includes(generation),
    lacking: lacking.length,
    mark: await mediumMark(root, opened),
  };
  return { seal, why: null, manifest };
}

export const sizeOf = ({ files }: Manifest): number => files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
