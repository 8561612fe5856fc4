// What a simulated machine answers when a site is recorded or compared with its record: packages, host keys, disks, units and
// files, all from its state. Used by commands/index.ts. Forms of the outputs are those of Debian 12.
import { createHash } from 'node:crypto';
import { asBuiltScripts } from '../../target/as-built.ts';
import type { Call, Outcome } from '../machine.ts';
import { fileText, hostnameOf } from '../reading.ts';

/** The scripts of the reading, null for any other. */
export function asBuiltScript(call: Call): Outcome | null {
  const { argv, state } = call;
  const [, , script = ''] = argv;
  if (script === asBuiltScripts.hostKeys)
    return { exit: 0, out: `ssh-ed25519 ${state.hostKey} root@${hostnameOf(state)}\n` };
  if (script === asBuiltScripts.partitions) {
    const lines = pathsOf(call, /^\/srv\/slapgrid\/slappart\d+\/\.slapos-resource$/).map(
      (path) => `${path} ${fileText(state, path)?.replaceAll('\n', '') ?? ''}\n`,
    );
    return { exit: 0, out: lines.join('') };
  }
  if (script === asBuiltScripts.files) {
    const lines = pathsOf(call, watched).map((path) => {
      const hash = createHash('sha256')
        .update(fileText(state, path) ?? '')
        .digest('hex');
      return `${hash}  ${path}\n`;
    });
    return { exit: 0, out: lines.join('') };
  }
  return null;
}

const watched =
  /^\/usr\/local\/lib\/fieldkit\/|^\/etc\/systemd\/system\/fieldkit-|^\/etc\/systemd\/network\/[^/]+\.d\/fieldkit|^\/etc\/cron\.d\//;

const pathsOf = ({ state }: Call, pattern: RegExp): readonly string[] =>
  Object.keys(state.files)
    .filter((path) => pattern.test(path) && state.files[path]?.kind === 'f')
    .sort();

/** `lsblk -P`: one disk with one file system. */
export const lsblk = (): Outcome => ({
  exit: 0,
  out: [
    'NAME="vda" TYPE="disk" SIZE="42949672960" FSTYPE="" UUID="" MOUNTPOINT=""',
    'NAME="vda1" TYPE="part" SIZE="42948624384" FSTYPE="ext4" UUID="2f6a8f5e-7d57-4a8e-9d0c-0a1b2c3d4e5f" MOUNTPOINT="/"',
    '',
  ].join('\n'),
});

/** Folders of releases that are whole, where it is asked for them. */
export const completedReleases = (call: Call): Outcome | null =>
  call.argv.at(-1) === '.completed'
    ? {
        exit: 0,
        out: pathsOf(call, /^\/opt\/slapgrid\/[^/]+\/\.completed$/)
          .map((path) => `${path}\n`)
          .join(''),
      }
    : null;

/** `systemctl list-unit-files`, and `list-units` for work of ours that runs. */
export function listedUnits({ argv, state }: Call): Outcome | null {
  if (argv[1] === 'list-units') {
    const running = Object.entries(state.units).filter(([, { timeline }]) => !timeline?.applied);
    return { exit: 0, out: running.map(([id]) => `fieldkit-run-${id}.service loaded active running\n`).join('') };
  }
  if (argv[1] !== 'list-unit-files') return null;
  const timers = Object.keys(state.files).flatMap(
    (path) => /^\/etc\/systemd\/system\/(fieldkit-[^/]+\.timer)$/.exec(path)?.[1] ?? [],
  );
  const services = ['cron', 'nftables', 'ssh', 'systemd-networkd'].filter(
    (name) => !['cron', 'nftables'].includes(name) || state.packages[name] !== undefined,
  );
  const names = [...services.map((name) => `${name}.service`), ...timers].sort();
  return { exit: 0, out: names.map((name) => `${name.padEnd(40)} enabled enabled\n`).join('') };
}
