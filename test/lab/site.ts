/**
 * A site for the slice: its plan over a lab's machine, the lab's vendor repository and the host's Debian mirror; and the program driven
 * through its command line. Used by the lab tests of the whole job.
 */
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { mediumPaths } from '../../src-shared/manifest.ts';
import { type ArchiveSource, archiveSource, debianKeyring } from './archive.ts';
import { type DebianRelease, debianNumbers } from './base.ts';
import { mustRun, runCommand } from './command.ts';
import type { LabMachine } from './machine.ts';
import { masterRelease } from './release.ts';
import type { VendorRepository } from './vendor.ts';

/** Where the command line twin is built. */
export const cli = join(import.meta.dirname, '..', '..', 'out', 'cli', 'fieldkit.mjs');

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** The journal's events as printed with --json, or whatever JSON lines there are. */
  readonly lines: readonly Record<string, unknown>[];
}

export interface CliOptions {
  /** Ends the program with this signal as soon as a printed line satisfies it. */
  readonly killWhen?: (line: Record<string, unknown>) => boolean;
  /** Ends the program with -9 when this is aborted. */
  readonly killed?: AbortSignal;
  /** Words put before the program, such as a tracer's. */
  readonly under?: readonly string[];
  /** Told of each JSON line as it comes. */
  readonly onLine?: (line: Record<string, unknown>) => void;
}

/** A technician's laptop: a data folder of its own, a stick (a folder), answers. */
export class Laptop {
  readonly home: string;
  readonly stick: string;
  readonly answersPath: string;

  private constructor(home: string) {
    this.home = home;
    this.stick = join(home, 'stick');
    this.answersPath = join(home, 'answers.json');
  }

  static async make(answers: Readonly<Record<string, string>>): Promise<Laptop> {
    const laptop = new Laptop(await mkdtemp(join(tmpdir(), 'fieldkit-lab-')));
    await mkdir(laptop.stick);
    await laptop.answer(answers);
    return laptop;
  }

  /** Another laptop in the same state, with a stick of its own: neither hears of what the other does. */
  clone(): Promise<Laptop> {
    return Laptop.copyOf(this.home, { [this.home]: '' });
  }

  /**
   * A laptop from a copy of another one's data folder. Its texts name places that are elsewhere now: each key of `moved` is put in
   * other words, '' stands for this laptop's own folder.
   */
  static async copyOf(folder: string, moved: Readonly<Record<string, string>>): Promise<Laptop> {
    const laptop = new Laptop(await mkdtemp(join(tmpdir(), 'fieldkit-lab-')));
    await mustRun(['cp', '-a', '--reflink=auto', `${folder}/.`, laptop.home]);
    // The laptop's own copy and the medium's: they must go on telling the same story.
    for (const place of [laptop.siteFolder, join(laptop.stick, 'fieldkit', mediumPaths.site('lab'))])
      for (const entry of await readdir(place, { withFileTypes: true }).catch(() => [])) {
        if (!entry.isFile()) continue;
        const path = join(place, entry.name);
        let text = await readFile(path, 'utf8');
        for (const [from, to] of Object.entries(moved)) text = text.replaceAll(from, to === '' ? laptop.home : to);
        await writeFile(path, text);
      }
    return laptop;
  }

  /** The site's machine is another one now; the first of the plan, or the one of this name. */
  aimAt(machine: Reached, name?: string): Promise<void> {
    return this.editPlan((text) => {
      const from = name === undefined ? 0 : text.indexOf(`- name: ${name}\n`);
      if (from < 0) throw new Error(`no ${name} in the plan`);
      const aimed = text
        .slice(from)
        .replace(/^( {4}address:) .*$/m, `$1 ${machine.address}`)
        .replace(/^( {4}keyFile:) .*$/m, `$1 ${machine.login.keyPath}`);
      return text.slice(0, from) + aimed;
    });
  }

  /** One more machine in the plan, of the lab's Debian 12; `lines` are its fields besides. */
  addMachine(machine: Reached, name: string, lines: readonly string[]): Promise<void> {
    const own = [
      `address: ${machine.address}`,
      `user: ${machine.login.user}`,
      machine.login.password === null ? `keyFile: ${machine.login.keyPath}` : '# logs in with a password',
      'release: "12"',
      'interface: host0',
      'partitions: 3',
      ...lines,
    ];
    return this.editPlan((text) =>
      text.replace(/^(?=releases:)/m, `  - name: ${name}\n${own.map((line) => `    ${line}\n`).join('')}`),
    );
  }

  /** What it answers from now on. */
  async answer(answers: Readonly<Record<string, string>>): Promise<void> {
    await writeFile(this.answersPath, JSON.stringify(answers), { mode: 0o600 });
  }

  /** Edits the site plan as a technician would: in the file. */
  async editPlan(change: (text: string) => string): Promise<void> {
    const path = join(this.siteFolder, 'site.yaml');
    await writeFile(path, change(await readFile(path, 'utf8')));
  }

  async discard(): Promise<void> {
    await rm(this.home, { recursive: true, force: true });
  }

  get siteFolder(): string {
    return join(this.home, 'data', 'sites', 'lab');
  }

  env(): NodeJS.ProcessEnv {
    const { SSH_AUTH_SOCK: _agent, ...env } = process.env;
    return { ...env, FIELDKIT_HOME: this.home, LANG: 'en_GB.UTF-8' };
  }

  /** What a technician reads: the command's output without `--json`. */
  async reads(words: readonly string[]): Promise<string> {
    const { stdout, stderr } = await runCommand([process.execPath, cli, ...words], { env: this.env() });
    return stdout + stderr;
  }

  /**
   * Runs the program in a terminal, as a technician does: what it asks there is answered by `answer`, given the question's id. Returns
   * how it ended and all that was shown.
   */
  inTerminal(
    words: readonly string[],
    answer: (question: string) => Promise<string>,
  ): Promise<{ readonly code: number | null; readonly shown: string }> {
    const command = [process.execPath, cli, ...words].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
    return new Promise((resolve, reject) => {
      const terminal = spawn('script', ['--quiet', '--return', '--flush', '--command', command, '/dev/null'], {
        env: { ...this.env(), TERM: 'xterm' },
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      let shown = '';
      /** The line that the cursor is in. */
      let line = '';
      terminal.stdout.setEncoding('utf8').on('data', (chunk: string) => {
        const text = line + chunk;
        const end = text.lastIndexOf('\n') + 1;
        shown += asShown(text.slice(0, end));
        line = text.slice(end);
        const [, asked] = /^([a-z0-9-]+(?::[a-z0-9-]+)?)(?: \[[a-z/]+\])?: $/.exec(asShown(line)) ?? [];
        if (asked === undefined) return;
        shown += asShown(line);
        line = '';
        answer(asked).then(
          (given) => terminal.stdin.write(`${given}\r`),
          (error) => {
            terminal.kill('SIGTERM');
            reject(error);
          },
        );
      });
      terminal.on('error', reject);
      terminal.on('close', (code) => resolve({ code, shown: shown + asShown(line) }));
    });
  }

  /** Runs `fieldkit … --json` and collects its lines. */
  fieldkit(words: readonly string[], options: CliOptions = {}): Promise<CliResult> {
    return new Promise((resolve, reject) => {
      const [program = '', ...before] = [...(options.under ?? []), process.execPath];
      const child = spawn(program, [...before, cli, ...words, '--json'], {
        env: this.env(),
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      const lines: Record<string, unknown>[] = [];
      let stdout = '';
      let stderr = '';
      let rest = '';
      child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
        stdout += chunk;
        const parts = (rest + chunk).split('\n');
        rest = parts.pop() ?? '';
        for (const part of parts) {
          const line = JSON.parse(part) as Record<string, unknown>;
          lines.push(line);
          options.onLine?.(line);
          if (options.killWhen?.(line)) child.kill('SIGKILL');
        }
      });
      child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
        stderr += chunk;
      });
      options.killed?.addEventListener('abort', () => child.kill('SIGKILL'));
      child.on('error', reject);
      child.on('close', (code) => resolve({ code, stdout, stderr, lines }));
    });
  }
}

/** What a terminal shows of what it is sent: a line that is cleared is not to be read. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what a terminal is told.
const asShown = (text: string): string => stripVTControlCharacters(text.replace(/[^\n]*\x1b\[1G\x1b\[0J/g, ''));

/** How a laptop gets to a machine. */
type Reached = Pick<LabMachine, 'address' | 'login'>;

export interface LabSite {
  readonly machine: Reached;
  readonly vendor: VendorRepository;
  /** What the machine is of, and the medium is for. */
  readonly release?: DebianRelease;
  /** The master's software release is left out: its medium holds slapos-node alone. */
  readonly withoutRelease?: boolean;
  /** Lines put in place of a field's, for tests of bad input. */
  readonly machineLines?: readonly string[];
  /** Takes the release from this software cache instead of its archive; the certificate is the path of a PEM file. */
  readonly cache?: { readonly index: string; readonly blobs: string; readonly certificate: string };
  /** Has the release compiled on this machine, with the new master brought in, instead of taking its archive. */
  readonly builder?: { readonly machine: Reached; readonly url: string };
}

/** Writes the site plan and makes the site on the laptop. */
export async function makeSite(laptop: Laptop, site: LabSite): Promise<void> {
  const { machine, vendor, machineLines = [], cache, builder, release = 'bookworm' } = site;
  const number = debianNumbers[release];
  const system = `debian-${number}-amd64`;
  const vendorKey = join(laptop.home, 'vendor.asc');
  await writeFile(vendorKey, vendor.publicKey);
  const debianKey = join(laptop.home, 'debian.asc');
  const stdout = await mustRun(['gpg', '--no-default-keyring', '--keyring', debianKeyring, '--armor', '--export']);
  await writeFile(debianKey, stdout);
  const login = (of: Reached): string =>
    `user: ${of.login.user}\n    ${of.login.password === null ? `keyFile: ${of.login.keyPath}` : '# logs in with a password'}`;
  const plan = `# made for a lab test
format: 1
name: lab
machines:
  - name: master-1
    roles: [master]
    address: ${machine.address}
    ${login(machine)}
    release: "${number}"
    interface: host0
    partitions: 5
${machineLines.map((line) => `    ${line}\n`).join('')}${
  builder === undefined
    ? ''
    : `  - name: builder-1
    roles: [builder]
    address: ${builder.machine.address}
    ${login(builder.machine)}
    release: "${number}"
    interface: host0
    partitions: 1
`
}${await releaseLines(site, system)}sources:
${cache === undefined ? '' : `  cache: { index: "${cache.index}", blobs: "${cache.blobs}", certificates: [${cache.certificate}] }`}
  ${system}:
    vendor: { url: "${vendor.distributionUrl}", key: "${vendorKey}" }
    archives:
${archivesOf(release)
  .map(
    ({ uri, suite, components }, index) =>
      `      - { name: debian-${index}, url: "${uri}", suites: [${suite}], components: [${components.join(', ')}], key: "${debianKey}" }\n`,
  )
  .join('')}`;
  const path = join(laptop.home, 'plan.yaml');
  await writeFile(path, plan);
  const made = await laptop.fieldkit(['sites', 'create', path]);
  if (made.code !== 0) throw new Error(`no site: ${made.stdout}${made.stderr}`);
}

/** Of any release the suites this host has of its own: a mirror that holds one holds the other. */
function archivesOf(release: DebianRelease): readonly ArchiveSource[] {
  const own = ['bookworm', 'bookworm-updates', 'bookworm-security'].flatMap((suite) => archiveSource(suite) ?? []);
  return own.map((source) => ({ ...source, suite: source.suite.replace('bookworm', release) }));
}

async function releaseLines({ cache, builder, withoutRelease }: LabSite, system: string): Promise<string> {
  if (withoutRelease === true) return 'releases: []\n';
  const of = (url: string, ...lines: readonly string[]): string =>
    `releases:\n  - name: slapos-master\n    url: ${url}\n${lines.map((line) => `    ${line}\n`).join('')}`;
  if (builder !== undefined) return of(builder.url, 'from: builder', 'newMaster: true');
  const { url, archivePath } = await masterRelease();
  return cache === undefined ? of(url, `archives: { ${system}: ${archivePath} }`) : of(url, 'from: cache');
}

/** What brings a bare machine to an installed release; the steps that make a master of it have a test of their own. */
export const installing = [
  'machine',
  'configure-proxy',
  // A node has its own, once it was registered.
  'use-cache@machine:master-1',
  'check-cache',
  'install-master-software',
] as const;

/** The words that walk the office part, and the site part. */
export const walk = {
  prepare: (laptop: Laptop) => [
    'run',
    'prepare',
    '--yes',
    '--answers',
    laptop.answersPath,
    '--input',
    `choose-medium@site.path=${laptop.stick}`,
  ],
  install: (laptop: Laptop) => ['run', ...installing, '--yes', '--answers', laptop.answersPath],
  site: (laptop: Laptop) => ['run', 'machine', 'master', '--yes', '--answers', laptop.answersPath],
  all: (laptop: Laptop) => [
    'run',
    '--yes',
    '--technician',
    'Ada',
    '--answers',
    laptop.answersPath,
    '--input',
    `choose-medium@site.path=${laptop.stick}`,
  ],
} as const;
