/**
 * Records how drives look to a laptop, one file a layout, into test/fixtures/drives/recorded. Run by hand, as root, after a
 * layout was added: node test/lab/usb/record-layouts.ts [name…]. A machine of its own for each; about ten minutes for all.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { lsblkCommand } from '../../../src-main/medium/lsblk.ts';
import { usbUnavailable } from './image.ts';
import { type Bench, type Layout, layouts } from './layouts.ts';
import { type Plug, UsbMachine } from './machine.ts';

const folder = join(import.meta.dirname, '../../fixtures/drives/recorded');

/** A small Debian: what lsblk needs to run. */
const smallSystem = 'bin lib lib64 sbin usr/bin usr/sbin usr/lib/x86_64-linux-gnu usr/lib64 etc run';

const looks = `${lsblkCommand.join(' ')}; echo ----; cat /proc/self/mountinfo; echo ----;
  for file in /sys/block/loop*/loop/backing_file; do [ -e "$file" ] && echo "$(basename "$(dirname "$(dirname "$file")")") $(cat "$file")"; done; echo ----; cat /proc/swaps`;

async function record(name: string, layout: Layout): Promise<void> {
  const made: string[] = [];
  const machine = await machineFor(layout, made);
  try {
    let look = looks;
    const root = async (line: string): Promise<void> => {
      made.push(...line.split('\n').map((one) => `root: ${one.trim()}`));
      await machine.must(`set -e; ${line}`, 'root');
    };
    const bench: Bench = {
      stick: async (id, from, plug: Plug = {}) => {
        const told = Object.entries(plug).map(([key, value]) => ` ${key}=${value}`);
        made.push(
          `plugged: ${typeof from === 'number' ? `an empty stick of ${from} MB` : `a ${from} stick`}${told.join('')}`,
        );
        await machine.plug(id, await machine.stick(id, from), plug);
        const serial = plug.serial ?? `SN${id}`;
        const find = `name=$(lsblk -dno NAME,SERIAL | awk '$2 == "${serial}" { print $1 }'); test -n "$name" && udevadm settle && echo $name`;
        return (await machine.until(find)).trim();
      },
      hardware: async (node, ...devices) => {
        made.push(...devices.map((device) => `plugged: ${JSON.stringify(device)}`));
        await machine.hardware(node, devices);
        await machine.until('udevadm settle; lsblk -dno NAME | grep -qv vda');
      },
      root,
      user: async (line) => {
        made.push(`user: ${line}`);
        await machine.must(line);
      },
      startedFrom: async (device, options = 'defaults', live = false) => {
        const copied = `cp -a --parents $(ls -d ${smallSystem}) /new 2>/dev/null; mkdir -p ${['proc', 'sys', 'dev', 'old', 'boot', 'home', 'media'].map((name) => `/new/${name}`).join(' ')}`;
        await root(`mkdir -p /new; mount -o ${options} ${device} /new; cd /; ${copied}`);
        // As a live system has it: what it was started from is read, and all that is written stays in memory.
        if (live)
          await root(`umount /new; mkdir -p /run/live/rootfs /run/live/overlay; mount -o ro ${device} /run/live/rootfs; mount -t tmpfs tmpfs /run/live/overlay
            mkdir /run/live/overlay/up /run/live/overlay/work; mount -t overlay overlay -o lowerdir=/run/live/rootfs,upperdir=/run/live/overlay/up,workdir=/run/live/overlay/work /new`);
        made.push(
          `recorded inside: that ${live ? 'overlay' : 'device'} is the root folder (pivot_root in a mount namespace)`,
        );
        const inside = `set -e; mount --make-rprivate /; for place in proc sys dev run; do mount --rbind /$place /new/$place; done
          for place in boot home media; do if mountpoint -q /$place || [ $place = media ]; then mount --rbind /$place /new/$place; fi; done
          cd /new; pivot_root . old; umount -l /old; ${looks}`;
        look = `unshare --mount sh -c '${inside.replaceAll("'", `'\\''`)}'`;
      },
    };
    await layout.make(bench);
    const [devices = '', mountinfo = '', loops = '', swaps = ''] = (await machine.must(look, 'root')).split('----\n');
    const recorded = {
      made,
      lsblk: compact(JSON.parse(devices)),
      mountinfo: mountinfo
        .trim()
        .split('\n')
        .filter(
          (line) =>
            !/ (proc|sysfs|cgroup2?|securityfs|bpf|pstore|devpts|autofs|ramfs|mqueue|debugfs|tracefs|configfs|fusectl|hugetlbfs) /.test(
              line,
            ),
        ),
      loopFiles: Object.fromEntries(
        loops
          .trim()
          .split('\n')
          .filter((line) => line !== '')
          .map((line) => [`/dev/${line.split(' ')[0]}`, line.slice(line.indexOf(' ') + 1)]),
      ),
      ...(swaps.trim().includes('\n') ? { swaps: swaps.trim().split('\n').slice(1) } : {}),
    };
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(recorded, null, 1)}\n`);
    process.stdout.write(`${name}\n`);
  } finally {
    await machine.stop();
  }
}

async function machineFor(layout: Layout, made: string[]): Promise<UsbMachine> {
  if (layout.arguments === undefined) {
    made.push('booted: the machine of test/lab/usb');
    return UsbMachine.start();
  }
  made.push(`booted: with ${layout.arguments.join(' ')}`);
  return UsbMachine.startWith(layout.disks ?? {}, layout.arguments);
}

/** Without what is null: the product reads an absent field as one. */
function compact(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(compact);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, one]) => one !== null)
      .map(([key, one]) => [key, compact(one)]),
  );
}

const missing = usbUnavailable();
if (missing !== null) throw new Error(missing);
const asked = process.argv.slice(2);
for (const name of asked.length > 0 ? asked : Object.keys(layouts)) {
  const layout = layouts[name];
  if (layout === undefined) throw new Error(`no layout ${name}`);
  await record(name, layout).catch((error: unknown) => {
    process.stderr.write(`${name}: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  });
}
