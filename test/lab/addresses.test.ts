/** Addresses of the plan on machines whose network somebody else manages: added beside those settings, kept over a reboot, and taken out again. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exitCodes } from '../../src-shared/problem.ts';
import { unless } from '../unless.ts';
import { baseLayers, packageLayer } from './base.ts';
import { type Lab, type LabMachine, longLabUnavailable } from './index.ts';
import { Visits } from './visits.ts';

const reason = longLabUnavailable();

describe('a machine whose network is managed by', unless(reason), () => {
  let visits: Visits;
  let lab: Lab;
  let met = 0;

  beforeAll(async () => {
    visits = await Visits.open();
    ({ lab } = visits);
  });
  afterAll(() => visits?.close());

  /** A machine with one IPv4 address that `configure` sets by another program than the lab's own. */
  async function setUp(
    name: string,
    packages: readonly string[],
    configure: (tree: string, ipv4: string) => Promise<void>,
  ) {
    // On one bridge, so each has addresses of its own: a second one of the same would stay tentative.
    const number = 60 + met;
    met += 1;
    const wanted = [`fd99:1::${number}/64`, `fd99:2::${number}/64`];
    const ipv4 = `${lab.hostAddresses.ipv4.replace(/1$/, '')}${number}/24`;
    const machine = await lab.bootMachine({
      name,
      base: await packageLayer(name, await baseLayers('bookworm'), packages),
      addresses: { ipv4, ipv6: null },
      prepare: async (tree) => {
        await rm(join(tree, 'etc/systemd/network/10-host0.network'));
        await configure(tree, ipv4);
      },
    });
    const { laptop } = await visits.meet(machine, { withoutRelease: true, machineLines: [addressLine(wanted)] });
    const run = (...steps: string[]) => laptop.fieldkit([...steps, '--yes', '--answers', laptop.answersPath]);
    const connected = await run('run', 'describe-site', 'connect', 'preflight');
    expect(connected.code, connected.stdout.slice(-3000)).toBe(0);
    return { machine, laptop, run, wanted };
  }

  const addressLine = (addresses: readonly string[]) =>
    `addresses: [${addresses.map((address) => `"${address}"`).join(', ')}]`;

  const globals = async (machine: LabMachine): Promise<readonly string[]> => {
    // One that is still being looked for on the network is not there yet, to the program as well.
    const shown = await machine.mustShell('ip -6 -o address show dev host0 scope global -tentative');
    return [...shown.matchAll(/inet6 (\S+)/g)].map(([, address]) => address ?? '').sort();
  };
  const guards = (machine: LabMachine) =>
    machine.mustShell('ls /etc/systemd/system /var/lib/fieldkit/guards 2>/dev/null | grep fieldkit-guard; true');

  const interfaces = (ipv4: string, source: string) =>
    `${source}\nauto lo\niface lo inet loopback\n\nauto host0\niface host0 inet static\n    address ${ipv4}\n`;

  it('ifupdown', async () => {
    const { machine, run, wanted } = await setUp('ifupdown', ['ifupdown'], async (tree, ipv4) => {
      await rm(join(tree, 'etc/systemd/system/multi-user.target.wants/systemd-networkd.service'), { force: true });
      await writeFile(join(tree, 'etc/network/interfaces'), interfaces(ipv4, '# nothing is read from elsewhere'));
    });
    const settings = await machine.mustShell('cat /etc/network/interfaces');
    expect(await globals(machine)).toEqual([]);

    // A folder that nothing reads is no place for settings.
    const refused = await run('run', 'set-addresses');
    expect(refused.code).toBe(exitCodes.target);
    expect(refused.lines.at(-1)).toMatchObject({ problem: { code: 'target-addresses-unmanaged' } });
    expect(await machine.mustShell('ls /etc/network/interfaces.d')).toBe('');

    const sourcing = settings.replace(/^#.*$/m, 'source /etc/network/interfaces.d/*');
    await machine.mustShell('cat > /etc/network/interfaces', { stdin: sourcing });
    // One of them was set by hand already: it is there, and would not be after a start.
    await machine.mustShell(`ip -6 address add ${wanted[0]} dev host0 nodad`);
    const set = await run('run', 'set-addresses');
    expect(set.code, set.stdout.slice(-3000)).toBe(0);
    expect(await globals(machine)).toEqual(wanted);
    expect(await guards(machine)).toBe('');
    expect(await machine.mustShell('cat /etc/network/interfaces')).toBe(sourcing);

    await machine.reboot();
    expect(await machine.mustShell('ifquery --state host0')).toBe('host0=host0\n');
    await expect.poll(() => globals(machine), { timeout: 60_000, interval: 500 }).toEqual(wanted);
    expect((await run('run', 'set-addresses')).lines.at(-1)).toMatchObject({ performed: 0 });
    // Down and up by hand, as an administrator would: the stanza takes back what it gives.
    await machine.mustShell('ifdown host0; ip -6 -o address show dev host0 scope global; ifup host0');
    await expect.poll(() => globals(machine), { timeout: 60_000, interval: 500 }).toEqual(wanted);
  });

  it('netplan, by way of networkd', async () => {
    const { machine, laptop, run, wanted } = await setUp('netplan', ['netplan.io'], async (tree, ipv4) => {
      await mkdir(join(tree, 'etc/netplan'), { recursive: true });
      const plan = `network:\n  version: 2\n  renderer: networkd\n  ethernets:\n    host0:\n      addresses: [${ipv4}]\n`;
      await writeFile(join(tree, 'etc/netplan/01-host0.yaml'), plan, { mode: 0o600 });
    });
    expect(await machine.mustShell('networkctl status --no-pager host0')).toContain('/run/systemd/network/10-netplan-');
    expect(await globals(machine)).toEqual([]);
    // Both were set by hand: with none in the plan that is told, and with both in it the settings get them and nothing else happens.
    for (const address of wanted) await machine.mustShell(`ip -6 address add ${address} dev host0 nodad`);
    await laptop.editPlan((text) => text.replace(/^ {4}addresses: .*\n/m, ''));
    expect((await run('run', 'set-addresses')).lines.at(-1)).toMatchObject({
      problem: { code: 'target-addresses-fleeting', params: { addresses: wanted.join(', ') } },
    });
    await laptop.editPlan((text) => text.replace(/^ {4}interface: .*$/m, `$&\n    ${addressLine(wanted)}`));
    const set = await run('run', 'set-addresses');
    expect(set.code, set.stdout.slice(-3000)).toBe(0);
    expect(JSON.stringify(set.lines)).not.toContain('networkctl","reload');
    expect((await globals(machine)).toSorted()).toEqual(wanted);
    expect(await guards(machine)).toBe('');
    await machine.reboot();
    await expect.poll(() => globals(machine), { timeout: 60_000, interval: 500 }).toEqual(wanted);
    // What netplan writes anew stands beside ours.
    await machine.mustShell('netplan generate; networkctl reload; networkctl reconfigure host0');
    await expect.poll(() => globals(machine), { timeout: 60_000, interval: 500 }).toEqual(wanted);
    expect((await run('run', 'set-addresses')).lines.at(-1)).toMatchObject({ performed: 0 });
  });
});
