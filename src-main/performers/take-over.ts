// Another laptop goes on from the medium alone: what a medium says of its sites, and making one of them this laptop's.
// Called by compose for the window and the command line. The manifest proves the medium's content; the site's own files are
// not signed, so what a person must compare is shown before. It must never write over a site of this laptop: what gives way
// is set aside whole.
import { randomBytes } from 'node:crypto';
import { readdir, readFile, realpath, rename } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import type { SiteOnMedium } from '../../src-shared/api.ts';
import { fold } from '../../src-shared/journal.ts';
import { mediumPaths, mediumRoot } from '../../src-shared/manifest.ts';
import { problem } from '../../src-shared/problem.ts';
import { type SitePlan, siteName } from '../../src-shared/site.ts';
import { bindMedium } from '../medium/identity.ts';
import type { OpenedManifest } from '../medium/manifest-check.ts';
import { openManifest } from '../medium/manifest-store.ts';
import type { Clock } from '../platform/clock.ts';
import { ensureFolder, exists, readTextOrNull, sha256Of, writeAtomic } from '../platform/files.ts';
import { userName } from '../platform/who.ts';
import { lastHand, relationOf } from '../runbook/history.ts';
import { readJournal } from '../runbook/journal-store.ts';
import { OpenSite, siteFiles } from '../runbook/open-site.ts';
import { planFromText } from '../runbook/plan-file.ts';
import { isPractice, sitesFolder } from '../runbook/sites.ts';
import { takeWriterLock } from '../runbook/writer-lock.ts';
import { writeBinding } from './bound-medium.ts';
import { copiedFiles, copySite, isBackupName, isBlobName } from './site-copies.ts';

export interface TakeOverParts {
  readonly dataFolder: string;
  readonly program: string;
  readonly clock: Clock;
}

export interface TakeOver {
  readonly folder: string;
  readonly site: string;
  /** The manifest key's fingerprint as a person compared it, in any grouping. */
  readonly fingerprint: string;
  /** Whose history stands when this laptop has the site already. */
  readonly keep: 'medium' | 'laptop' | null;
}

/** The medium's tree: of a folder that holds it, or is it. */
async function rootOf(folder: string): Promise<string> {
  const below = join(folder, mediumRoot);
  return realpath((await exists(below)) ? below : folder).catch((cause: unknown) => {
    throw problem('medium-absent', { path: folder }, { cause });
  });
}

/**
 * The sites that a medium carries, and what each is to this laptop. Throws `medium-absent`, `medium-unsealed`,
 * `medium-manifest-invalid`, `site-not-on-medium`, and what reading a damaged plan or journal throws.
 */
export async function sitesOnMedium(folder: string, { dataFolder }: TakeOverParts): Promise<SiteOnMedium[]> {
  const root = await rootOf(folder);
  const opened = await openManifest(root, null);
  const found: SiteOnMedium[] = [];
  for (const entry of await readdir(join(root, mediumPaths.site('')), { withFileTypes: true }).catch(() => []))
    if (entry.isDirectory() && siteName.safeParse(entry.name).success)
      found.push(await siteOnMedium(root, entry.name, opened, dataFolder));
  if (found.length === 0) throw problem('site-not-on-medium', { path: folder });
  return found;
}

async function siteOnMedium(
  root: string,
  name: string,
  { manifest, fingerprint }: OpenedManifest,
  dataFolder: string,
): Promise<SiteOnMedium> {
  const there = join(root, mediumPaths.site(name));
  if ((await realpath(there)) !== there) throw problem('site-not-on-medium', { path: there });
  const plan = await planOn(there, name);
  const { events } = await readJournal(join(there, siteFiles.journal));
  const view = fold(events);
  const text = (await readTextOrNull(join(there, siteFiles.journal))) ?? '';
  const here = join(sitesFolder(dataFolder), name);
  const known = await exists(join(here, siteFiles.plan));
  const mine = known ? ((await readTextOrNull(join(here, siteFiles.journal))) ?? '') : '';
  // What this laptop knows of the medium's key, from a plan of its own; else what the medium's plan says of itself.
  const ownPin = known ? await pinOf(here) : null;
  const pin = ownPin ?? plan.trust.manifest ?? null;
  if (pin !== null && pin !== fingerprint)
    throw problem('fingerprint-differs', { what: mediumPaths.manifestKey, expected: pin, found: fingerprint });
  return {
    name,
    ...lastHand(text),
    done: view.order.filter((key) => view.instances[key]?.state === 'done').length,
    total: view.order.length,
    relation: known ? relationOf(text, mine) : 'new',
    fingerprint,
    known: ownPin !== null,
    generation: manifest.generation,
    sealedAt: manifest.sealedAt,
    machines: plan.machines.map(({ name: machine, address, hostKey }) => ({
      name: machine,
      address,
      hostKey: hostKey ?? null,
    })),
    absent: await absentFiles(plan, here),
  };
}

/** The pin in the plan of a site of this laptop; a plan that cannot be read pins nothing. */
async function pinOf(folder: string): Promise<string | null> {
  try {
    return (await planOn(folder, basename(folder))).trust.manifest ?? null;
  } catch {
    return null;
  }
}

async function planOn(folder: string, name: string): Promise<SitePlan> {
  const path = join(folder, siteFiles.plan);
  const text = await readTextOrNull(path);
  if (text === null) throw problem('site-not-on-medium', { path: folder });
  const plan = planFromText(text, path);
  if (plan.name !== name)
    throw problem('site-plan-invalid', { path, place: 'name', fault: 'name-stays', value: name, other: '' });
  return plan;
}

/** Files of the former laptop that the plan names and this one lacks. A survey may lie beside the plan; the medium carries none. */
async function absentFiles(plan: SitePlan, here: string): Promise<string[]> {
  const named = [
    ...plan.machines.flatMap(({ keyFile }) => keyFile ?? []),
    ...plan.machines.flatMap(({ baseline = 'release' }) => (baseline === 'release' ? [] : resolve(here, baseline))),
    ...plan.releases.flatMap(({ archives }) => Object.values(archives)),
  ].filter((path) => isAbsolute(path));
  const absent: string[] = [];
  for (const path of new Set(named)) if (!(await exists(path))) absent.push(path);
  return absent.sort();
}

/**
 * Makes a site of the medium this laptop's. Returns its name and where this laptop's own went, null where there was none.
 * Throws `fingerprint-differs`, `site-histories-differ` (the laptop has the site, and nobody chose), `site-in-use`, and what
 * reading the medium throws; nothing is changed then.
 */
export async function takeOverSite(
  { folder, site: name, fingerprint, keep }: TakeOver,
  parts: TakeOverParts,
): Promise<{ readonly site: string; readonly setAside: string | null }> {
  const root = await rootOf(folder);
  const found = (await sitesOnMedium(folder, parts)).find((item) => item.name === name);
  if (found === undefined) throw problem('site-not-on-medium', { path: folder });
  const compared = fingerprint.replace(/[\s:]/g, '').toLowerCase();
  if (compared !== found.fingerprint)
    throw problem('fingerprint-differs', {
      what: mediumPaths.manifestKey,
      expected: compared,
      found: found.fingerprint,
    });
  const there = join(root, mediumPaths.site(name));
  const here = join(sitesFolder(parts.dataFolder), name);
  if (found.relation !== 'new' && keep === null)
    throw problem('site-histories-differ', { site: name, path: here, relation: found.relation });
  const stamp = parts.clock.now().toISOString().replace(/[:.]/g, '-');
  if (found.relation !== 'new' && keep === 'laptop') return keepLaptops(there, here, root, stamp, parts);
  const staged = await stage(there, dirname(root), found, parts);
  if (found.relation === 'new') {
    await ensureFolder(sitesFolder(parts.dataFolder), 0o700);
    // A site made meanwhile stays: a rename onto a folder that holds something is refused by the system.
    await rename(staged, here);
    return { site: name, setAside: null };
  }
  const aside = join(parts.dataFolder, 'set-aside', `${name}-${stamp}`);
  await ensureFolder(join(parts.dataFolder, 'set-aside'), 0o700);
  const release = await takeWriterLock(here, name, parts.clock.now());
  try {
    await rename(here, aside);
    await rename(staged, here);
  } finally {
    await release();
  }
  return { site: name, setAside: aside };
}

/** The site as it will stand, whole, beside the others until it is: outputs only where they are what their name says. */
async function stage(
  there: string,
  folder: string,
  { name, owner, fingerprint, generation }: SiteOnMedium,
  { dataFolder, program, clock }: TakeOverParts,
): Promise<string> {
  const staged = join(dataFolder, 'staged', `${name}-${randomBytes(6).toString('hex')}`);
  await ensureFolder(join(staged, siteFiles.blobs), 0o700);
  for (const blob of await readdir(join(there, siteFiles.blobs)).catch(() => [])) {
    if (!isBlobName(blob)) continue;
    const bytes = await readFile(join(there, siteFiles.blobs, blob));
    if (sha256Of(bytes) === blob) await writeAtomic(join(staged, siteFiles.blobs, blob), bytes);
  }
  const backups = (await readdir(join(there, siteFiles.backups)).catch(() => [])).filter(isBackupName);
  if (backups.length > 0) await ensureFolder(join(staged, siteFiles.backups), 0o700);
  for (const name of backups)
    await writeAtomic(join(staged, siteFiles.backups, name), await readFile(join(there, siteFiles.backups, name)));
  for (const file of copiedFiles) {
    const text = await readTextOrNull(join(there, file));
    if (text !== null) await writeAtomic(join(staged, file), text);
  }
  const practice = await isPractice(staged);
  const site = await OpenSite.open(staged, { program, practice, clock });
  try {
    const identity = await bindMedium(folder);
    await writeBinding(site, identity);
    // The generation that the person was shown is the one to go on from: another laptop may have put an earlier one back on purpose.
    const { mediumId } = identity;
    if (mediumId !== null)
      await site.updateLock((lock) => ({ ...lock, sealed: { ...lock.sealed, [mediumId]: generation } }));
    await site.append({ kind: 'taken-over', by: userName(), from: owner, fingerprint, generation });
  } finally {
    await site.close();
  }
  return staged;
}

/** This laptop's history stands: what the medium holds is set aside there, and ours takes its place. */
async function keepLaptops(there: string, here: string, root: string, stamp: string, { clock }: TakeOverParts) {
  const name = basename(here);
  const release = await takeWriterLock(here, name, clock.now());
  try {
    const aside = join(root, mediumPaths.site(`${name}.${stamp}`));
    await rename(there, aside);
    await copySite(here, there);
    return { site: name, setAside: aside };
  } finally {
    await release();
  }
}
