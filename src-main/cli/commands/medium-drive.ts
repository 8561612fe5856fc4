// fieldkit medium repair, medium format: acts on a whole volume or drive, outside of any site. Both say first what there is,
// and do nothing without a yes; for formatting the yes is the drive's name, typed.
import { type DriveLoss, type FormatKind, formatKinds, type VolumeLoss } from '../../../src-shared/api.ts';
import { exitCodes, problem } from '../../../src-shared/problem.ts';
import { type CommonOptions, type Session, withSession } from '../session.ts';
import { readLine } from '../terminal.ts';

export const repairMedium = (place: string, options: CommonOptions): Promise<number> =>
  withSession(options, async ({ kit, texts, print }, signal) => {
    const done = await kit.repairMedium(place, options.yes ?? false, signal);
    print(done, [
      !done.repaired
        ? texts.say(`cli.medium.health.${done.health}`, { device: done.device })
        : done.mountPoint === null
          ? texts.say('cli.medium.repairedAway', { device: done.device })
          : texts.say('cli.medium.repaired', { device: done.device, path: done.mountPoint }),
    ]);
    return done.health === 'whole' ? exitCodes.done : exitCodes.medium;
  });

export interface FormatOptions extends CommonOptions {
  readonly as: string;
  readonly label: string;
  /** The drive's name, typed beforehand. */
  readonly confirm?: string;
}

export const formatMedium = (device: string, options: FormatOptions): Promise<number> =>
  withSession(options, async (session, signal) => {
    const { kit, texts, print, json } = session;
    const fileSystem = kindOf(options.as);
    const loss = await kit.format.look(device, signal);
    const interactive = process.stdin.isTTY === true && !json;
    const { typeName: name } = loss;
    const asked = options.confirm === undefined && !interactive;
    print(loss, [...lossLines(loss, session), ...(asked ? [texts.say('cli.medium.format.howTo', { name })] : [])]);
    if (asked) return exitCodes.blocked;
    const prompt = `${texts.say('cli.medium.format.type', { name })} `;
    const typed = options.confirm ?? (await readLine(prompt, false, 'format', signal));
    const made = await kit.format.perform({ device, mark: loss.mark, typed, fileSystem, label: options.label }, signal);
    const { label } = options;
    print({ device: made, fileSystem, label }, [
      texts.say('cli.medium.format.done', { device: made, fileSystem, label }),
    ]);
    return exitCodes.done;
  });

function kindOf(text: string): FormatKind {
  const kind = formatKinds.find((one) => one === (text === 'fat32' ? 'vfat' : text));
  if (kind === undefined) throw problem('usage-wrong', { detail: `--as ${formatKinds.join('|')}` });
  return kind;
}

function lossLines({ name, device, serial, sizeBytes, volumes }: DriveLoss, { texts }: Session): string[] {
  return [
    texts.say('cli.medium.format.drive', { name: name || device, device, serial: serial ?? '-', sizeBytes }),
    texts.say('cli.medium.format.lost'),
    ...(volumes.length === 0 ? [texts.say('cli.medium.format.nothing')] : []),
    ...volumes.flatMap((volume) => volumeLines(volume, texts)),
  ];
}

function volumeLines(volume: VolumeLoss, texts: Session['texts']): string[] {
  const { device, label, fileSystem, sizeBytes, readable, files, whole, newest, medium } = volume;
  const told = { label: label ?? device, fileSystem: fileSystem ?? '-', sizeBytes, files };
  const key = !readable ? 'unreadable' : newest === null ? 'empty' : whole ? 'volume' : 'more';
  return [
    texts.say(`cli.medium.format.${key}`, { ...told, newest: newest?.path ?? '', at: newest?.at ?? '' }),
    ...(medium === null ? [] : [texts.say('cli.medium.format.medium', { ...medium })]),
  ];
}
