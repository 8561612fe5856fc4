/**
 * A real stick, as an ordinary user of a machine of its own sees it through the built command line: listed by itself, mounted
 * when it is chosen and not before, known again under another name, another one in its place refused.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { unless } from '../unless.ts';
import { longLabUnavailable } from './host.ts';
import { usbUnavailable } from './usb/image.ts';
import { UsbMachine } from './usb/machine.ts';

const project = join(import.meta.dirname, '..', '..');
const reason = usbUnavailable() ?? longLabUnavailable();

const plan = `format: 1
name: sticks
machines:
  - { name: master-1, roles: [master], address: 10.99.0.1, user: root, release: "12", interface: eth0, partitions: 5 }
releases: []
`;

interface Listed {
  readonly token: string;
  readonly serial: string | null;
  readonly fileSystem: string | null;
}

describe('a real stick', unless(reason), () => {
  let machine: UsbMachine;
  const image: Record<string, string> = {};
  const kit = 'FIELDKIT_HOME=$HOME/data LANG=en_GB.UTF-8 node kit/out/cli/fieldkit.mjs';
  const fieldkit = (words: string) => machine.run(`${kit} ${words} --json`);
  const listed = async (): Promise<readonly Listed[]> => JSON.parse((await fieldkit('medium list')).stdout) as Listed[];
  const device = async (serial: string): Promise<string> =>
    (
      await machine.until(
        `name=$(lsblk -dno NAME,SERIAL | awk '$2 == "${serial}" { print $1 }'); test -n "$name" && udevadm settle && test -n "$(lsblk -no UUID /dev/\${name}1)" && echo /dev/\${name}1`,
      )
    ).trim();
  const place = '/media/user/STICKEXFAT';
  const choose = (words = '') => fieldkit(`run describe-site choose-medium --yes ${words}`);

  const here = `--input choose-medium@site.path=${place}`;
  let question = '';
  const answer = async (value: string): Promise<void> => {
    await writeFile(join(machine.folder, 'answers.json'), JSON.stringify({ [question]: value }));
    await machine.bring(machine.folder, ['answers.json'], '.');
  };

  beforeAll(async () => {
    machine = await UsbMachine.start();
    const modules = ['ssh2', 'asn1', 'bcrypt-pbkdf', 'tweetnacl', 'safer-buffer', 'openpgp'];
    const names = ['out/cli/fieldkit.mjs', 'resources', ...modules.map((name) => `node_modules/${name}`)];
    await machine.bring(project, names, 'kit');
    await writeFile(join(machine.folder, 'plan.yaml'), plan);
    await machine.bring(machine.folder, ['plan.yaml'], '.');
    for (const name of ['mine', 'other']) image[name] = await machine.stick(name, 'exfat');
    const made = await fieldkit('sites create plan.yaml');
    expect(made.code, made.stdout + made.stderr).toBe(0);
  });
  afterAll(() => machine?.stop());

  it('is listed by itself once it is plugged in, with what it is, and mounted by nobody', async () => {
    // Each list with the moment at which it was printed, by the machine's own clock.
    const watching = machine.spawn(
      `${kit} medium list --watch --json | while read -r line; do read -r now _ < /proc/uptime; echo "$now $line"; done`,
    );
    const lists: (readonly [seconds: number, list: readonly Listed[]])[] = [];
    let rest = '';
    watching.stdout?.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const space = line.indexOf(' ');
        lists.push([Number(line.slice(0, space)), JSON.parse(line.slice(space)) as Listed[]]);
      }
    });
    const saying = async (what: (list: readonly Listed[]) => boolean) => {
      await expect.poll(() => lists.some(([, list]) => what(list)), { timeout: 600_000, interval: 100 }).toBe(true);
      return lists.findLast(([, list]) => what(list))?.[1] ?? [];
    };
    await saying(() => true);
    await machine.plug('mine', image.mine ?? '', { serial: 'MINE' });
    const path = await device('MINE');
    const list = await saying((one) =>
      one.some(({ serial, fileSystem }) => serial === 'MINE' && fileSystem === 'exfat'),
    );
    // From the kernel's own line about the partition, by the same clock, to the list that has the drive.
    const since = async (serial: string, name: string, known: (one: Listed) => boolean): Promise<number> => {
      const line = await machine.must(`dmesg | grep -E ' ${name}: ${name}1$' | tail -1`, 'root');
      const [at] = lists.find(([, all]) => all.some((one) => one.serial === serial && known(one))) ?? [Number.NaN];
      return Math.round((at - Number(/^\[ *([\d.]+)\]/.exec(line)?.[1])) * 1000);
    };
    const name = path.replace(/^\/dev\/|1$/g, '');
    const [listedMs, wholeMs] = [
      await since('MINE', name, () => true),
      await since('MINE', name, ({ fileSystem }) => fileSystem !== null),
    ];
    const lsblk = await machine.must('TIMEFORMAT=%R; { time lsblk --json -O > /dev/null; } 2>&1');
    console.log(
      `listed ${listedMs} ms after the kernel showed it, with its file system after ${wholeMs} ms; one lsblk takes ${lsblk.trim()} s there`,
    );
    watching.kill();
    expect(list.find(({ serial }) => serial === 'MINE')).toMatchObject({
      path,
      mounted: false,
      fileSystem: 'exfat',
      label: 'QEMU QEMU HARDDISK · STICKEXFAT',
      sizeBytes: 419_430_400,
      limits: ['folds-case', 'keeps-no-modes'],
      why: null,
    });
    expect(list.find(({ token }) => token === '/')).toMatchObject({ why: { params: { reason: 'holds-system' } } });
    expect((await machine.run(`findmnt ${place}`)).code).not.toBe(0);
  });

  it('is mounted when it is chosen, and bound', async () => {
    const chosen = await choose(
      `--input choose-medium@site.path=${(await listed()).find(({ serial }) => serial === 'MINE')?.token}`,
    );
    expect(chosen.code, chosen.stdout + chosen.stderr).toBe(0);
    await machine.must(`findmnt ${place} && test -s ${place}/fieldkit/medium-id`);
  });

  it('pulled, with another in its port under its label: refused, and nothing is written to it', async () => {
    await machine.unplug('mine');
    await machine.until(`! findmnt ${place}`);
    await machine.plug('other', image.other ?? '', { serial: 'OTHER' });
    await machine.must(`udisksctl mount --no-user-interaction -b ${await device('OTHER')}`);
    const refused = await choose();
    expect(refused.code).not.toBe(0);
    expect(refused.stdout).toContain('"code":"medium-swapped"');
    expect(await machine.must(`ls -A ${place}`)).toBe('');
  });

  it('back under another name: mounted at another place, and known', async () => {
    await machine.plug('mine', image.mine ?? '', { serial: 'MINE' });
    const back = await device('MINE');
    expect(back).not.toBe(await device('OTHER'));
    const again = await choose();
    expect(again.code, again.stdout + again.stderr).toBe(0);
    await machine.must(`findmnt -no TARGET ${back} | grep -q '^${place}.'`);
    expect((await listed()).find(({ serial }) => serial === 'MINE')?.token).toMatch(/STICKEXFAT./);
  });

  it('the other chosen by its place, it is asked about with both serials; unanswered or kept off, nothing is written to it', async () => {
    await machine.unplug('mine');
    const asked = await choose(here);
    expect(asked.code).not.toBe(0);
    expect(asked.stdout).toContain('"code":"question-unanswered"');
    question = /"question":"(medium:[^"]*)"/.exec(asked.stdout)?.[1] ?? '';
    expect(question).toContain('OTHER');
    await answer('keep-former');
    const kept = await choose(`${here} --answers $HOME/answers.json`);
    expect(kept.stdout).toContain('"code":"medium-swapped"');
    expect(await machine.must(`ls -A ${place}`)).toBe('');
  });

  it('taken once a person has said so: marked, and nobody is asked again', async () => {
    await answer('use-this-one');
    const taken = await choose(`${here} --answers $HOME/answers.json`);
    expect(taken.code, taken.stdout + taken.stderr).toBe(0);
    await machine.must(`test -s ${place}/fieldkit/medium-id`);
    const again = await choose(here);
    expect(again.code, again.stdout + again.stderr).toBe(0);
    await machine.unplug('other');
    await machine.until(`! findmnt ${place}`);
    await machine.plug('mine', image.mine ?? '', { serial: 'MINE' });
    await machine.must(`udisksctl mount --no-user-interaction -b ${await device('MINE')}`);
    // The former one is the other by now.
    expect((await choose(here)).stdout).toContain('"question":"medium:MINE:');
  });
});
