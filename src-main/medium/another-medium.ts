// Another medium at the place of the chosen one: the same label mounts it there. Told apart here for choose-medium, which asks a
// person before it is taken, and for the job that takes it. Reads alone; nothing is ever taken by itself.
import { z } from 'zod';
import { type MediumIdentity, mediumIdentity, type PlaceFacts, readIdentity, sameMedium } from './identity.ts';

/** What a person tells two sticks apart by. */
export const mediumSigns = mediumIdentity.pick({ serial: true, sizeBytes: true, volumeUuid: true, mediumId: true });
export type MediumSigns = z.infer<typeof mediumSigns>;

const names = ['serial', 'sizeBytes', 'volumeUuid', 'mediumId'] as const;

/** An empty marker is none. */
export const signsOf = ({ serial, sizeBytes, volumeUuid, mediumId }: MediumSigns): MediumSigns => ({
  serial,
  sizeBytes,
  volumeUuid,
  mediumId: mediumId || null,
});

export const sameSigns = (one: MediumSigns, other: MediumSigns): boolean =>
  names.every((name) => signsOf(one)[name] === signsOf(other)[name]);

export const anotherMedium = z.strictObject({ was: mediumSigns, is: mediumSigns });
export type AnotherMedium = z.infer<typeof anotherMedium>;

/**
 * What lies at the place of the chosen medium instead of it: another stick, or the same one formatted or emptied since. Null when
 * it is the chosen one, when `path` is another place, and when nothing but the bare mount point is there.
 */
export async function anotherMediumAt(
  chosen: MediumIdentity,
  path: string,
  facts?: PlaceFacts,
): Promise<AnotherMedium | null> {
  if (path !== chosen.path) return null;
  const found = await readIdentity(path, facts);
  // Mount points of one path lie one above the other: a shorter one is that of the folder below the stick that is gone.
  if ((found.mountPoint?.length ?? 0) < (chosen.mountPoint?.length ?? 0)) return null;
  if (sameMedium(chosen, found) && found.mediumId === chosen.mediumId) return null;
  return { was: signsOf(chosen), is: signsOf(found) };
}

/** The question's id says by what the new one differs: an answer that was kept is none to the next stick. */
export const anotherQuestion = ({ was, is }: AnotherMedium): string =>
  ['medium', ...names.filter((name) => was[name] !== is[name]).map((name) => is[name] ?? '-')].join(':');

/** `keep-former`: not this one. */
export const anotherAnswers = ['use-this-one', 'keep-former'] as const;
