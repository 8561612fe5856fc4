// The jobs and sights of the drive that carries the medium: mounting it, binding it, letting it go. Registered in compose.
// Mounting and letting go are acts of their own in a step's plan; nothing else here touches a drive.
import { realpath } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { z } from 'zod';
import { cleanLine } from '../../src-shared/clean.ts';
import { type Json, parseJson } from '../../src-shared/json.ts';
import { problem } from '../../src-shared/problem.ts';
import { listDrives, requireUsable } from '../medium/drives.ts';
import {
  bindMedium,
  driveUnder,
  locateMedium,
  readIdentity,
  refuseSystemFolder,
  unmountedDevice,
} from '../medium/identity.ts';
import { mountVolume, releaseDrive } from '../medium/mount.ts';
import { readMounts } from '../medium/mounts.ts';
import { readTextOrNull, writeAtomic } from '../platform/files.ts';
import { type OpenSite, siteFiles } from '../runbook/open-site.ts';
import { boundMedium, readBinding, writeBinding } from './bound-medium.ts';
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
      // The rules are asked again here: between the list and the yes a drive may have become another.
      const drives = await listDrives({ runningFrom, advanced: true, signal });
      for (const drive of drives)
        for (const volume of drive.volumes) if (volume.path === device) requireUsable(drive, volume);
      if (!drives.some(({ volumes }) => volumes.some(({ path }) => path === device)))
        throw problem('medium-absent', { path: device });
      await mountVolume(device, undefined, signal);
    }),

    'choose-medium': job(z.strictObject({ path: z.string() }), async ({ path }, { site }) => {
      // A link or a detour into the system's folders is the system's folder.
      const { path: real } = await readIdentity(path);
      refuseSystemFolder(real);
      await writeBinding(site, await bindMedium(real));
    }),

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

export const mediumSights: Readonly<Record<string, Sight>> = {
  /** Where what was asked for is now: a folder, or a device that must be mounted first. Null path: what is bound. */
  'medium-place': sight(z.strictObject({ path: z.string().nullable() }), async ({ path }, { site }): Promise<Json> => {
    if (path === null) {
      const identity = await readBinding(site);
      if (identity === null) return { folder: null, device: null };
      const now = await locateMedium(identity);
      const there = await readIdentity(now.path).catch(() => null);
      if (there?.mediumId === identity.mediumId) return { folder: now.path, device: null };
      return { folder: null, device: await unmountedDevice(identity) };
    }
    if (isDevice(path)) {
      // A lasting name is a link; while its stick is away it leads nowhere.
      const device = await realpath(path).catch(() => null);
      const mount = (await readMounts()).findLast(({ source }) => source === device);
      return mount === undefined ? { folder: null, device } : { folder: mount.mountPoint, device: null };
    }
    return { folder: isAbsolute(path) ? await realpath(path).catch(() => null) : null, device: null };
  }),
};
