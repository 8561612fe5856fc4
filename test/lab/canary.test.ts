/** No secret leaks: a canary in each, over the whole walk, looked for in every program started, every file that stays, and the journal. */
import { createReadStream } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkpointAnswers, restoreLaptop } from './checkpoints.ts';
import { Lab, type LabMachine, longLabUnavailable } from './index.ts';
import { traceWords } from './machine.ts';
import { type Laptop, walk } from './site.ts';

const reason = longLabUnavailable();
if (reason !== null) console.warn(`lab tests skipped: ${reason}`);

/** The first user's, as the stand-in publishes it. */
const firstPassword = 'labinituser5canary5of5the5master';

describe.skipIf(reason !== null)('secrets', () => {
  let lab: Lab;
  let machine: LabMachine;
  let laptop: Laptop;
  /** What to look for, by name. */
  let canaries: Readonly<Record<string, string>>;
  /** Where each was seen in a text, as `name in place`. */
  const seenIn = (place: string, text: string): string[] =>
    Object.entries(canaries).flatMap(([name, value]) =>
      [value, Buffer.from(value).toString('base64'), encodeURIComponent(value)].some((form) => text.includes(form))
        ? [`${name} in ${place}`]
        : [],
    );
  const seenBelow = async (folder: string, but: readonly string[] = []): Promise<string[]> => {
    const found: string[] = [];
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (entry.isFile() && !but.includes(path)) found.push(...seenIn(path, await readFile(path, 'latin1')));
    }
    return found;
  };
  const programsIn = async (trace: string): Promise<{ count: number; seen: string[] }> => {
    let count = 0;
    const seen: string[] = [];
    for await (const line of createInterface({ input: createReadStream(trace) })) {
      if (!/\bexecve(at)?\(/.test(line)) continue;
      count += 1;
      seen.push(...seenIn(line.slice(0, 200), line));
    }
    return { count, seen };
  };

  beforeAll(async () => {
    lab = await Lab.open();
    laptop = await restoreLaptop('sealed');
    machine = await lab.bootMachine({ name: 'canary', login: 'sudo' });
    const { user, password } = machine.login;
    canaries = {
      'the sudo password': password ?? '',
      'the vault’s passphrase': checkpointAnswers.passphrase,
      'the first user’s password': firstPassword,
    };
    await laptop.aimAt(machine);
    await laptop.editPlan((text) =>
      text.replace(/^ {4}user: .*$/m, `    user: ${user}`).replace(/^ {4}keyFile: .*\n/m, ''),
    );
    const answers = { ...checkpointAnswers, 'password:master-1': password };
    await writeFile(laptop.answersPath, JSON.stringify(answers), { mode: 0o600 });
  });
  afterAll(async () => {
    await lab?.close();
    await laptop?.discard();
  });

  it('are in no argument list and no environment, of the program or below the machine’s ssh server', async () => {
    const [own, remote] = [join(lab.folder, 'own.trace'), join(lab.folder, 'remote.trace')];
    const stop = await machine.traceLogins(remote);
    const under = ['strace', '--seccomp-bpf', ...traceWords(own)];
    const run = await laptop.fieldkit(walk.site(laptop), { under });
    await stop();
    expect(run.code, run.stdout.slice(-4000) + run.stderr).toBe(0);
    const [first, second] = [await programsIn(own), await programsIn(remote)];
    expect([...first.seen, ...second.seen]).toEqual([]);
    // The trace saw what it should have seen: the program itself, and sudo on the machine.
    expect(first.count).toBeGreaterThan(0);
    expect(second.count).toBeGreaterThan(200);
    expect(await readFile(remote, 'latin1')).toMatch(/execve\("\/usr\/bin\/sudo"/);
    expect(seenIn('what the program says', run.stdout + run.stderr)).toEqual([]);
  });

  it('are in no file of the laptop and the medium', async () => {
    expect(await seenBelow(laptop.home, [laptop.answersPath])).toEqual([]);
  });

  it('are in no file of ours on the machine, and nowhere else but where slapos keeps its own', async () => {
    const look = async (value: string) =>
      (
        await machine.shell(
          `grep -rlF --devices=skip -e '${value}' /etc /home /opt /root /run /srv /tmp /usr /var /dev/shm 2>/dev/null | sort`,
        )
      ).stdout
        .split('\n')
        .filter((path) => path !== '');
    const { 'the first user’s password': known, ...secret } = canaries;
    for (const value of Object.values(secret)) expect(await look(value)).toEqual([]);
    const slapos = /^\/(srv\/slapgrid|opt\/slapos|opt\/slapgrid)\//;
    expect((await look(known ?? '')).filter((path) => !slapos.test(path))).toEqual([]);
    expect(seenIn('the machine’s journal', await machine.mustShell('journalctl --no-pager -o cat | cat'))).toEqual([]);
  });
});
