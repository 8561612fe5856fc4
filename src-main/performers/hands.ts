// The hands of one open site: world, performers and leases over real (or simulated) machines. Made by compose.
// It never decides anything: what to do stands in the command.
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Json } from '../../src-shared/json.ts';
import { Problem, problem } from '../../src-shared/problem.ts';
import { type ContentWay, contentWayOf, type Machine, machineNamed } from '../../src-shared/site.ts';
import type { Command, Question } from '../../src-shared/step.ts';
import { machineOf } from '../../src-shared/step.ts';
import { places } from '../platform/at-once.ts';
import { type Fetch, forbiddenFetch } from '../platform/fetch.ts';
import { openVault, type Vault } from '../platform/vault.ts';
import type { Asker } from '../runbook/asking.ts';
import type { HostKey, World } from '../runbook/define.ts';
import type { OpenSite } from '../runbook/open-site.ts';
import type { Hands, Performed, Performing } from '../runbook/performer.ts';
import type { Connection, ConnectionRequest, Dial, LoginMaterial } from '../target/connection.ts';
import { ConnectionPool } from '../target/connection-pool.ts';
import { HoldLost } from '../target/hold.ts';
import { takeBackup, unpackBackup } from './backups.ts';
import { asGone, boundMedium, sightOfMedium } from './bound-medium.ts';
import { contentLeases, type Heard } from './content-leases.ts';
import { performCopy } from './copy.ts';
import { performGuard, settleGuard } from './guard.ts';
import type { Job, JobContext, Sight } from './jobs.ts';
import { machineHolds } from './machine-holds.ts';
import { performOnLaptop } from './on-laptop.ts';
import {
  performReboot,
  performReceive,
  performRun,
  performSend,
  performUntil,
  performWrite,
  settleRun,
  type TargetMeans,
} from './on-target.ts';
import { pluggedMedia } from './plugged-media.ts';
import { noCopies, siteCopies } from './site-copies.ts';
import { askingFetch, proxyQuestion } from './sources.ts';

/** What differs between a real site and the practice site. */
export interface Outside {
  readonly fetch: Fetch;
  readonly open: (request: ConnectionRequest) => Promise<Connection>;
  readonly scanHostKey: (
    machine: { readonly name: string; readonly address: string; readonly port: number },
    signal: AbortSignal,
    through?: Dial,
  ) => Promise<HostKey>;
}

export interface HandsParts {
  readonly site: OpenSite;
  readonly asker: Asker;
  readonly outside: Outside;
  readonly jobs: Readonly<Record<string, Job>>;
  readonly sights: Readonly<Record<string, Sight>>;
  readonly program: string;
  readonly cacheFolder: string;
  readonly vaultPath: string;
  /** Present while a site is rehearsed: who hears what is asked for. Nothing is then written to the medium. */
  readonly heard?: Heard;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * A step that asks every machine of a site asks so many side by side: a laptop can do without hundreds of logins at one moment, and a
 * jump host lets ten strangers in at a time.
 */
const machinesReadAtOnce = 10;

export function makeHands(parts: HandsParts): Hands {
  const { site, asker, outside, jobs, sights, cacheFolder, vaultPath } = parts;
  /** A secret of this session, asked for at its first use. */
  function secret(instance: string, question: Question, signal: AbortSignal): Promise<string> {
    // One question at a time: machines are read side by side, and a person answers one after the other.
    const asked = asking.then(() => askFor(instance, question, signal));
    asking = asked.catch(() => undefined);
    return asked;
  }
  let asking: Promise<unknown> = Promise.resolve();
  async function askFor(instance: string, question: Question, signal: AbortSignal): Promise<string> {
    const known = site.secrets.get(question.id);
    if (known !== undefined) return known;
    try {
      const value = await asker.answer(instance, question, signal);
      site.secrets.set(question.id, value);
      return value;
    } finally {
      site.settleLive(instance, 'question');
    }
  }

  let vault: Vault | null = null;
  async function unlock(instance: string, signal: AbortSignal): Promise<Vault> {
    if (vault !== null) return vault;
    const question: Question = {
      id: 'passphrase',
      kind: 'secret',
      key: 'steps.make-keys.asks.passphrase',
      params: {},
      show: [],
      choices: [],
    };
    const passphrase = await secret(instance, question, signal);
    try {
      vault = await openVault(vaultPath, passphrase);
    } catch (error) {
      site.secrets.forget(question.id);
      throw error;
    }
    return vault;
  }

  const passwordQuestion = (machine: string, user: string): Question => ({
    id: `password:${machine}`,
    kind: 'secret',
    key: 'steps.connect.asks.password',
    params: { machine, user },
    show: [],
    choices: [],
  });

  const keyQuestion = (machine: string, path: string): Question => ({
    id: keyPassphraseId(path),
    kind: 'secret',
    key: 'steps.connect.asks.keyPassphrase',
    params: { machine, path },
    show: [],
    choices: [],
  });

  async function requestOf(name: string): Promise<Omit<ConnectionRequest, 'signal'>> {
    const machine = machineNamed(site.plan, name);
    if (machine === undefined) throw problem('step-unknown', { step: name });
    const password = site.secrets.get(`password:${name}`);
    const login: LoginMaterial = {
      ...(await privateKeyOf(machine.keyFile, (path) => site.secrets.get(keyPassphraseId(path)))),
      ...(parts.env.SSH_AUTH_SOCK === undefined ? {} : { agentSocket: parts.env.SSH_AUTH_SOCK }),
      ...(password === undefined ? {} : { password, sudoPassword: password }),
    };
    return {
      machine: { name, address: machine.address, port: machine.port, user: machine.user },
      pinnedHostKey: machine.hostKey ?? null,
      login,
      ...wayTo(machine),
    };
  }

  /** The machine on the way is connected to like any other, and asks for its own password. */
  const wayTo = ({ jump }: Pick<Machine, 'jump'>): { readonly through?: Dial } =>
    jump === undefined
      ? {}
      : {
          through: async (host, port, signal = new AbortController().signal) =>
            (await target(jump, signal)).dial(host, port, signal),
        };

  const pool = new ConnectionPool({ requestOf, open: outside.open, onLoss: (name) => void content.close(name) });

  /** The connection; a key that is locked, and in no agent, asks for its passphrase. A wrong one is told, and asked for again. */
  async function unlocked(name: string, signal: AbortSignal): Promise<Connection> {
    try {
      return await pool.get(name, signal).catch(async (error: unknown) => {
        if (!(error instanceof Problem) || error.code !== 'private-key-locked') throw error;
        await secret(`connect@machine:${name}`, keyQuestion(name, String(error.data.params.path)), signal);
        return pool.get(name, signal);
      });
    } catch (error) {
      if (error instanceof Problem && error.code === 'private-key-passphrase-wrong')
        site.secrets.forget(keyPassphraseId(String(error.data.params.path)));
      throw error;
    }
  }

  /** The connection; a refused login asks for the password once, a missing one for sudo as well. */
  async function target(name: string, signal: AbortSignal): Promise<Connection> {
    try {
      return await unlocked(name, signal);
    } catch (error) {
      if (!(error instanceof Problem) || error.code !== 'login-refused') throw error;
      const question = passwordQuestion(name, machineNamed(site.plan, name)?.user ?? '');
      const tried = site.secrets.get(question.id) !== undefined;
      site.secrets.forget(question.id);
      // A wrong password is told, and asked for again at the next act.
      if (tried) throw error;
      await secret(`connect@machine:${name}`, question, signal);
      try {
        return await unlocked(name, signal);
      } catch (again) {
        if (again instanceof Problem && again.code === 'login-refused') site.secrets.forget(question.id);
        throw again;
      }
    }
  }

  /** Runs something as root; when sudo needs a password that is not known, asks once. */
  async function withSudo<T>(
    name: string,
    signal: AbortSignal,
    act: (connection: Connection) => Promise<T>,
  ): Promise<T> {
    const question = passwordQuestion(name, machineNamed(site.plan, name)?.user ?? '');
    try {
      return await act(await target(name, signal));
    } catch (error) {
      if (!(error instanceof Problem) || error.code !== 'sudo-refused') throw error;
      const tried = site.secrets.get(question.id) !== undefined;
      site.secrets.forget(question.id);
      await pool.drop(name);
      if (tried) throw error;
      await secret(`connect@machine:${name}`, question, signal);
      return act(await target(name, signal));
    }
  }

  const content = contentLeases({ site, withSudo, ...(parts.heard === undefined ? {} : { heard: parts.heard }) });
  const holds = machineHolds({ site, program: parts.program, withSudo });
  const copies = parts.heard === undefined ? siteCopies(site) : noCopies;
  const plugged = pluggedMedia(withSudo);

  const wayOf = (name: string): ContentWay => {
    const machine = machineNamed(site.plan, name);
    return machine === undefined ? 'connection' : contentWayOf(site.plan, machine);
  };
  /** A copy that stays on the master needs nothing of this session. */
  const leaseOpen = (name: string): boolean => {
    const way = wayOf(name);
    return way === 'connection' ? content.isOpen(name) : way === 'resident' || plugged.isHeld(name);
  };

  const means: TargetMeans = {
    target,
    drop: async (name) => {
      await content.close(name);
      await pool.drop(name);
    },
    clock: site.clock,
    mediumFile: async (path) => join((await boundMedium(site)).root, path),
  };

  const allJobs: Readonly<Record<string, Job>> = {
    ...jobs,
    'open-content': async ({ machine }, { signal }) => content.open(String(machine), signal),
    'hold-medium': async ({ machine }) => plugged.hold(String(machine)),
    'take-backup': async ({ machine, number, caFolder }, context) => {
      const wanted = { number: Number(number), caFolder: String(caFolder), program: parts.program };
      await withSudo(String(machine), context.signal, (connection) => takeBackup(connection, wanted, context));
    },
    'unpack-backup': async ({ machine, number, over }, context) => {
      const name = String(machine);
      const typed = site.view.instances[`restore-master@machine:${name}`]?.answers[`restore-over:${name}`];
      if (over === true && typed !== name) throw problem('not-confirmed', { step: 'restore-master' });
      await withSudo(name, context.signal, (connection) => unpackBackup(connection, Number(number), context));
    },
    'pin-host-key': async ({ machine, fingerprint }) => {
      await site.editPlan(({ machines }) => {
        const index = machines.findIndex(({ name }) => name === machine);
        if (index < 0) throw problem('plan-changed', { step: 'connect' });
        return [{ path: ['machines', index, 'hostKey'], value: String(fingerprint) }];
      });
      await pool.drop(String(machine));
    },
  };

  const tellGone = async (thrown: unknown): Promise<never> => {
    throw await asGone(site, thrown);
  };

  const reading = places(machinesReadAtOnce);
  const worldOf = (signal: AbortSignal): World => ({
    probe: async (name, probes) => {
      const leave = await reading(signal);
      try {
        return await withSudo(name, signal, (connection) => connection.probe(probes, signal));
      } finally {
        leave();
      }
    },
    hostKey: (name) => {
      const machine = machineNamed(site.plan, name);
      if (machine === undefined) throw problem('step-unknown', { step: name });
      return outside.scanHostKey(machine, signal, wayTo(machine).through);
    },
    leaseOpen: (_lease, name) => leaseOpen(name),
    medium: () => sightOfMedium(site).catch(tellGone),
    sight: async <T extends Json>(name: string, args: Readonly<Record<string, Json>> = {}) => {
      const look = sights[name];
      if (look === undefined) throw problem('internal', { detail: `no sight ${name}` });
      return (await look(args, { site, cacheFolder, signal }).catch(tellGone)) as T;
    },
  });

  function fetchFor({ instance, signal }: Pick<Performing, 'instance' | 'signal'>): Fetch {
    const question = proxyQuestion(site.plan);
    if (question === null || site.practice) return outside.fetch;
    const ask = async () => void (await secret(instance, question, signal));
    return askingFetch(outside.fetch, ask, () => site.secrets.forget(question.id));
  }

  async function performWork(command: Extract<Command, { kind: 'work' }>, context: Performing): Promise<Performed> {
    const act = allJobs[command.job];
    if (act === undefined) throw problem('internal', { detail: `no job ${command.job}` });
    const jobContext: JobContext = {
      site,
      fetch: context.phase === 'site' ? forbiddenFetch(context.instance) : fetchFor(context),
      cacheFolder,
      vault: () => unlock(context.instance, context.signal),
      world: worldOf(context.signal),
      onProgress: context.onProgress,
      onLine: context.onLine,
      signal: context.signal,
    };
    await act(command.args, jobContext).catch(tellGone);
    return { exit: null, output: '' };
  }

  /** One that finds the hold gone when it begins has done nothing: who has it now is told, or it is taken again after a reboot. */
  async function underHold(
    command: Command,
    machine: string,
    context: Performing,
    act: (heldBy: string | null) => Promise<Performed>,
  ): Promise<Performed> {
    const heldBy = looksItself(command) ? await holds.held(machine, context) : null;
    try {
      return await withSudo(machine, context.signal, () => act(heldBy));
    } catch (error) {
      if (!(error instanceof HoldLost)) throw error;
      await holds.hold(machine, context);
      return withSudo(machine, context.signal, () => act(null));
    }
  }

  async function perform(command: Command, context: Performing): Promise<Performed> {
    if (command.kind === 'work') return performWork(command, context);
    if (command.kind === 'ask') {
      const answer = await context.ask(command.question);
      if (command.question.kind === 'confirm' && answer !== 'yes')
        throw problem('not-confirmed', { step: context.instance });
      return { exit: null, output: '' };
    }
    if (command.kind === 'get') {
      if (context.phase === 'site') throw problem('leaves-for-network', { step: context.instance, url: command.url });
      const { url, to, sha256, sizeBytes } = command;
      await fetchFor(context).download({
        url,
        to,
        sha256,
        sizeBytes,
        onProgress: ({ doneBytes, totalBytes }) =>
          context.onProgress({ done: doneBytes, total: totalBytes, unit: 'bytes', what: url }),
        signal: context.signal,
      });
      return { exit: null, output: '' };
    }
    if (command.on === 'laptop') return performOnLaptop(command, context);
    const { machine } = command.on;
    if (changesMachine(command) && !looksItself(command)) await holds.hold(machine, context);
    switch (command.kind) {
      case 'run':
        return underHold(command, machine, context, (heldBy) => performRun(means, machine, command, context, heldBy));
      case 'write':
        return underHold(command, machine, context, (heldBy) => performWrite(means, machine, command, context, heldBy));
      case 'send':
        return withSudo(machine, context.signal, () => performSend(means, machine, command, context));
      case 'copy':
        return withSudo(machine, context.signal, () => performCopy(means, machine, command, context));
      case 'receive':
        return performReceive(means, machine, command, context);
      case 'until':
        return performUntil(means, machine, command, context);
      case 'reboot':
        return performReboot(means, machine, command, context);
      case 'guard':
        return withSudo(machine, context.signal, () => performGuard(means, machine, command, context));
    }
  }

  return {
    world: worldOf,
    perform,
    settle: async (command, context) => {
      const machine = machineOf(command);
      if (machine === null) return null;
      if (command.kind === 'run') return settleRun(means, machine, command, context);
      return command.kind === 'guard' ? settleGuard(means, machine, context) : null;
    },
    openLease: async (_lease, name, signal) => {
      const way = wayOf(name);
      if (way === 'connection') await content.open(name, signal);
      if (way === 'medium') await plugged.open(name, signal);
    },
    leaseOpen: (_lease, name) => leaseOpen(name),
    ready: () => copies.requireOurs(),
    edge: () => copies.copy().catch(() => undefined),
    rest: () => holds.releaseAll(),
    close: async () => {
      await holds.releaseAll();
      await plugged.closeAll();
      await content.closeAll();
      await pool.close();
    },
  };
}

/** What is over soon looks itself, where it begins, whether the machine is still held by us. */
const looksItself = (command: Command): boolean =>
  command.kind === 'write' || (command.kind === 'run' && command.long !== true);
const changesMachine = ({ kind }: Command): boolean => kind !== 'until' && kind !== 'receive';

/** One passphrase a key file, however many machines it opens. */
const keyPassphraseId = (path: string): string => `key:${path}`;

async function privateKeyOf(
  keyFile: string | undefined,
  passphraseOf: (path: string) => string | undefined,
): Promise<Pick<LoginMaterial, 'privateKey'>> {
  if (keyFile === undefined) return {};
  const path = keyFile.replace(/^~(?=\/)/, homedir());
  const passphrase = passphraseOf(path);
  const publicText = await readFile(`${path}.pub`, 'utf8').catch(() => '');
  try {
    const text = await readFile(path, 'utf8');
    return { privateKey: { path, text, publicText, ...(passphrase === undefined ? {} : { passphrase }) } };
  } catch (error) {
    throw problem('private-key-unreadable', { path, detail: error instanceof Error ? error.message : '' });
  }
}
