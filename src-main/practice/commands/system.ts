// The ordinary programs of a simulated Debian: files, clock, disk, services, and the two shell scripts that steps use.
// Used by commands/index.ts. Forms of the outputs are those of Debian 12.
import { httpGetArgv, httpStatusArgv } from '../../target/system.ts';
import type { Call, Outcome } from '../machine.ts';
import { fileText } from '../reading.ts';
import { systemOfState } from '../simulated-site.ts';
import { aFolder } from '../state.ts';
import { listedUnits } from './as-built.ts';

const missing = (program: string): Outcome => ({ exit: 127, err: `${program}: command not found\n` });

export const id = ({ argv }: Call): Outcome =>
  argv[1] === '-un' ? { exit: 0, out: 'root\n' } : { exit: 0, out: 'uid=0(root) gid=0(root) groups=0(root)\n' };

/** Seconds since 1970 as the machine believes. */
export const clockSeconds = ({ nowMs, faults, state }: Call): number =>
  Math.round(nowMs / 1000) + state.clockShiftSeconds - (faults.has('clock-off') ? 2 * 86_400 : 0);

const gigabyte = 1_000_000_000;
export const diskFree = ({ faults }: Call, path: string): number =>
  faults.has('disk-full-on-target') && path === '/opt' ? 210_000_000 : path === '/tmp' ? 3 * gigabyte : 31 * gigabyte;

export const df = (call: Call): Outcome => {
  const paths = call.argv.filter((word) => word.startsWith('/'));
  if (call.argv.includes('--output=avail'))
    return { exit: 0, out: ['    Avail', ...paths.map((path) => String(diskFree(call, path))), ''].join('\n') };
  const rows = paths.map((path) => `/dev/vda1  40G  ${(40 - diskFree(call, path) / gigabyte).toFixed(1)}G  /`);
  return { exit: 0, out: ['Filesystem Size Used Mounted on', ...rows, ''].join('\n') };
};

export const gcc = ({ state }: Call): Outcome =>
  state.packages.gcc === undefined ? missing('gcc') : { exit: 0, out: `${systemOfState(state).multiarch}\n` };

export const systemctl = (call: Call): Outcome => {
  const listed = listedUnits(call);
  if (listed !== null) return listed;
  const { argv, state } = call;
  const [, verb, name = ''] = argv;
  if (name.startsWith('fieldkit-') && (verb === 'is-active' || verb === 'is-enabled'))
    return state.files[`/etc/systemd/system/${name}`] === undefined
      ? { exit: 4, out: 'inactive\n' }
      : { exit: 0, out: verb === 'is-active' ? 'active\n' : 'enabled\n' };
  if (verb !== 'is-active') return { exit: 0 };
  const active = name.startsWith('cron') ? state.packages.cron !== undefined : name.startsWith('systemd-');
  return { exit: active ? 0 : 3, out: active ? 'active\n' : 'inactive\n' };
};

// ---------------------------------------------------------------- shells

const [, , statusScript] = httpStatusArgv(0, 'HEAD', '');
const [, , getScript] = httpGetArgv(0, '');

/** Scripts that are known: requests to the loopback. */
export const bash = async ({ argv, get }: Call): Promise<Outcome> => {
  const [, , script = '', , port = '', method = '', path = ''] = argv;
  if (script === statusScript || script === getScript) {
    const answer = await get(Number(port), path, method === 'HEAD' ? 'HEAD' : 'GET');
    if (answer === null)
      return {
        exit: 1,
        err: `bash: connect: Connection refused\nbash: /dev/tcp/127.0.0.1/${port}: Connection refused\n`,
      };
    const line = `HTTP/1.1 ${answer.status} ${answer.status === 200 ? 'OK' : 'Not OK'}\r\n`;
    return { exit: 0, out: script === getScript ? `${line}\r\n${answer.body.toString('utf8')}` : line };
  }
  return { exit: 127, err: `practice machine: this script is not simulated: ${script}\n` };
};

/** The listing of the partitions' resources. */
export const sh = ({ argv, state }: Call): Outcome => {
  const [, , script = ''] = argv;
  if (!script.startsWith('for f in /srv/slapgrid/slappart*/.slapos-resource'))
    return { exit: 127, err: `practice machine: this script is not simulated: ${script}\n` };
  const paths = Object.keys(state.files).filter((path) =>
    /^\/srv\/slapgrid\/slappart\d+\/\.slapos-resource$/.test(path),
  );
  return {
    exit: 0,
    out: paths
      .sort()
      .map((path) => `${fileText(state, path)?.replaceAll('\n', '') ?? ''}\n`)
      .join(''),
  };
};

// ---------------------------------------------------------------- files

/** `install -d [-m MODE] [-o USER] [-g GROUP] FOLDER…`, with the folders above. */
function install({ argv, state }: Call): Outcome {
  if (argv[1] !== '-d') return { exit: 127, err: 'practice machine: install is simulated with -d only\n' };
  const option = (name: string): string | undefined => (argv.includes(name) ? argv[argv.indexOf(name) + 1] : undefined);
  const mode = Number.parseInt(option('-m') ?? '755', 8);
  const files: Record<string, ReturnType<typeof aFolder>> = {};
  for (const path of argv.filter((word) => word.startsWith('/'))) {
    const parts = path.split('/').slice(1);
    for (let depth = 1; depth < parts.length; depth += 1) {
      const above = `/${parts.slice(0, depth).join('/')}`;
      if (state.files[above] === undefined) files[above] ??= aFolder();
    }
    const [user, group] = (state.files[path]?.owner ?? 'root:root').split(':');
    files[path] = aFolder(mode, `${option('-o') ?? user}:${option('-g') ?? group}`);
  }
  return { exit: 0, patch: { files } };
}

const rm = ({ argv, state }: Call): Outcome => {
  const paths = argv.slice(1).filter((word) => !word.startsWith('-'));
  const recursive = argv.some((word) => /^-\w*r/.test(word));
  const gone = Object.keys(state.files).filter((path) =>
    paths.some((one) => path === one || (recursive && path.startsWith(`${one}/`))),
  );
  return { exit: 0, patch: { files: Object.fromEntries(gone.map((path) => [path, null])) } };
};

const rmdir = ({ argv, state }: Call): Outcome => {
  const path = argv.at(-1) ?? '';
  const filled = Object.keys(state.files).some((one) => one.startsWith(`${path}/`));
  if (filled && argv.includes('--ignore-fail-on-non-empty')) return { exit: 0 };
  if (filled || state.files[path] === undefined)
    return {
      exit: 1,
      err: `rmdir: failed to remove '${path}': ${filled ? 'Directory not empty' : 'No such file or directory'}\n`,
    };
  return { exit: 0, patch: { files: { [path]: null } } };
};

/** `cat PATH`. */
const cat = ({ argv, state }: Call): Outcome => {
  const path = argv.at(-1) ?? '';
  const text = fileText(state, path);
  return text === null ? { exit: 1, err: `cat: ${path}: No such file or directory\n` } : { exit: 0, out: text };
};

const readlink = ({ argv }: Call): Outcome => ({ exit: 0, out: `${argv.at(-1) ?? ''}\n` });

const tail = ({ argv, state }: Call): Outcome => {
  const path = argv.at(-1) ?? '';
  const text = fileText(state, path);
  if (text === null) return { exit: 1, err: `tail: cannot open '${path}' for reading: No such file or directory\n` };
  const lines = text.replace(/\n$/, '').split('\n');
  return { exit: 0, out: `${lines.slice(-Number(argv[argv.indexOf('-n') + 1] ?? 10)).join('\n')}\n` };
};

/** `stat -c %Y PATH`: only that a file is there is kept, not since when. */
const stat = ({ argv, state }: Call): Outcome => {
  const path = argv.at(-1) ?? '';
  return state.files[path] === undefined
    ? { exit: 1, err: `stat: cannot statx '${path}': No such file or directory\n` }
    : { exit: 0, out: '1700000000\n' };
};

export const fileCommands: Readonly<Record<string, (call: Call) => Outcome>> = {
  cat,
  install,
  readlink,
  rm,
  rmdir,
  stat,
  tail,
  true: () => ({ exit: 0 }),
};
