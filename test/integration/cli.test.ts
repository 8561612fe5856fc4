// The command line as built, as a child process in a home of its own, against the practice site: what it prints where, and
// how it ends. Only what says so has a terminal: elsewhere whatever is not answered stays unanswered.
import { execFile, spawn, spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { build } from 'vite';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { compose } from '../../src-main/compose.ts';
import { practiceAnswers } from '../../src-main/practice/prepare.ts';
import { makeDesk } from '../../src-main/runbook/desk.ts';
import type { ProcedureName } from '../../src-shared/channels.ts';
import { journalEvent } from '../../src-shared/journal.ts';
import { exitCodes } from '../../src-shared/problem.ts';
import { serveFiles } from '../fakes/loopback-archive.ts';
import { startProxy } from '../fakes/proxy.ts';
import { unless, whyWithout } from '../unless.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

let work: string;
let program: string;
let home: string;

const inHome = (folder: string) => ({
  ...process.env,
  FIELDKIT_HOME: folder,
  FIELDKIT_PRACTICE_PACE: '0',
  LC_ALL: 'C',
  LANG: 'C',
});

const fieldkit = (words: readonly string[], folder = home): Promise<Said> =>
  new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [program, ...words],
      { env: inHome(folder), maxBuffer: 2 ** 26, cwd: work },
      (error, out, err) =>
        resolve({ code: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, out, err }),
    );
    child.stdin?.end();
  });

/** In a terminal, where the line that waits as `prompt` says is answered once. */
async function atTerminal(words: readonly string[], folder: string, prompt: RegExp, answer: string) {
  const command = [process.execPath, program, ...words].map((word) => `'${word}'`).join(' ');
  const terminal = spawn('script', ['--quiet', '--return', '--flush', '--command', command, '/dev/null'], {
    env: { ...inHome(folder), TERM: 'xterm' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  onTestFinished(() => void terminal.kill());
  let shown = '';
  let answered = false;
  terminal.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    // What follows the order to clear the line replaces what stood in it.
    // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what a terminal is told.
    shown = (shown + chunk).replace(/[^\n]*\x1b\[1G\x1b\[0J/g, '');
    if (answered || !prompt.test(stripVTControlCharacters(shown).split('\n').at(-1) ?? '')) return;
    answered = true;
    terminal.stdin.write(`${answer}\r`);
  });
  const code = await new Promise((resolve) => terminal.once('close', resolve));
  return { code, shown, answered };
}

const jsonLines = (text: string): Record<string, unknown>[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

/** A site that was made and never opened. */
async function freshHome(): Promise<string> {
  const folder = await mkdtemp(join(work, 'home-'));
  await writeFile(join(folder, 'plan.yaml'), plan);
  return folder;
}

const plan = `format: 1
name: office
machines:
  - { name: m1, roles: [master], address: 127.0.0.1, port: 1, release: "12", interface: eth0 }
`;

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'fieldkit-cli-'));
  await build({ configFile: join(root, 'cli.vite.config.ts'), root, logLevel: 'error' });
  program = join(root, 'out', 'cli', 'fieldkit.mjs');
  home = await freshHome();
});
afterAll(() => rm(work, { recursive: true, force: true }));

/** Why what a program opens cannot be watched here, or null: a container may not allow it. */
function whyNoTrace(): string | null {
  const missing = whyWithout('strace');
  if (missing !== null) return missing;
  const { status } = spawnSync('strace', ['-qq', '--seccomp-bpf', '-f', 'true']);
  return status === 0 ? null : 'strace may trace nothing here';
}

describe('fieldkit', () => {
  it('explains its exit codes', async () => {
    const { code, out, err } = await fieldkit(['--help']);
    expect([code, err]).toEqual([0, '']);
    for (const number of Object.values(exitCodes)) expect(out).toMatch(new RegExp(`^ +${number}  \\S`, 'm'));
    const numbers = { done: 0, internal: 1, usage: 2, input: 3, blocked: 4, connection: 5, target: 6, medium: 7 };
    expect(exitCodes).toEqual({ ...numbers, trust: 8, busy: 9, unanswered: 10, cancelled: 11, network: 12 });
  });

  it.each([
    [['no-such-command'], 2],
    [['run', '--no-such-option'], 2],
    [['plan'], 2],
    [['steps'], 2],
    [['steps', '--site', 'nowhere'], 3],
    [['journal', '--site', '../../etc'], 3],
    [['sites', 'create', '/no/such/plan.yaml'], 3],
    [['medium', 'verify', '.'], 7],
  ])('%j ends with %i, its reason on standard error alone', async (words, code) => {
    const said = await fieldkit(words, await freshHome());
    expect([said.code, said.out]).toEqual([code, '']);
    expect(said.err.length).toBeGreaterThan(0);
  });

  it.runIf(process.platform === 'linux')('asks in a terminal, and the line it waits in stays to be read', async () => {
    const folder = await freshHome();
    expect((await fieldkit(['sites', 'create', join(folder, 'plan.yaml')], folder)).code).toBe(0);
    const words = [
      'run',
      'describe-site',
      'choose-medium',
      '--input',
      `choose-medium@site.path=${await mkdtemp(join(work, 'stick-'))}`,
    ];
    const { code, shown, answered } = await atTerminal(words, folder, /things?\? \[y\/N\] /, 'y');
    expect(code, shown).toBe(0);
    expect(answered).toBe(true);
  });

  it.runIf(process.platform === 'linux')('asks for a proxy’s password before it tests the sources', async () => {
    const folder = await freshHome();
    const signed = ['vendor/InRelease', 'debian/dists/x/InRelease'];
    const [archive, proxy] = await Promise.all([
      serveFiles(new Map(signed.map((path) => [path, Buffer.from('signed')]))),
      startProxy({ user: 'ada', password: 'canary-at-proxy' }),
    ]);
    onTestFinished(async () => void (await Promise.all([archive.close(), proxy.close()])));
    const sources = `  proxy: ${proxy.address}
  proxyUser: ada
  debian-12-amd64:
    vendor: { url: "${archive.url}/vendor", key: k }
    archives: [{ name: debian, url: "${archive.url}/debian", suites: [x], components: [main], key: k }]
`;
    await writeFile(join(folder, 'plan.yaml'), `${plan}sources:\n${sources}`);
    expect((await fieldkit(['sites', 'create', join(folder, 'plan.yaml')], folder)).code).toBe(0);
    const nobody = await fieldkit(['sources', 'test'], folder);
    expect([nobody.code, nobody.out]).toEqual([10, '']);
    const id = `proxy-password:ada@${new URL(proxy.address).host}`;
    expect(nobody.err).toContain(id);
    const said = await atTerminal(['sources', 'test'], folder, new RegExp(`${id}: `), 'canary-at-proxy');
    expect(said.code, said.shown).toBe(0);
    expect([proxy.refused(), [...proxy.asked].sort().reverse()]).toEqual([
      0,
      signed.map((path) => `${archive.url}/${path}`),
    ]);
    expect(said.shown).not.toContain('canary-at-proxy');
    await writeFile(join(folder, 'answers.json'), JSON.stringify({ [id]: 'not-it' }));
    const refused = await fieldkit(['sources', 'test', '--answers', join(folder, 'answers.json'), '--json'], folder);
    expect(refused.code).toBe(12);
    expect(jsonLines(refused.out)[0]).toMatchObject({
      answers: signed.map(() => ({ problem: { code: 'proxy-login-refused' } })),
    });
  });

  it('makes a site once, and lists its steps before it was ever opened', async () => {
    const folder = await freshHome();
    const file = join(folder, 'plan.yaml');
    expect((await fieldkit(['sites'], folder)).out).toContain('fieldkit sites create');
    expect((await fieldkit(['sites', 'create', file], folder)).code).toBe(0);
    const again = await fieldkit(['sites', 'create', file], folder);
    expect([again.code, again.out]).toEqual([3, '']);
    expect(again.err).toContain('site-name-taken');
    const [steps] = jsonLines((await fieldkit(['steps', '--json'], folder)).out) as unknown as [
      { key: string; state: string }[],
    ];
    expect(steps).toContainEqual({ key: 'connect@machine:m1', state: 'unread', doneAt: null });
    expect(await readdir(join(folder, 'data/sites/office'))).toEqual(['site.yaml']);
  });

  it('says what an unknown step may have been, and knows no input of an unknown one', async () => {
    const folder = await freshHome();
    await fieldkit(['sites', 'create', join(folder, 'plan.yaml')], folder);
    const typo = await fieldkit(['check', 'use-cahce'], folder);
    expect([typo.code, typo.out]).toEqual([2, '']);
    expect(typo.err).toMatch(/\| use-cache$/m);
    for (const input of ['choose-medum@site.path=/x', 'choose-medium@site.colour=red', 'nothing', 'a@b.c'])
      expect((await fieldkit(['run', 'choose-medium', '--input', input], folder)).code).toBe(2);
    expect((await fieldkit(['run', 'choose-medium', '--skip', 'medium-absent'], folder)).code).toBe(2);
    expect((await fieldkit(['journal', '--since', 'yesterday'], folder)).code).toBe(2);
  });

  it.each([
    ['/', 'medium-is-system'],
    ['/etc', 'medium-is-system'],
    ['/tmp/../etc', 'medium-is-system'],
    ['/proc/self/cwd/../../../../../../etc', 'medium-is-system'],
    ['no/such/folder', 'medium-absent'],
    ['plan.yaml', 'medium-absent'],
  ])('takes no medium at %s', async (path, reason) => {
    const folder = await freshHome();
    await fieldkit(['sites', 'create', join(folder, 'plan.yaml')], folder);
    const words = ['run', 'describe-site', 'choose-medium', '--yes', '--input', `choose-medium@site.path=${path}`];
    const said = await fieldkit(words, folder);
    expect([said.code, said.err.match(/^([a-z-]+): /m)?.[1]]).toEqual([7, reason]);
    await expect(readdir('/etc/fieldkit')).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('takes a medium however its folder is named', async () => {
    const folder = await freshHome();
    await fieldkit(['sites', 'create', join(folder, 'plan.yaml')], folder);
    const stick = await mkdtemp(join(work, 'stick-'));
    for (const path of [stick, `${stick}/`, `${stick}/../${stick.slice(stick.lastIndexOf('/') + 1)}`]) {
      const input = ['--input', `choose-medium@site.path=${path}`];
      const said = await fieldkit(['run', 'describe-site', 'choose-medium', '--yes', ...input], folder);
      expect([path, said.code, said.err.includes('step-not-settled')]).toEqual([path, 0, false]);
    }
  });

  it('needs an answer, or a yes, and never guesses one', async () => {
    const folder = await freshHome();
    await fieldkit(['sites', 'create', join(folder, 'plan.yaml')], folder);
    const stick = await mkdtemp(join(work, 'stick-'));
    const words = ['run', 'describe-site', 'choose-medium', 'make-keys', '--input', `choose-medium@site.path=${stick}`];
    const unconfirmed = await fieldkit([...words, '--json'], folder);
    expect(unconfirmed.code).toBe(10);
    const lines = jsonLines(unconfirmed.out);
    expect(lines.at(-1)).toMatchObject({ problem: { code: 'not-confirmed' } });
    const shown = lines.find((line) => line.kind === 'plan') as unknown as { plan: { hash: string } };
    const answers = join(folder, 'answers.json');
    await writeFile(answers, JSON.stringify({ [shown.plan.hash]: 'yes' }));
    const asked = await fieldkit([...words, '--answers', answers, '--json'], folder);
    expect(jsonLines(asked.out).at(-1)).toMatchObject({
      ended: [{ outcome: 'done' }, { instance: 'choose-medium@site', outcome: 'done' }, { outcome: 'cancelled' }],
      problem: { code: 'not-confirmed' },
    });
    expect((await fieldkit([...words, '--yes'], folder)).err).toContain('question-unanswered');
  });

  it.each(['{', '[]', '{"passphrase": 3}', '{"passphrase": "canary-of-the-file" x', 'canary-of-the-file'])(
    'refuses an answers file %j without quoting it',
    async (text) => {
      const folder = await freshHome();
      await fieldkit(['sites', 'create', join(folder, 'plan.yaml')], folder);
      await writeFile(join(folder, 'answers.json'), text);
      const said = await fieldkit(['run', '--answers', join(folder, 'answers.json')], folder);
      expect(said.code).toBe(2);
      expect(said.out + said.err).not.toContain('canary');
    },
  );

  it('walks the practice site with --json: events, then one result, and nothing else', async () => {
    const folder = await freshHome();
    const walked = await fieldkit(['practice', '--walk', '--json'], folder);
    expect([walked.code, walked.err]).toEqual([0, '']);
    const lines = jsonLines(walked.out);
    expect(lines[0]).toEqual({ site: 'practice', practice: true });
    expect(Object.keys(lines.at(-1) ?? {})).toEqual(['ended', 'performed']);
    for (const line of lines.slice(1, -1)) expect(journalEvent.safeParse(line).success).toBe(true);
    const again = await fieldkit(['practice', '--walk', '--json'], folder);
    expect(jsonLines(again.out).at(-1)).toMatchObject({ performed: 0 });

    // Several at once: what can go goes, the last done first, and what stays is named before.
    const undone = await fieldkit(['undo', 'master', 'node', 'frontend', '--yes', '--json'], folder);
    expect([undone.code, undone.err]).toEqual([0, '']);
    const told = jsonLines(undone.out);
    const first = told[0] as { readonly back: readonly string[]; readonly stays: readonly string[] };
    expect(first.back.map((key) => key.split('@')[0])).toEqual([
      'redirect-to-frontend',
      'set-dns',
      'use-cache',
      'redirect-to-master',
      'reapply-ca-folder',
      'share-ca-folder',
      'use-cache',
    ]);
    expect(first.stays).toContain('request-master@machine:master-1');
    expect(told.flatMap(({ undo }) => (typeof undo === 'string' ? undo : []))).toEqual(first.back);

    const verified = await fieldkit(['medium', 'verify', join(folder, 'data/practice/stick'), '--json'], folder);
    expect([verified.code, verified.err]).toEqual([0, '']);
    const [report] = jsonLines(verified.out);
    expect(report).toMatchObject({ fingerprintTrusted: false, findings: [] });
    const trusting = ['--fingerprint', String(report?.fingerprint)];
    const trusted = await fieldkit(['medium', 'verify', join(folder, 'data/practice/stick'), ...trusting], folder);
    expect(trusted.code).toBe(0);
    const other = ['--fingerprint', 'f'.repeat(64)];
    expect((await fieldkit(['medium', 'verify', join(folder, 'data/practice/stick'), ...other], folder)).code).toBe(8);
    const blobs = join(folder, 'data/practice/stick/fieldkit/bcache');
    const [blob = ''] = await readdir(blobs);
    const content = await readFile(join(blobs, blob));
    content[0] = (content[0] ?? 0) ^ 1;
    await writeFile(join(blobs, blob), content);
    const damaged = await fieldkit(['medium', 'verify', join(folder, 'data/practice/stick')], folder);
    expect([damaged.code, damaged.err.includes('medium-file-damaged')]).toEqual([7, true]);
  });

  it('prepares a medium without opening a device for writing or becoming anybody else, and touches nothing beside its own folder', {
    ...unless(whyNoTrace()),
    timeout: 240_000,
  }, async () => {
    const folder = await freshHome();
    await fieldkit(['practice'], folder);
    const answers = join(folder, 'answers.json');
    await writeFile(answers, JSON.stringify(practiceAnswers));
    const [stick, trace] = [join(folder, 'stick'), join(folder, 'trace')];
    const foreign = ['photo.jpg', 'autorun.inf', 'fieldkit.txt', 'letters/to whom.txt'];
    await mkdir(join(stick, 'letters'), { recursive: true });
    for (const name of foreign) await writeFile(join(stick, name), `mine: ${name}`);
    const words = ['run', 'prepare', '--site', 'practice', '--yes', '--answers', answers];
    words.push('--input', `choose-medium@site.path=${stick}`);
    const calls = 'open,openat,openat2,creat,execve,execveat,setuid,setreuid,setresuid,setgid,mount,umount2';
    const traced = ['-f', '-qq', '--seccomp-bpf', '-s', '4096', '-e', `trace=${calls}`, '-o', trace, process.execPath];
    const { status, stderr } = await new Promise<{ status: number | null; stderr: string }>((resolve) => {
      const child = spawn('strace', [...traced, program, ...words], {
        env: inHome(folder),
        cwd: work,
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      let said = '';
      child.stderr.on('data', (part) => (said += String(part)));
      child.once('close', (code) => resolve({ status: code, stderr: said }));
    });
    expect(status, stderr.slice(-2000)).toBe(0);
    const lines = (await readFile(trace, 'utf8')).split('\n').filter((line) => !/ = -1 | resumed>/.test(line));
    const written = lines
      .filter((line) => /O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|\bcreat\(/.test(line))
      .map((line) => /"([^"]*)"/.exec(line)?.[1] ?? line);
    expect(written.filter((path) => path.startsWith(`${stick}/fieldkit/`)).length).toBeGreaterThan(20);
    expect(written.filter((path) => path.startsWith(stick) && !path.startsWith(`${stick}/fieldkit/`))).toEqual([]);
    expect(written.filter((path) => path.startsWith('/dev/') && !/^\/dev\/(null|tty|ptmx)$/.test(path))).toEqual([]);
    expect(lines.filter((line) => /\b(setuid|setreuid|setresuid|setgid|mount|umount2)\(/.test(line))).toEqual([]);
    const started = lines.flatMap((line) => /execve(?:at)?\([^"]*"([^"]*)"/.exec(line)?.[1]?.split('/').at(-1) ?? []);
    expect(started).toContain('lsblk');
    expect(started.filter((name) => /^(pkexec|sudo|su|doas|udisksctl|mount|umount|dd|mk.*fs.*)$/.test(name))).toEqual(
      [],
    );
    for (const name of foreign) expect(await readFile(join(stick, name), 'utf8')).toBe(`mine: ${name}`);
    expect((await readdir(stick)).sort()).toEqual(['autorun.inf', 'fieldkit', 'fieldkit.txt', 'letters', 'photo.jpg']);
  });

  it('resumes after a kill: says what is unknown, goes on, and then has nothing left', async () => {
    const folder = await freshHome();
    await fieldkit(['practice'], folder);
    const child = spawn(process.execPath, [program, 'practice', '--walk', '--json'], {
      env: inHome(folder),
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let said = '';
    for await (const chunk of child.stdout) {
      said += String(chunk);
      if (/"kind":"command-started","instance":"install-slapos-node@machine:master/.test(said)) break;
    }
    child.kill('SIGKILL');
    const answers = join(folder, 'answers.json');
    await writeFile(answers, JSON.stringify(practiceAnswers));
    const ada = ['--technician', 'Ada Lovelace'];
    const resumed = await fieldkit(['resume', '--yes', '--answers', answers, ...ada, '--json'], folder);
    expect(resumed.code).toBe(0);
    const lines = jsonLines(resumed.out);
    expect(new Set(lines.filter(({ kind }) => kind === 'answered').map(({ by }) => by))).toEqual(new Set(ada.slice(1)));
    expect(lines[0]).toMatchObject({ interrupted: 'install-slapos-node@machine:master-1' });
    expect(lines.at(-1)).toMatchObject({ problem: null });
    const nothing = await fieldkit(['resume'], folder);
    expect([nothing.code, nothing.out, nothing.err]).toEqual([0, 'Every step is done. Nothing was performed.\n', '']);
    const checked = await fieldkit(['check', 'prepare', '--json'], folder);
    expect([checked.code, jsonLines(checked.out).at(-1)]).toEqual([0, { checked: expect.any(Number), open: 0 }]);
  });

  it('ends with the code of a cancel when it is interrupted, and lets the site be opened again', async () => {
    const folder = await freshHome();
    await fieldkit(['practice'], folder);
    const child = spawn(process.execPath, [program, 'practice', '--walk', '--json'], {
      env: { ...inHome(folder), FIELDKIT_PRACTICE_PACE: '0.2' },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    let said = '';
    child.stdout.on('data', (chunk) => {
      if (!/"kind":"command-started","instance":"[a-z-]+@machine/.test(said)) {
        said += String(chunk);
        if (/"kind":"command-started","instance":"[a-z-]+@machine/.test(said)) child.kill('SIGINT');
      } else said += String(chunk);
    });
    expect(await ended).toBe(11);
    expect(jsonLines(said).at(-1)).toMatchObject({ problem: { code: 'cancelled' } });
    expect((await fieldkit(['practice', '--walk'], folder)).code).toBe(0);
  });
});

/** What the window asks for, and how it is asked for on a terminal; where it is no command, why it needs none. */
const onTerminal: Readonly<Record<ProcedureName, readonly string[] | { readonly none: string }>> = {
  'app.info': ['--version'],
  'help.read': { none: 'fieldkit --help, its manual page and the written docs' },
  'settings.get': { none: 'theme and language are the window’s; a command takes --language' },
  'settings.set': { none: 'as above' },
  'sites.list': ['sites'],
  'sites.create': ['sites', 'new'],
  'sites.onMedium': ['sites', 'take-over'],
  'sites.takeOver': ['sites', 'take-over'],
  'sites.open': ['steps'],
  'sites.close': { none: 'each command closes the site it opened' },
  'site.plan': { none: 'site.yaml is a file; any editor shows it' },
  'site.editPlan': { none: 'any editor' },
  'site.savePlan': { none: 'any editor; the next command reads it and says what is wrong' },
  'site.sheet': ['sheet'],
  'steps.check': ['check'],
  'steps.plan': ['plan'],
  'steps.run': ['run'],
  'steps.undoPlan': ['undo'],
  'steps.undo': ['undo'],
  'run.cancel': { none: 'Ctrl-C' },
  'questions.answer': { none: 'asked on the terminal, or --answers' },
  'secrets.show': ['show-password'],
  'drafts.save': { none: '--input says it each time' },
  'machines.read': ['machines', 'add'],
  'machines.look': ['machines', 'remove'],
  'machines.remove': ['machines', 'remove'],
  'machines.renew': ['machines', 'renew'],
  'machines.survey': ['survey'],
  'machines.surveyed': { none: 'the command prints it at its end' },
  'sources.test': ['sources', 'test'],
  'sources.stop': { none: 'Ctrl-C' },
  'keys.state': ['keys'],
  'keys.export': ['keys', 'export'],
  'keys.import': ['keys', 'import'],
  'media.recent': ['medium', 'list'],
  'laptop.now': ['run'],
  'media.next': ['medium', 'list'],
  'media.list': ['medium', 'list'],
  'media.contents': ['medium', 'show'],
  'media.rehearse': ['medium', 'rehearse'],
  'media.verify': ['medium', 'verify'],
  'media.verified': { none: 'the command prints it at its end' },
  'media.compare': ['medium', 'compare'],
  'media.clone': ['medium', 'clone'],
  'media.cloned': { none: 'the command prints it at its end' },
  'media.generations': ['medium', 'show'],
  'media.restore': ['medium', 'restore'],
  'media.restored': { none: 'the command prints it at its end' },
  'media.tidy': ['medium', 'clean'],
  'media.repair': ['medium', 'repair'],
  'media.repaired': { none: 'the command prints it at its end' },
  'cache.read': ['cache', 'list'],
  'cache.trim': ['cache', 'clear'],
  'cache.limit': ['cache', 'limit'],
  'cache.check': ['cache', 'verify'],
  'media.rehearsal': { none: 'the command prints it at its end' },
  'format.drives': ['medium', 'list'],
  'format.look': ['medium', 'format'],
  'format.perform': ['medium', 'format'],
  'pick.path': { none: 'paths are typed' },
  'blobs.read': ['journal'],
  'practice.faults': ['practice', 'faults'],
  'records.list': ['record', 'list'],
  'records.read': ['record', 'show'],
  'records.save': { none: 'a record is a folder: cp; record list names it' },
  'records.export': ['export'],
  'support.read': ['support'],
  'support.save': ['support'],
  'events.since': ['journal'],
};

/** The office's first steps: reading, a choice, a passphrase asked for, keys made, a plan of many commands. */
const sameSteps = [
  'describe-site@site',
  'choose-medium@site',
  'make-keys@site',
  'fetch-vendor-packages@system:debian-12-amd64',
];

/** What a journal tells beside time, person and laptop; keys are made anew each time, so their traces are left out. */
async function told(folder: string): Promise<string[]> {
  const text = await readFile(join(folder, 'data/sites/practice/journal.jsonl'), 'utf8');
  return jsonLines(text).flatMap((line) => {
    const event = journalEvent.parse(line);
    if (!('instance' in event)) return [];
    const more =
      event.kind === 'facts'
        ? [event.verdict.state, ...event.found.map(({ key }) => key)]
        : event.kind === 'plan'
          ? event.plan.commands.map(({ kind }) => kind)
          : event.kind === 'consent'
            ? [event.scope]
            : event.kind === 'command-ended' || event.kind === 'run-ended'
              ? [event.outcome]
              : event.kind === 'asked'
                ? [event.question.id]
                : [];
    return [[event.kind, event.instance, ...more].join(' ')];
  });
}

/** The same steps through what the window calls. */
async function throughTheDesk(folder: string): Promise<void> {
  const kit = compose({ env: { FIELDKIT_HOME: folder }, practicePace: 0 });
  const { handlers, onEvent, close } = makeDesk(kit.parts);
  const site = 'practice';
  try {
    await handlers['sites.create']({ interview: null });
    const [medium] = await handlers['media.list']({ site });
    const over = new Promise<void>((resolve, reject) => {
      onEvent(({ event }) => {
        if (!('live' in event)) return;
        const { live } = event;
        if (live.kind === 'run-over') resolve();
        if (live.kind !== 'question') return;
        const { id } = live.question;
        handlers['questions.answer']({ site, run: live.run, id, value: practiceAnswers[id] ?? '' }).catch(reject);
      });
    });
    const inputs = { 'choose-medium@site': { path: medium?.path ?? '' } };
    await handlers['steps.run']({ site, instances: sameSteps, consent: 'phase', agreed: [], skip: [], inputs });
    await over;
  } finally {
    await close();
  }
}

describe('what the window can', () => {
  it('stands in the journal as what the terminal did', { timeout: 120_000 }, async () => {
    const [window, terminal] = [await freshHome(), await freshHome()];
    await throughTheDesk(window);
    await fieldkit(['practice'], terminal);
    const answers = join(terminal, 'answers.json');
    await writeFile(answers, JSON.stringify(practiceAnswers));
    const path = join(terminal, 'data/practice/stick');
    const words = ['run', ...sameSteps, '--yes', '--answers', answers, '--input', `choose-medium@site.path=${path}`];
    const said = await fieldkit(words, terminal);
    expect(said.code, `${said.out}${said.err}`.slice(-2000)).toBe(0);
    const journal = await told(window);
    expect(journal.filter((line) => line.startsWith('run-ended'))).toEqual(
      sameSteps.map((instance) => `run-ended ${instance} done`),
    );
    expect(journal).toEqual(await told(terminal));
  });

  const commands = [...new Set(Object.values(onTerminal).flatMap((item) => ('none' in item ? [] : [item.join(' ')])))];
  it.each(commands)('is a command too: fieldkit %s', async (words) => {
    const option = words.startsWith('-');
    const said = await fieldkit(option ? [words] : [...words.split(' '), '--help']);
    expect([said.code, said.err]).toEqual([0, '']);
    expect(said.out).toContain(option ? 'SlapOS Field Kit' : `Usage: fieldkit ${words}`);
  });
});
