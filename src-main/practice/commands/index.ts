// Every program of a simulated machine, by name. What is not here answers 127 and says so: a new step then shows at once
// what practice lacks. Handed to the machine by the practice site.

import { restoredMark } from '../../target/backup.ts';
import { factsScript, shiftClockScript } from '../../target/facts-script.ts';
import { settingsScript } from '../../target/network-settings.ts';
import { bootSettledScript, setAsideScript } from '../../target/release-scripts.ts';
import { slaposPython, withoutConnection } from '../../target/slapproxy.ts';
import { softwareProgressScript } from '../../target/software-progress.ts';
import type { Call, Commands, Outcome } from '../machine.ts';
import { fileText } from '../reading.ts';
import { type Patch, textFile } from '../state.ts';
import { accountCommands } from './accounts.ts';
import { apt, dpkg, dpkgQuery } from './apt.ts';
import { asBuiltScript, lsblk } from './as-built.ts';
import { builderScript } from './builder.ts';
import { practiceFacts, shiftClock } from './facts.ts';
import { frontendScript } from './frontend.ts';
import { ip, networkctl, networkSettingsOf } from './network.ts';
import { computerProgram, nodeScript } from './node.ts';
import { askAt, askAtScript, nft } from './redirect.ts';
import { slapos } from './slapos.ts';
import { cronPass, putAside } from './slapos-cache.ts';
import { slapproxyProgramRun } from './slapproxy.ts';
import { bash, clockSeconds, df, fileCommands, gcc, id, sh, systemctl } from './system.ts';

type Program = (call: Call) => Outcome | Promise<Outcome>;

const programs: Readonly<Record<string, Program>> = {
  ...accountCommands,
  ...fileCommands,
  'apt-get': apt,
  bash: (call) => (call.argv[2] === askAtScript ? askAt(call) : bash(call)),
  date: (call) => ({ exit: 0, out: `${clockSeconds(call)}\n` }),
  df,
  dpkg,
  'dpkg-query': dpkgQuery,
  gcc,
  id,
  ip,
  lsblk,
  networkctl,
  nft,
  sh: (call) => shell(call),
  slapos,
  systemctl,
};

/** The scripts of the steps that run another program; every other one is a listing. */
const shell: Program = async (call) => {
  const [, , script, , ...rest] = call.argv;
  if (script === factsScript) return { exit: 0, out: practiceFacts(call) };
  if (script === settingsScript) return networkSettingsOf(call);
  if (script === setAsideScript) return putAside(call);
  // Nothing of it starts anything after a boot: there is nothing to let come up.
  if (script === bootSettledScript) return { exit: 0, out: '' };
  if (script === shiftClockScript) return shiftClock(call);
  const read = asBuiltScript(call);
  if (read !== null) return read;
  if (script === softwareProgressScript) return softwareProgressRun({ ...call, argv: rest });
  if (script?.startsWith('# fieldkit-restore'))
    return { exit: 0, patch: { files: { [restoredMark]: textFile(`${call.argv[4] ?? ''}\n`) } } };
  if (script === slaposPython)
    return (await computerProgram({ ...call, argv: rest })) ?? slapproxyProgramRun({ ...call, argv: rest });
  const asked = (await nodeScript(call)) ?? (await frontendScript(call));
  if (asked !== null) return asked;
  const built = builderScript(call);
  if (built !== null) return built;
  if (script !== withoutConnection) return sh(call);
  const at = rest.indexOf('slapos');
  const outcome = await slapos({ ...call, argv: rest.slice(at) });
  return { ...outcome, err: outcome.err?.replace(/^Connection parameters of instance[\s\S]*/m, '') ?? '' };
};

export const practiceCommands: Commands = {
  run: async (call) => {
    const program = programs[call.argv[0] ?? ''];
    if (program === undefined) return unknown(call);
    return program(call);
  },
  cron: cronPass,
  undo: (call, shell) => {
    // The undo of a guard is a short list of plain commands.
    let state = call.state;
    let all: Patch = {};
    for (const line of shell.split(/[;\n]/).map((text) => text.trim())) {
      const argv = [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
      const outcome =
        argv[0] === 'networkctl' ? networkctl({ ...call, argv, state }) : undone({ ...call, argv, state });
      const change = outcome.patch ?? {};
      state = { ...state, files: withoutNull({ ...state.files, ...change.files }) };
      all = { ...all, ...change, files: { ...all.files, ...change.files } };
    }
    return all;
  },
};

const undone = (call: Call): Outcome => {
  const program = fileCommands[call.argv[0] ?? ''];
  return program === undefined ? unknown(call) : program(call);
};

/** `URL FOLDER LOG`: the release stands, or the log's last line. */
const softwareProgressRun: Program = ({ state, argv: [, folder = '', log = ''] }) => {
  if (state.files[`${folder}/.completed`] !== undefined) return { exit: 0, out: 'completed\n' };
  return { exit: 1, out: `line ${(fileText(state, log) ?? '').trim().split('\n').at(-1) ?? ''}\n` };
};

const unknown = ({ argv }: Call): Outcome => ({
  exit: 127,
  err: `practice machine: this command is not simulated: ${argv.join(' ')}\n`,
});

const withoutNull = <T>(record: Readonly<Record<string, T | null>>): Record<string, T> =>
  Object.fromEntries(Object.entries(record).filter((entry): entry is [string, T] => entry[1] !== null));
