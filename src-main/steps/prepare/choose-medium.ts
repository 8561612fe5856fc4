// The folder or drive that carries everything to the site. Never chosen by itself, never erased; a drive that is not mounted
// is mounted first, one that was pulled in the middle of a write is repaired before that. Its identity (device, volume, our marker) is bound here and checked again before every write.
import { z } from 'zod';
import { Problem } from '../../../src-shared/problem.ts';
import { instanceKey } from '../../../src-shared/step.ts';
import {
  type AnotherMedium,
  anotherAnswers,
  anotherMedium,
  anotherQuestion,
  type MediumSigns,
  mediumSigns,
} from '../../medium/another-medium.ts';
import { type MediumSpeed, mediumSpeed } from '../../medium/speed.ts';
import type { Command, Finding, Subject, Told } from '../../runbook/define.ts';
import { blocked, defineStep, done, finding, perSite, says, todo, work } from '../../runbook/define.ts';

export const chooseMedium = defineStep({
  id: 'choose-medium',
  chapter: 'prepare',
  phase: 'prepare',
  per: perSite,
  after: [{ step: 'describe-site', on: 'same' }],
  risk: 'changes',
  holds: [],
  input: z.strictObject({ path: z.string().nullable().default(null).meta({ widget: 'medium' }) }),
  facts: z.strictObject({
    chosen: z
      .strictObject({ root: z.string(), label: z.string(), freeBytes: z.number(), fileSystem: z.string() })
      .nullable(),
    /** The folder asked for, links resolved; null when none is asked for or it is not there. */
    wanted: z.string().nullable(),
    /** What lies in that folder; the yes is given to it. */
    signs: mediumSigns.nullable(),
    /** A volume that is plugged in and mounted nowhere: the one asked for, or the chosen one come back. */
    device: z.string().nullable(),
    /** The file system of that device must be repaired first. */
    damaged: z.boolean(),
    /** What is in the chosen one's place instead of it: a person says whether it is used from now on. */
    other: anotherMedium.nullable(),
    /** Bytes a second, measured when a drive was chosen; null for a folder of the laptop. */
    speed: mediumSpeed.nullable(),
  }),
  read: async (world, { input }) => {
    const { folder, device, damaged, signs } = await world.sight<{
      folder: string | null;
      device: string | null;
      damaged: boolean;
      signs: MediumSigns | null;
    }>('medium-place', { path: input.path });
    const wanted = input.path === null ? null : folder;
    const other = wanted === null ? null : await world.sight<AnotherMedium | null>('medium-other', { path: wanted });
    const medium = await world.medium().catch((error: unknown) => {
      // A lost medium must not keep one from choosing another place; at its own place another stick is never taken for it.
      const elsewhere = wanted !== null && error instanceof Problem && error.data.params.path !== wanted;
      if (device !== null || other !== null || elsewhere) return null;
      throw error;
    });
    return {
      wanted,
      signs: wanted === null ? null : signs,
      device,
      damaged,
      other,
      speed: medium === null ? null : await world.sight<MediumSpeed | null>('medium-speed'),
      chosen:
        medium === null
          ? null
          : { root: medium.root, label: medium.label, freeBytes: medium.freeBytes, fileSystem: medium.fileSystem },
    };
  },
  found: ({ chosen, wanted, signs, device, damaged, other, speed }) => [
    ...(other === null ? [] : [told(other.was, 'former'), told(other.is, 'other')]),
    ...(other !== null || wanted === null || signs === null || chosen?.root === wanted ? [] : [told(signs, 'there')]),
    ...(device === null ? [] : [says('choose-medium', damaged ? 'found.damaged' : 'found.unmounted', { device })]),
    ...(chosen === null
      ? [says('choose-medium', 'found.none')]
      : [
          says('choose-medium', 'found.chosen', { label: chosen.label, path: chosen.root }),
          says('choose-medium', 'found.room', { freeBytes: chosen.freeBytes, fileSystem: chosen.fileSystem }),
          ...(speed === null
            ? []
            : [says('choose-medium', 'found.speed', { writeBytes: speed.writeBytes, readBytes: speed.readBytes })]),
        ]),
  ],
  verdict: ({ chosen, wanted, device, other, speed }, { input }) => {
    const told = chosen === null || speed === null ? [] : slowness(chosen.label, speed);
    if (device !== null || other !== null) return todo();
    if (input.path === null) return chosen === null ? blocked(finding('medium-not-chosen', {})) : done(...told);
    if (wanted === null) return blocked(finding('medium-absent', { path: input.path }));
    return chosen?.root === wanted ? done(...told) : todo();
  },
  plan: ({ device, damaged, wanted, signs, other }, { input, subject }) => {
    // Where it will be mounted is known only afterwards: binding it is the next round's.
    if (device !== null)
      return [
        ...(damaged ? [work('repair-medium', { device }, says('choose-medium', 'does.repair', { device }))] : []),
        work('mount-medium', { device }, says('choose-medium', 'does.mount', { device })),
      ];
    if (input.path === null || wanted === null || signs === null) return [];
    if (other !== null) return takeOther(wanted, other, subject);
    return [work('choose-medium', { path: wanted, is: signs }, says('choose-medium', 'does.bind', { path: wanted }))];
  },
});

/** Both are shown, and a person says which one counts; the job takes that very one, or none. */
const takeOther = (path: string, { was, is }: AnotherMedium, subject: Subject): readonly Command[] => {
  const former = shown(was);
  const { serial, sizeBytes, volume, mark } = shown(is);
  return [
    {
      kind: 'ask',
      question: {
        id: anotherQuestion({ was, is }),
        kind: 'choice',
        key: 'steps.choose-medium.asks.other',
        params: {
          path,
          formerSerial: former.serial,
          formerBytes: former.sizeBytes,
          formerVolume: former.volume,
          formerMark: former.mark,
          serial,
          sizeBytes,
          volume,
          mark,
        },
        show: [],
        choices: [...anotherAnswers],
      },
    },
    work(
      'take-other-medium',
      { path, was, is, asked: instanceKey('choose-medium', subject) },
      says('choose-medium', 'does.replace', { path }),
    ),
  ];
};

/** What is known of one, as sentences tell it; what is not known is empty, and shown as a dash. */
const shown = ({ serial, sizeBytes, volumeUuid, mediumId }: MediumSigns) => ({
  serial: serial ?? '',
  sizeBytes: sizeBytes ?? '',
  volume: volumeUuid ?? '',
  mark: mediumId?.slice(0, 8) ?? '',
});

const told = (signs: MediumSigns, which: 'former' | 'other' | 'there'): Told => {
  const { serial, sizeBytes, volume, mark } = shown(signs);
  return says('choose-medium', { former: 'found.former', other: 'found.other', there: 'found.there' }[which], {
    serial,
    sizeBytes,
    volume,
    mark,
  });
};

/** Below this a preparation of some gigabytes takes so long that another stick is the better way. */
const slowBytes = 8e6;

/** A drive that is slow, told with what that means: a gigabyte written and read back. */
function slowness(medium: string, { writeBytes, readBytes }: MediumSpeed): readonly Finding[] {
  if (writeBytes >= slowBytes) return [];
  const gigabyteMs = Math.round(1e12 / writeBytes + 1e12 / readBytes);
  return [finding('medium-slow', { medium, writeBytes, readBytes, gigabyteMs })];
}
