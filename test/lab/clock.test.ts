/** A machine whose clock is its own and wrong: found with its real size and sign, set on a person's word, and found right afterwards. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Finding } from '../../src-shared/step.ts';
import { unless } from '../unless.ts';
import { longLabUnavailable, startVendorRepository, type VendorRepository } from './index.ts';
import { Laptop, makeSite } from './site.ts';
import { usbUnavailable } from './usb/image.ts';
import { UsbMachine } from './usb/machine.ts';

// Containers have the host's clock: only a virtual machine has one of its own.
const reason = usbUnavailable() ?? longLabUnavailable();

describe('a machine with a clock of its own', unless(reason), () => {
  let machine: UsbMachine;
  let vendor: VendorRepository;
  let laptop: Laptop;
  const run = (...words: readonly string[]) => laptop.fieldkit([...words, '--answers', laptop.answersPath]);
  /** What the check says of the clock: so many seconds, null when nothing. */
  const told = async (): Promise<number | null> => {
    const { lines } = await run('check', 'preflight');
    const line = lines.findLast((one) => 'verdict' in one && 'key' in one);
    const findings = (line?.verdict as { findings: Finding[] } | undefined)?.findings;
    expect(findings, JSON.stringify(lines).slice(-2000)).toBeDefined();
    const away = findings?.find(({ code }) => code === 'target-clock-off')?.params.awayMs as number | undefined;
    return away === undefined ? null : away / 1000;
  };
  const aheadSeconds = async (): Promise<number> =>
    Number((await machine.run('date +%s', 'root')).stdout) - Date.now() / 1000;

  beforeAll(async () => {
    [machine, vendor] = await Promise.all([UsbMachine.start(), startVendorRepository()]);
    laptop = await Laptop.make({ passphrase: 'a long passphrase', 'host-key:master-1': 'yes' });
    // After a jump over a year everything would be due at once, on a machine that emulates its processor.
    await machine.run("systemctl stop '*.timer'", 'root');
    const { keyPath, port } = machine;
    const reached = { address: '127.0.0.1', login: { user: 'root', keyPath, password: null } };
    await makeSite(laptop, { machine: reached, vendor, withoutRelease: true, machineLines: [`port: ${port}`] });
    const connected = await run('run', 'describe-site', 'connect', '--yes');
    expect(connected.code, connected.stdout.slice(-3000)).toBe(0);
  });
  afterAll(async () => {
    await machine?.stop();
    await vendor?.close();
    await laptop?.discard();
  });

  it('is told nothing of it while it is right', async () => {
    expect(Math.abs(await aheadSeconds())).toBeLessThan(250);
    expect(await told()).toBeNull();
  });

  it.each([-3 * 3600, 400 * 24 * 3600])('%i seconds off: told, and set when a person says so', async (seconds) => {
    await machine.run(`date -s "@${Math.round(Date.now() / 1000) + seconds}"`, 'root');
    expect(Math.abs(((await told()) ?? 0) - seconds)).toBeLessThan(300);
    // An emulated clock loses seconds from one look to the next.
    const read = await laptop.reads(['check', 'preflight', '--answers', laptop.answersPath]);
    expect(read).toMatch(seconds < 0 ? / is (3 hr( \d min)?|2 hr 5\d min) behind, / : / is 400 days ahead, /);
    expect(Math.abs((await aheadSeconds()) - seconds)).toBeLessThan(300);
    const set = await run('run', 'preflight', '--yes', '--input', 'preflight@machine:master-1.setClock=true');
    const acts = set.lines.filter(({ kind }) => kind === 'command-ended');
    expect(acts, JSON.stringify(acts)).toMatchObject([{ outcome: 'performed' }]);
    expect(Math.abs(await aheadSeconds())).toBeLessThan(60);
    expect(await told()).toBeNull();
  });
});
