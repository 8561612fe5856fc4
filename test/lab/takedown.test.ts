/** A lab that is closed, or whose program was killed, leaves nothing on the host. */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { unless } from '../unless.ts';
import { mustRun } from './command.ts';
import { takeLock } from './host.ts';
import { Lab, labUnavailable } from './index.ts';

const reason = labUnavailable();

const labModule = fileURLToPath(new URL('./index.ts', import.meta.url));

describe('taking down', unless(reason), () => {
  it('leaves no process, mount, bridge or folder behind when it is closed', async () => {
    const lab = await Lab.open();
    const machine = await lab.bootMachine({ name: 'gone' });
    const made = { folder: lab.folder, bridge: indexOf(lab.bridge), hostname: machine.hostname };
    expect(tracesOf(made)).not.toEqual([]);
    await lab.close();
    expect(tracesOf(made)).toEqual([]);
  });

  it('is done by the next lab when a program was killed', async () => {
    const program = `
      const { Lab } = await import(${JSON.stringify(labModule)});
      const lab = await Lab.open();
      const machine = await lab.bootMachine({ name: 'orphan' });
      console.log(JSON.stringify([lab.folder, lab.bridge, machine.hostname]));
      setInterval(() => {}, 60_000);
    `;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const line = await new Promise<string>((resolve, reject) => {
      child.stdout.setEncoding('utf8').once('data', resolve);
      child.once('exit', (code) => reject(new Error(`the killed program ended by itself: ${code}`)));
    });
    const [folder, bridge, hostname] = JSON.parse(line) as [string, string, string];
    const left = { folder, bridge: indexOf(bridge), hostname };
    const ended = new Promise((resolve) => child.once('exit', resolve));
    // Another file's lab may be opened at this very moment, and would take it down: not before we have looked.
    const release = await takeLock('runs');
    child.kill('SIGKILL');
    await ended;
    const traces = tracesOf(left);
    await release();
    expect(traces).not.toEqual([]);
    const next = await Lab.open();
    try {
      expect(tracesOf(left)).toEqual([]);
    } finally {
      await next.close();
    }
  });
});

describe('labs of clones that know nothing of each other', unless(reason), () => {
  it('open and close at the same moment, and none loses its bridge to another', async () => {
    const program = `
      const { readFileSync } = await import('node:fs');
      const { Lab } = await import(${JSON.stringify(labModule)});
      for (let round = 0; round < 8; round += 1) {
        const lab = await Lab.open();
        readFileSync('/sys/class/net/' + lab.bridge + '/address');
        await lab.close();
      }
    `;
    const home = await mkdtemp(join(tmpdir(), 'fieldkit-clones-'));
    try {
      const clones = [1, 2, 3].map(async (number) => {
        const cache = join(home, String(number));
        await mkdir(cache);
        return mustRun([process.execPath, '--input-type=module', '--eval', program], {
          env: { XDG_CACHE_HOME: cache },
        });
      });
      await Promise.all(clones);
    } finally {
      await rm(home, { recursive: true, force: true });
    }
  });
});

interface Made {
  readonly folder: string;
  /** The kernel's number of the bridge: its name is free for the next lab as soon as it is gone. */
  readonly bridge: string;
  readonly hostname: string;
}

const indexOf = (bridge: string): string => readFileSync(`/sys/class/net/${bridge}/ifindex`, 'utf8').trim();

/** Everything on this host that belongs to one machine of one lab. */
function tracesOf({ folder, bridge, hostname }: Made): string[] {
  const traces = readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(`--machine=${hostname}`);
    } catch {
      return false;
    }
  });
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  const groups = ['systemd', 'unified', '.'].map((hierarchy) => `/sys/fs/cgroup/${hierarchy}/${hostname}`);
  const bridges = readdirSync('/sys/class/net').filter((name) => {
    try {
      return indexOf(name) === bridge;
    } catch {
      return false;
    }
  });
  return [
    ...traces.map((pid) => `process ${pid}`),
    ...mounts.filter((line) => line.includes(`${folder}/`)),
    ...bridges,
    ...[folder, ...groups].filter((place) => existsSync(place)),
  ];
}
