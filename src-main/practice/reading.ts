// What a simulated machine answers to questions about its files. Used by the connection and by the commands that look at
// files. Pure; some files are not kept but follow from the state, as they do on a real machine.
import { systemFacts } from '../../src-shared/site.ts';
import type { Answer, Probe } from '../../src-shared/step.ts';
import type { MachineState } from './state.ts';
import { bytesOf, sizeOf, textFile } from './state.ts';

type FileState = Pick<MachineState, 'files' | 'packages' | 'bootId' | 'made'>;

/** Text of a file as it is read on the machine; null when there is none. */
export function fileText(state: FileState, path: string, faults: ReadonlySet<string> = new Set()): string | null {
  const made = madeFile(state, path, faults);
  if (made !== null) return made;
  const node = state.files[path];
  if (node === undefined || node.kind === 'd') return null;
  if (node.kind === 'l') return fileText(state, node.text, faults);
  return bytesOf(node).toString('utf8');
}

/** The machine's own name. */
export const hostnameOf = (state: FileState): string => (fileText(state, '/etc/hostname') ?? '').trim();

/** Files that the kernel and dpkg keep. */
function madeFile({ bootId, packages, made }: FileState, path: string, faults: ReadonlySet<string>): string | null {
  switch (path) {
    case '/etc/os-release':
      return osRelease(faults.has('release-of-another-system') ? 'debian-13-amd64' : made.system);
    case '/proc/sys/kernel/osrelease':
      return `6.1.0-40-${systemFacts(made.system).architecture}\n`;
    case '/proc/1/comm':
      return 'systemd\n';
    case '/proc/sys/kernel/random/boot_id':
      return `${bootId}\n`;
    case `/proc/sys/net/ipv6/conf/${made.interface}/disable_ipv6`:
      return '0\n';
    case '/var/lib/dpkg/status':
      return Object.entries(packages)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(
          ([name, { version, architecture }]) =>
            `Package: ${name}\nStatus: install ok installed\nArchitecture: ${architecture}\nVersion: ${version}\n`,
        )
        .join('\n');
    default:
      return null;
  }
}

function osRelease(system: string): string {
  const { distribution, release, codename } = systemFacts(system);
  const name = distribution === 'debian' ? 'Debian GNU/Linux' : 'Ubuntu';
  return [
    `PRETTY_NAME="${name} ${release} (${codename})"`,
    `NAME="${name}"`,
    `VERSION_ID="${release}"`,
    `VERSION="${release} (${codename})"`,
    `VERSION_CODENAME=${codename}`,
    `ID=${distribution}`,
    '',
  ].join('\n');
}

interface Machine {
  readonly state: MachineState;
}

const absent = (program: string, path: string): Answer => ({
  exit: 1,
  out: '',
  err: `${program}: cannot access '${path}': No such file or directory\n`,
});

/** Answers `read`, `list` and `stat` in the forms of the real probes. `faults` changes what the system says of itself. */
export function readProbe(
  { state }: Machine,
  probe: Exclude<Probe, { kind: 'run' }>,
  faults: ReadonlySet<string> = new Set(),
): Answer {
  const { path } = probe;
  const made = madeFile(state, path, faults);
  const node = made === null ? state.files[path] : textFile(made);
  switch (probe.kind) {
    case 'read': {
      const text = fileText(state, path, faults);
      return text === null ? absent('head', path) : { exit: 0, out: text, err: '' };
    }
    case 'stat':
      if (node === undefined) return absent('stat', path);
      return { exit: 0, out: `${node.kind} ${node.mode.toString(8)} ${node.owner} ${sizeOf(node)}`, err: '' };
    case 'list': {
      if (node?.kind !== 'd') return absent('find', path);
      const names = Object.keys(state.files)
        .filter((one) => one.startsWith(`${path}/`) && !one.slice(path.length + 1).includes('/'))
        .sort();
      const rows = names.map((one) => {
        const inner = state.files[one] ?? textFile('');
        return `${inner.kind} ${sizeOf(inner)} ${one.slice(path.length + 1)}\n`;
      });
      return { exit: 0, out: rows.join(''), err: '' };
    }
  }
}
