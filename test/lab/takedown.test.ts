/** A lab that is closed, or whose program was killed, leaves nothing on the host. */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Lab, labUnavailable } from './index.ts';

const reason = labUnavailable();
if (reason !== null) console.warn(`lab tests skipped: ${reason}`);

const labModule = fileURLToPath(new URL('./index.ts', import.meta.url));

describe.skipIf(reason !== null)('taking down', () => {
  it('leaves no process, mount, bridge or folder behind when it is closed', async () => {
    const lab = await Lab.open();
    const machine = await lab.bootMachine({ name: 'gone' });
    expect(tracesOf(lab.folder, lab.bridge, machine.hostname)).not.toEqual([]);
    await lab.close();
    expect(tracesOf(lab.folder, lab.bridge, machine.hostname)).toEqual([]);
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
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
    expect(tracesOf(folder, bridge, hostname)).not.toEqual([]);
    const next = await Lab.open();
    try {
      expect(tracesOf(folder, next.bridge === bridge ? '' : bridge, hostname)).toEqual([]);
    } finally {
      await next.close();
    }
    expect(tracesOf(folder, bridge, hostname)).toEqual([]);
  });
});

/** Everything on this host that belongs to one machine of one lab. */
function tracesOf(folder: string, bridge: string, hostname: string): string[] {
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
  const places = [folder, ...groups, ...(bridge === '' ? [] : [`/sys/class/net/${bridge}`])];
  return [
    ...traces.map((pid) => `process ${pid}`),
    ...mounts.filter((line) => line.includes(`${folder}/`)),
    ...places.filter((place) => existsSync(place)),
  ];
}
