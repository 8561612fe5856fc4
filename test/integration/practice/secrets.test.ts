// The whole walk as a user who needs a password to log in and for sudo, with canaries as secrets: they reach the machine's
// login and nothing else, neither a file, an event, a plan nor an argument of a local program.
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { compose } from '../../../src-main/compose.ts';
import { practiceAnswers } from '../../../src-main/practice/prepare.ts';
import type { Asker } from '../../../src-main/runbook/asking.ts';
import { closeBench, openBench } from '../../../src-main/runbook/bench.ts';
import { shellOf } from '../../../src-main/runbook/explain.ts';
import { sitesFolder } from '../../../src-main/runbook/sites.ts';
import type { Connection, ConnectionRequest } from '../../../src-main/target/connection.ts';
import { problem } from '../../../src-shared/problem.ts';

vi.mock('node:child_process', async (original) => {
  const real = await original<typeof import('node:child_process')>();
  return { ...real, spawn: vi.fn(real.spawn) };
});

// The simulated machine behind a login: everything else is as the program composes it.
vi.mock('../../../src-main/practice/site.ts', async (original) => {
  const real = await original<typeof import('../../../src-main/practice/site.ts')>();
  const practiceOutside: typeof real.practiceOutside = (folder, options) => {
    const outside = real.practiceOutside(folder, options);
    return { ...outside, open: guarded(outside.open) };
  };
  return { ...real, practiceOutside };
});

const password = 'canary-P@ss "word" €1';
const passphrase = 'canary phrase/with+signs=&';
const mistyped = 'canary-mistyped';
const tokens = ['create-node-token:node-1', 'configure-client:node-1'].map((id) => practiceAnswers[id] ?? 'no token');
const forms = [password, passphrase, mistyped, ...tokens].flatMap((secret) => [
  secret,
  JSON.stringify(secret).slice(1, -1),
  encodeURIComponent(secret),
  Buffer.from(secret).toString('base64').replace(/=+$/, ''),
]);
const leaks = (text: string): string[] => forms.filter((form) => text.includes(form));

let home: string;
const asked: string[] = [];
const isSecret = (id: string): boolean => id === 'passphrase' || id.startsWith('password:');
/** Passwords that the machine was offered. */
const used: string[] = [];
const wrongFirst = new Set<string>();

/** Once wrong, then right: as people type. */
const asker: Asker = {
  who: 'test',
  answer: async (_instance, { id }) => {
    asked.push(id);
    if (id === 'passphrase') return passphrase;
    if (wrongFirst.delete(id)) return mistyped;
    return id.startsWith('password:') ? password : (practiceAnswers[id] ?? '');
  },
  confirm: async () => true,
};

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'fieldkit-secrets-'));
});
afterAll(() => rm(home, { recursive: true, force: true }));

/** Logs in with the password alone; commands as root need it as well. */
const guarded =
  (open: (request: ConnectionRequest) => Promise<Connection>) =>
  async (request: ConnectionRequest): Promise<Connection> => {
    const { name: machine, user } = request.machine;
    used.push(request.login.password ?? '');
    if (request.login.password !== password) throw problem('login-refused', { machine, user });
    const connection = await open(request);
    const exec: Connection['exec'] = async (argv, options) => {
      if (request.login.sudoPassword !== password) throw problem('sudo-refused', { machine, user });
      // A machine that repeats what it was given: its words are shown and kept.
      options?.onLine?.('stderr', `sudo: ${password}`);
      const result = await connection.exec(argv, options);
      return { ...result, stderr: `${result.stderr}[sudo] ${password}\n` };
    };
    return new Proxy(connection, {
      get: (target, name) => {
        if (name === 'exec') return exec;
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  };

it('a walk with password and sudo leaves no secret anywhere', { timeout: 300_000 }, async () => {
  const env = { FIELDKIT_HOME: home };
  const kit = compose({ env, practicePace: 0 });
  const name = await kit.practice.ensureSite();
  const planPath = join(sitesFolder(kit.parts.dataFolder), name, 'site.yaml');
  await writeFile(planPath, (await readFile(planPath, 'utf8')).replace('user: root', 'user: technician'));

  const shown: string[] = [];
  let bench = await openBench(kit.parts, name, asker);
  const listen = () =>
    bench.site.listen((event) => {
      shown.push(JSON.stringify(event));
      if ('journal' in event.event && event.event.journal.kind === 'plan')
        shown.push(shellOf(event.event.journal.plan.commands));
    });
  listen();
  const walk = () =>
    bench.runner.runAll(bench.runner.instances(), {
      asker,
      consent: 'phase',
      agreed: [],
      skip: [],
      inputs: kit.practice.inputs,
      signal: new AbortController().signal,
    });
  wrongFirst.add('password:master-1');
  const refused = await walk();
  expect(refused.at(-1)).toMatchObject({ instance: 'connect@machine:master-1', problem: { code: 'login-refused' } });
  expect((await walk()).filter(({ outcome }) => outcome !== 'done')).toEqual([]);
  expect(asked.filter(isSecret)).toEqual([
    'passphrase',
    'password:builder-1',
    'password:master-1',
    'password:master-1',
    'password:node-1',
  ]);
  expect(asked).toEqual(expect.arrayContaining(['create-node-token:node-1', 'configure-client:node-1']));
  const askedBefore = asked.length;
  expect(new Set(used)).toEqual(new Set(['', mistyped, password]));

  // The next day: asked once more, and nothing is done twice.
  await closeBench(bench);
  bench = await openBench(kit.parts, name, asker);
  listen();
  expect((await walk()).reduce((sum, { performed }) => sum + performed, 0)).toBe(0);
  expect(asked.slice(askedBefore).filter(isSecret)).toEqual([
    'password:builder-1',
    'password:master-1',
    'password:node-1',
  ]);
  await closeBench(bench);

  expect(leaks(shown.join('\n'))).toEqual([]);
  expect(shown.length).toBeGreaterThan(100);
  const found: string[] = [];
  let files = 0;
  for (const entry of await readdir(home, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    files += 1;
    const text = await readFile(join(entry.parentPath, entry.name), 'utf8');
    if (leaks(text).length > 0) found.push(join(entry.parentPath, entry.name));
  }
  expect(found).toEqual([]);
  expect(files).toBeGreaterThan(20);
  expect(leaks(JSON.stringify(vi.mocked(spawn).mock.calls.map(([file, args]) => [file, args])))).toEqual([]);
});
