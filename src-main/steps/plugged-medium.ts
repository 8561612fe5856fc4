// The medium plugged into the machine itself: found by its volume's id, mounted read-only by a unit of ours, and believed only
// when the list on it is signed by the key that the plan pins, which is checked on the laptop. Used by serve-content. Pure.
import { z } from 'zod';
import { mediumPaths } from '../../src-shared/manifest.ts';
import { Problem } from '../../src-shared/problem.ts';
import { checkManifest } from '../medium/manifest-check.ts';
import type { Answer, Command, Finding, Probe } from '../runbook/define.ts';
import { finding, run, says, work } from '../runbook/define.ts';
import { parseVolumes } from '../target/system.ts';
import { contentPaths, mountUnitName, pluggedRoot } from './content-server.ts';

export const pluggedFacts = z.strictObject({
  /** Its partition, null while it is not found. */
  device: z.string().nullable(),
  /** Volumes that could be it, as `device file-system label`. */
  volumes: z.array(z.string()),
  mounted: z.boolean(),
  unit: z.string().nullable(),
  /** Of the list on it, once it was mounted and its signature fits. */
  generation: z.int().nullable(),
  /** Why it is not believed. */
  trouble: z
    .strictObject({ code: z.string(), params: z.record(z.string(), z.union([z.string(), z.number()])) })
    .nullable(),
});
export type PluggedFacts = z.infer<typeof pluggedFacts>;

/** How the medium is recognised, from when it was chosen; null where that is not known. */
export type MediumMarks = {
  readonly volumeUuid: string | null;
  readonly mediumId: string | null;
  /** The newest that is known to be sealed on it, 0 when none is. */
  readonly generation: number;
};

const at = (path: string): string => `${pluggedRoot}/${path}`;

export const pluggedProbes: readonly Probe[] = [
  { id: 'volumes', kind: 'run', argv: ['blkid', '-c', '/dev/null', '-o', 'export'], as: 'root' },
  { id: 'mounts', kind: 'read', path: '/proc/mounts' },
  { id: 'mount-unit', kind: 'read', path: contentPaths.mountUnit },
  { id: 'medium-id', kind: 'read', path: at(mediumPaths.mediumId) },
  { id: 'manifest', kind: 'read', path: at(mediumPaths.manifest) },
  { id: 'signature', kind: 'read', path: at(mediumPaths.manifestSignature) },
  { id: 'manifest-key', kind: 'read', path: at(mediumPaths.manifestKey) },
];

/** File systems that a medium of ours may have. */
const usable = /^(vfat|exfat|ext[234]|ntfs3?|xfs|btrfs|f2fs)$/;

export function pluggedFactsOf(
  marks: MediumMarks,
  pinned: string | null,
  answers: Readonly<Record<string, Answer>>,
): PluggedFacts {
  const mounts = (answers.mounts?.out ?? '').split('\n').map((line) => line.split(' '));
  const ownMount = mounts.find(([, point]) => point === contentPaths.mountPoint);
  const busy = new Set(mounts.filter((one) => one !== ownMount).map(([device]) => device));
  const volumes = parseVolumes(answers.volumes?.out ?? '').filter(
    ({ device, fileSystem }) => usable.test(fileSystem) && !busy.has(device),
  );
  const byId = volumes.find(({ uuid }) => marks.volumeUuid !== null && uuid === marks.volumeUuid);
  // Without its id, only one that cannot be mistaken: the single volume nobody uses. Its signature decides in any case.
  const found = byId ?? (marks.volumeUuid === null && volumes.length === 1 ? volumes[0] : undefined);
  const mounted = ownMount !== undefined && (found === undefined || ownMount[0] === found.device);
  return {
    device: found?.device ?? null,
    volumes: volumes.map(({ device, fileSystem, label }) => [device, fileSystem, label].join(' ').trim()),
    mounted,
    unit: answers['mount-unit']?.exit === 0 ? answers['mount-unit'].out : null,
    ...(mounted ? judged(marks, pinned, answers) : { generation: null, trouble: null }),
  };
}

function judged(
  { mediumId, generation }: MediumMarks,
  pinned: string | null,
  answers: Readonly<Record<string, Answer>>,
): Pick<PluggedFacts, 'generation' | 'trouble'> {
  const text = (id: string): string | null => (answers[id]?.exit === 0 ? (answers[id]?.out ?? '') : null);
  const id = text('medium-id')?.trim() ?? null;
  if (mediumId !== null && id !== mediumId)
    return {
      generation: null,
      trouble: finding('medium-swapped', {
        path: contentPaths.mountPoint,
        expected: mediumId.slice(0, 8),
        found: id?.slice(0, 8) ?? '-',
      }),
    };
  try {
    const { manifest } = checkManifest({
      place: contentPaths.mountPoint,
      bytes: bytesOf(text('manifest')),
      keyPem: text('manifest-key'),
      signatures: text('signature'),
      pinned,
      minimumGeneration: generation,
    });
    return { generation: manifest.generation, trouble: null };
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return { generation: null, trouble: finding(error.code, error.data.params) };
  }
}

const bytesOf = (text: string | null): Buffer | null => (text === null ? null : Buffer.from(text, 'utf8'));

/** Why it cannot be used, null when nothing stands in the way. */
export function pluggedTrouble(machine: string, { device, volumes, trouble, mounted }: PluggedFacts): Finding | null {
  if (trouble !== null) return trouble as Finding;
  return device === null && !mounted
    ? finding('medium-not-plugged', { machine, volumes: volumes.join(', ') || '-' })
    : null;
}

/** Not started at boot: it comes and goes with our session. */
const mountUnitText = (device: string): string => `# Written by SlapOS Field Kit.
[Unit]
Description=The medium of SlapOS Field Kit
[Mount]
What=${device}
Where=${contentPaths.mountPoint}
Options=ro,nosuid,nodev,noexec
DirectoryMode=0755
TimeoutSec=30
`;

/** Mounts it read-only, and takes it into what ends with the session. */
export function mountMedium(machine: string, { device, unit }: PluggedFacts): readonly Command[] {
  if (device === null) return [];
  const text = mountUnitText(device);
  return [
    ...(unit === text
      ? []
      : [
          {
            kind: 'write' as const,
            on: { machine },
            path: contentPaths.mountUnit,
            text,
            before: unit,
            mode: 0o644,
            note: says('serve-content', 'does.mountUnit'),
          },
          run(machine, ['systemctl', 'daemon-reload']),
        ]),
    run(machine, ['systemctl', 'restart', mountUnitName], { note: says('serve-content', 'does.mount', { device }) }),
    work('hold-medium', { machine }, says('serve-content', 'does.hold')),
  ];
}
