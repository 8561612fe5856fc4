// The jobs and sights of the drive that carries the medium: mounting it, binding it, letting it go. Registered in compose.
// Mounting and letting go are acts of their own in a step's plan; nothing else here touches a drive.
import { realpath } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { z } from 'zod';
import { cleanLine } from '../../src-shared/clean.ts';
import { type Json, parseJson } from '../../src-shared/json.ts';
import { problem } from '../../src-shared/problem.ts';
import {
  anotherAnswers,
  anotherMedium,
  anotherMediumAt,
  anotherQuestion,
  mediumSigns,
  sameSigns,
  signsOf,
} from '../medium/another-medium.ts';
import { listDrives, requireUsable } from '../medium/drives.ts';
import {
  bindMedium,
  checkIdentity,
  driveUnder,
  locateMedium,
  readIdentity,
  refuseSystemFolder,
  shown,
  unmountedDevice,
} from '../medium/identity.ts';
import { mountVolume, releaseDrive } from '../medium/mount.ts';
import { type Mount, mountOf, readMounts } from '../medium/mounts.ts';
import { needsRepair, repairVolume } from '../medium/repair.ts';
import type { Drive, Reason, Volume } from '../medium/safety.ts';
import { measureSpeed } from '../medium/speed.ts';
import { readTextOrNull, writeAtomic } from '../platform/files.ts';
import { type OpenSite, siteFiles } from '../runbook/open-site.ts';
import { boundMedium, readBinding, readSpeed, writeBinding, writeSpeed } from './bound-medium.ts';
import { type Job, job, type Sight, sight } from './jobs.ts';
import { siteCopies } from './site-copies.ts';

const isDevice = (path: string): boolean => path.startsWith('/dev/');

export interface MediumJobParts {
  /** Absolute paths whose drive must not be offered: the program's data and its cache. */
  readonly runningFrom: readonly string[];
}

export function mediumJobs({ runningFrom }: MediumJobParts): Readonly<Record<string, Job>> {
  return {
    'mount-medium': job(z.strictObject({ device: z.string() }), async ({ device }, { signal }) => {
      await mountUsable(device, runningFrom, signal);
    }),

    'repair-medium': job(z.strictObject({ device: z.string() }), async ({ device }, { signal }) => {
      requireVolume(await listDrives({ runningFrom, advanced: true, signal }), device, 'needs-repair');
      await repairVolume(device, undefined, signal);
    }),

    'choose-medium': job(
      z.strictObject({ path: z.string(), is: mediumSigns }),
      async ({ path, is }, { site, signal }) => {
        // A link or a detour into the system's folders is the system's folder.
        const found = await readIdentity(path);
        refuseSystemFolder(found.path);
        // The yes was given to the one that was shown; another may have been plugged in since.
        if (!sameSigns(found, is))
          throw problem('medium-swapped', { path: found.path, expected: shown(is), found: shown(found) });
        await choose(site, found.path, signal);
      },
    ),

    /**
     * A person has compared the two, and the question of the instance that `asked` holds the answer. Throws `medium-swapped` when it
     * is the former one that counts, or yet another one is there by now, `not-confirmed`, `plan-changed`.
     */
    'take-other-medium': job(
      anotherMedium.extend({ path: z.string(), asked: z.string() }),
      async ({ path, was, is, asked }, { site, signal }) => {
        const given = site.view.instances[asked]?.answers[anotherQuestion({ was, is })];
        const answer = anotherAnswers.find((one) => one === given);
        if (answer === undefined) throw problem('not-confirmed', { step: asked });
        const bound = await readBinding(site);
        const found = bound === null ? null : await anotherMediumAt(bound, path);
        if (found === null || !sameSigns(found.was, was)) throw problem('plan-changed', { step: 'choose-medium' });
        if (answer === 'keep-former' || !sameSigns(found.is, is))
          throw problem('medium-swapped', { path, expected: shown(was), found: shown(found.is) });
        await choose(site, path, signal);
      },
    ),

    'release-medium': job(z.strictObject({ state: z.record(z.string(), z.json()) }), async ({ state }, context) => {
      const { site, signal } = context;
      const medium = await boundMedium(site);
      const under = await driveUnder(medium.identity.path);
      if (under === null) throw problem('medium-absent', { path: medium.identity.path });
      await siteCopies(site)
        .copy()
        .catch(() => undefined);
      const { poweredOff } = await releaseDrive(
        { device: under.drive.path, mounted: under.mounted },
        undefined,
        signal,
      );
      await writeAtomic(
        join(site.folder, siteFiles.released),
        `${JSON.stringify({ mediumId: medium.identity.mediumId, poweredOff, state })}\n`,
      );
    }),
  };
}

/** Binds the medium at a real path to the site, and measures it. */
async function choose(site: OpenSite, path: string, signal: AbortSignal): Promise<void> {
  const identity = await bindMedium(path);
  // Only of a drive there is a question; a folder of the laptop is as fast as the laptop.
  if ((await removableDrive(path)) !== null) {
    const { root, device } = await checkIdentity(identity);
    await writeSpeed(site, identity, await measureSpeed(root, device, site.clock, signal));
  }
  await writeBinding(site, identity);
}

/**
 * Mounts a volume by its device, and says where. The rules are asked again here: between the list and the yes a drive may have become
 * another. Throws as `requireVolume` and mounting.
 */
export async function mountUsable(
  device: string,
  runningFrom: readonly string[],
  signal?: AbortSignal,
): Promise<string> {
  const within = signal === undefined ? {} : { signal };
  requireVolume(await listDrives({ runningFrom, advanced: true, ...within }), device);
  return (await mountVolume(device, undefined, signal)).mountPoint;
}

/** A volume by its device, when it may be used, or is kept from it by `except` alone. Throws `medium-drive-unusable`, `medium-absent`. */
export function requireVolume(drives: readonly Drive[], device: string, except: Reason | null = null): Volume {
  for (const drive of drives) {
    const volume = drive.volumes.find(({ path }) => path === device);
    if (volume === undefined) continue;
    if (volume.reason !== except) requireUsable(drive, volume);
    return volume;
  }
  throw problem('medium-absent', { path: device });
}

const releasedFile = z.strictObject({
  mediumId: z.string().nullable(),
  poweredOff: z.boolean(),
  state: z.record(z.string(), z.json()),
});

/**
 * What the seal's facts were when the medium was let go, as long as it is away; null when it is there, or was lost otherwise.
 * `released`: `off` when the drive was switched off, `unmounted` when it could not be.
 */
export async function releasedState(site: OpenSite): Promise<Readonly<Record<string, Json>> | null> {
  const text = await readTextOrNull(join(site.folder, siteFiles.released));
  const parsed = releasedFile.safeParse(parseJson(text ?? ''));
  const identity = await readBinding(site);
  if (!parsed.success || identity === null || parsed.data.mediumId !== identity.mediumId) return null;
  const there = await readIdentity((await locateMedium(identity)).path).catch(() => null);
  if (there?.mediumId === identity.mediumId) return null;
  return { ...parsed.data.state, drive: null, released: parsed.data.poweredOff ? 'off' : 'unmounted' };
}

/** The name of the removable drive that carries a folder, to be let go; null for a folder of the laptop itself. */
export async function removableDrive(path: string): Promise<string | null> {
  const under = await driveUnder(path).catch(() => null);
  if (under === null || under.drive.transport !== 'usb') return null;
  const name = [under.drive.vendor, under.drive.model].filter((part) => part !== null).join(' ');
  return cleanLine(name === '' ? under.drive.path : name, 80);
}

const nowhere = { folder: null, device: null, damaged: false, signs: null };

/** A folder as it is, and what lies there, unless the kernel has met an error on its volume. */
async function placed(folder: string, mounts: readonly Mount[]): Promise<Json> {
  const mount = mountOf(folder, mounts);
  const damaged = mount?.afterError === true && isDevice(mount.source);
  if (damaged) return { ...nowhere, device: mount.source, damaged };
  return { ...nowhere, folder, signs: signsOf(await readIdentity(folder)) };
}

export const mediumSights: Readonly<Record<string, Sight>> = {
  /** How fast the chosen medium was when it was chosen; null for a folder of the laptop. */
  'medium-speed': sight(z.strictObject({}), async (_args, { site }): Promise<Json> => readSpeed(site)),

  /** What lies at this place instead of the chosen medium; null when nothing does. */
  'medium-other': sight(z.strictObject({ path: z.string() }), async ({ path }, { site }): Promise<Json> => {
    const bound = await readBinding(site);
    return bound === null ? null : anotherMediumAt(bound, path);
  }),

  /**
   * Where what was asked for is now: a folder with what lies there, or a device that must be mounted first. Null path: what is bound.
   * `damaged`: its file system must be repaired before anything is written; then it is told as a device, mounted or not.
   */
  'medium-place': sight(
    z.strictObject({ path: z.string().nullable() }),
    async ({ path }, { site, signal }): Promise<Json> => {
      const mounts = await readMounts();
      const unmounted = async (device: string | null): Promise<Json> => ({
        ...nowhere,
        device,
        damaged: device !== null && (await needsRepair(device, undefined, undefined, signal)),
      });
      if (path === null) {
        const identity = await readBinding(site);
        if (identity === null) return nowhere;
        const now = await locateMedium(identity);
        const there = await readIdentity(now.path).catch(() => null);
        return there?.mediumId === identity.mediumId
          ? placed(now.path, mounts)
          : unmounted(await unmountedDevice(identity));
      }
      if (isDevice(path)) {
        // A lasting name is a link; while its stick is away it leads nowhere.
        const device = await realpath(path).catch(() => null);
        const mount = mounts.findLast(({ source }) => source === device);
        return mount === undefined ? unmounted(device) : placed(mount.mountPoint, mounts);
      }
      const folder = isAbsolute(path) ? await realpath(path).catch(() => null) : null;
      return folder === null ? nowhere : placed(folder, mounts);
    },
  ),
};
