// dpkg and apt of a simulated machine. apt really reads a repository: through the forwarded port, with the signature checked
// against the key that its source names, and every package's size and hash. Used by commands/index.ts.

import { gunzipSync } from 'node:zlib';
import { Problem } from '../../../src-shared/problem.ts';
import { readStatus, solveForInstalled } from '../../packages/installed.ts';
import { indexPackages, type Package, type PackageIndex } from '../../packages/package-index.ts';
import { parseRelation } from '../../packages/relations.ts';
import { type Listing, parseRelease } from '../../packages/release.ts';
import { verifyClearsigned } from '../../packages/signed-text.ts';
import { compareVersions } from '../../packages/version.ts';
import { sha256Of } from '../../platform/files.ts';
import type { Call, Outcome } from '../machine.ts';
import { fileText } from '../reading.ts';
import { systemOfState } from '../simulated-site.ts';
import { aFolder, type FileNode, type Installed, installedAs, textFile } from '../state.ts';

export const dpkg = ({ argv, state }: Call): Outcome => {
  if (argv[1] === '--print-architecture') return { exit: 0, out: `${systemOfState(state).architecture}\n` };
  return argv[1] === '--audit' ? { exit: 0 } : { exit: 2, err: `dpkg: error: unknown option ${argv[1] ?? ''}\n` };
};

/** `dpkg-query -W -f FORMAT NAME`. */
export const dpkgQuery = (call: Call): Outcome => {
  const { argv, state } = call;
  const name = argv.at(-1) ?? '';
  const format = argv[argv.indexOf('-f') + 1] ?? '';
  if (argv.indexOf('-f') === argv.length - 2) {
    const names = Object.keys(state.packages).sort();
    const lines = names.map((one) => dpkgQuery({ ...call, argv: [...argv, one] }).out ?? '');
    return { exit: 0, out: lines.join('').replaceAll('\\n', '\n') };
  }
  const found = state.packages[name];
  if (found === undefined) return { exit: 1, err: `dpkg-query: no packages found matching ${name}\n` };
  const fields: Readonly<Record<string, string>> = {
    Status: 'install ok installed',
    Version: found.version,
    Package: name,
    'binary:Package': name,
    'db:Status-Abbrev': 'ii ',
  };
  const out = format.replace(/\$\{([\w:-]+)\}/g, (_all, field: string) => fields[field] ?? '');
  return { exit: 0, out };
};

export const apt = async (call: Call): Promise<Outcome> => {
  const words = call.argv.slice(1);
  const source = sourceOf(call);
  if (words.includes('check')) return { exit: 0 };
  if (source === null)
    return { exit: 100, err: 'E: practice machine: apt is simulated with our own configuration only\n' };
  if (words.includes('update')) return update(call, source);
  if (words.includes('install')) return install(call, source, words);
  if (words.includes('clean')) return { exit: 0, lastsMs: 200 };
  return { exit: 100, err: `E: Invalid operation ${words.join(' ')}\n` };
};

interface Source {
  readonly url: string;
  /** Armored key that must have signed it. */
  readonly key: string;
  readonly lists: string;
}

/** What APT_CONFIG points to: one source file in the deb822 form. */
function sourceOf({ env, state }: Call): Source | null {
  const config = fileText(state, env.APT_CONFIG ?? '');
  const setting = (name: string) => new RegExp(`^${name} "([^"]*)";$`, 'm').exec(config ?? '')?.[1] ?? '';
  const text = fileText(state, setting('Dir::Etc::sourcelist'));
  const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(text ?? '')?.[1] ?? '';
  const key = fileText(state, field('Signed-By'));
  if (config === null || text === null || field('Suites') !== './') return null;
  return { url: field('URIs').replace(/\/+$/, ''), key: key ?? '', lists: setting('Dir::State::lists') };
}

/** A GET by URL, through the machine's own loopback. */
async function fetchUrl({ get }: Call, url: string): Promise<Buffer | null> {
  const { port, pathname } = new URL(url);
  const answer = await get(Number(port), pathname);
  return answer?.status === 200 ? answer.body : null;
}

const listFile = ({ url, lists }: Source): string =>
  `${lists}${url.replace(/^https?:\/\//, '').replaceAll('/', '_')}_._Packages`;

async function update(call: Call, source: Source): Promise<Outcome> {
  const { url, key } = source;
  const inRelease = await fetchUrl(call, `${url}/InRelease`);
  if (inRelease === null) {
    const why = `Failed to fetch ${url}/./InRelease  Could not connect to 127.0.0.1. - connect (111: Connection refused)`;
    return {
      exit: 100,
      out: `Err:1 ${url} ./ InRelease\n`,
      err: `W: ${why}\nE: Some index files failed to download.\n`,
    };
  }
  let listed: Listing | undefined;
  try {
    const rules = { url, keys: [key], now: new Date(call.nowMs + 1000) };
    const { text } = await verifyClearsigned(inRelease, rules);
    listed = parseRelease(text, url).files.get('Packages.gz');
  } catch (error) {
    const code = error instanceof Problem ? error.code : 'release-unsigned';
    return {
      exit: 100,
      out: `Get:1 ${url} ./ InRelease [${inRelease.length} B]\n`,
      err: `W: GPG error: ${url} ./ InRelease: ${code}\nE: The repository '${url} ./ InRelease' is not signed.\n`,
    };
  }
  const packed = await fetchUrl(call, `${url}/Packages.gz`);
  if (packed === null || listed === undefined || sha256Of(packed) !== listed.sha256)
    return { exit: 100, err: `E: Failed to fetch ${url}/./Packages.gz  Hash Sum mismatch\n` };
  const files: Record<string, FileNode> = { [listFile(source)]: textFile(gunzipSync(packed).toString('utf8')) };
  const out = [
    `Get:1 ${url} ./ InRelease [${inRelease.length} B]`,
    `Get:2 ${url} ./ Packages [${packed.length} B]`,
    `Fetched ${inRelease.length + packed.length} B in 0s`,
    'Reading package lists...',
    '',
  ];
  return { exit: 0, out: out.join('\n'), lastsMs: 1200, patch: { files } };
}

async function install(call: Call, source: Source, words: readonly string[]): Promise<Outcome> {
  const text = fileText(call.state, listFile(source)) ?? '';
  const { architecture } = systemOfState(call.state);
  const index = indexPackages(Buffer.from(text), { source: 'fieldkit', url: source.url, architecture });
  const names = words.slice(words.indexOf('install') + 1).filter((word) => !word.startsWith('-'));
  const absent = names.find((name) => index.named(name.split('=')[0] ?? '').length === 0);
  if (absent !== undefined) return { exit: 100, err: `E: Unable to locate package ${absent.split('=')[0]}\n` };
  let wanted: readonly Package[];
  try {
    wanted = missingPackages(call, index, names);
  } catch (error) {
    return { exit: 100, err: `E: Unable to correct problems: ${(error as Error).message}\n` };
  }
  const fetched: string[] = [];
  for (const [place, item] of wanted.entries()) {
    const bytes = await fetchUrl(call, item.url);
    const got = `Get:${place + 1} ${source.url} ./ ${item.name} ${item.version} [${item.sizeBytes} B]`;
    if (bytes === null || bytes.length !== item.sizeBytes || sha256Of(bytes) !== item.sha256)
      return {
        exit: 100,
        out: `${[...fetched, got].join('\n')}\n`,
        err: `E: Failed to fetch ${item.url}  Hash Sum mismatch\n`,
      };
    fetched.push(got);
  }
  const total = wanted.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const out = [
    'Reading package lists...',
    'Building dependency tree...',
    ...(wanted.length === 0
      ? []
      : ['The following NEW packages will be installed:', `  ${wanted.map(({ name }) => name).join(' ')}`]),
    `0 upgraded, ${wanted.length} newly installed, 0 to remove and 0 not upgraded.`,
    `Need to get ${total} B of archives.`,
    ...fetched,
    ...wanted.flatMap(({ name, version }) => [
      `Selecting previously unselected package ${name}.`,
      `Unpacking ${name} (${version}) ...`,
    ]),
    ...wanted.map(({ name, version }) => `Setting up ${name} (${version}) ...`),
    '',
  ];
  return { exit: 0, out: out.join('\n'), lastsMs: 400 * wanted.length + 500, patch: installedPatch(wanted) };
}

/** What the closure asks for and the machine lacks, or has older. */
function missingPackages({ state }: Call, index: PackageIndex, names: readonly string[]): readonly Package[] {
  const { architecture } = systemOfState(state);
  const roots = names.map((word) => {
    const [name = '', wanted] = word.split('=');
    const relation = parseRelation(name);
    return [{ ...relation, version: wanted === undefined ? null : { comparison: '=' as const, wanted } }];
  });
  const installed = readStatus(statusOf(state.packages), architecture);
  return solveForInstalled({ index, roots, installed, architecture, system: state.made.system }).filter(
    ({ name, version }) => {
      const present = state.packages[name];
      return present === undefined || compareVersions(present.version, version) < 0;
    },
  );
}

/** dpkg's own list, with what others may ask for. What a package depends on is there by the same reason as itself. */
const statusOf = (packages: Readonly<Record<string, Installed>>): string =>
  Object.entries(packages)
    .map(([name, { version, architecture, provides = '' }]) => {
      const fields = { Package: name, Status: 'install ok installed', Version: version, Architecture: architecture };
      const lines = Object.entries({ ...fields, ...(provides === '' ? {} : { Provides: provides }) });
      return lines.map(([field, value]) => `${field}: ${value}\n`).join('');
    })
    .join('\n');

function installedPatch(wanted: readonly Package[]) {
  const packages = installedAs(wanted);
  const files: Record<string, FileNode> = {};
  for (const { name, version } of wanted) {
    files[`/usr/share/${name}`] = aFolder();
    files[`/usr/share/${name}/practice`] = textFile(`${name} ${version}\n`);
  }
  if (packages['slapos-node'] !== undefined) {
    files['/etc/opt'] = aFolder();
    files['/opt/slapos'] = aFolder();
    files['/usr/bin/slapos'] = textFile('#!/bin/sh\nexec /opt/slapos/bin/slapos "$@"\n', 0o755);
    files['/etc/cron.d/slapos-node'] = textFile('* * * * * root slapos node software\n');
  }
  return { packages, files };
}
