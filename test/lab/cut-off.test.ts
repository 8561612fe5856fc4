/** The install of slapos-node, cut off in the middle of dpkg's work: told as what it is, and brought to its end by starting it again. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { unless } from '../unless.ts';
import { Lab, type LabMachine, longLabUnavailable, restore } from './index.ts';
import type { Laptop } from './site.ts';

const reason = longLabUnavailable();

/** What dpkg itself says is not as it should be; its notes are left open when it was killed. */
const trouble = 'dpkg --audit; ls /var/lib/dpkg/updates';

describe('an install that was cut off in the middle of dpkg', unless(reason), () => {
  let lab: Lab;
  let machine: LabMachine;
  let laptop: Laptop;
  const run = () => laptop.fieldkit(['run', 'machine', '--yes', '--answers', laptop.answersPath]);

  beforeAll(async () => {
    lab = await Lab.open();
    ({ machine, laptop } = await restore(lab, 'sealed', { name: 'cut' }));
  });
  afterAll(async () => {
    await lab?.close();
    await laptop?.discard();
  });

  it('leaves packages that are not configured, and is told', async () => {
    const first = run();
    // Many are unpacked, and none of them is configured yet.
    const busy = `test "$(dpkg-query -W -f '\${db:Status-Abbrev}\\n' | grep -c ^iU)" -ge 20 && pgrep -x dpkg`;
    await expect.poll(async () => (await machine.shell(busy)).code, { timeout: 600_000, interval: 50 }).toBe(0);
    await machine.mustShell("systemctl kill --signal=KILL 'fieldkit-run-*.service'");
    const { code, lines } = await first;
    expect(code).not.toBe(0);
    expect(lines.at(-1)).toMatchObject({ problem: { code: 'command-cut-off' } });
    expect(await machine.mustShell(trouble)).not.toBe('');
    expect(await laptop.reads(['check', 'install-slapos-node', '--answers', laptop.answersPath])).toContain(
      'dpkg was cut off',
    );
  });

  it('ends well when it is started again, also after a reboot', async () => {
    await machine.reboot();
    const again = await run();
    expect(again.code, again.stdout.slice(-4000) + again.stderr).toBe(0);
    expect(JSON.stringify(again.lines)).toContain('"--configure","-a"');
    expect(await machine.mustShell(trouble)).toBe('');
    expect(await machine.mustShell('slapos --version; apt-get check -qq; gcc -dumpmachine')).toMatch(/^slapos 1\./);
    expect((await run()).lines.at(-1)).toMatchObject({ performed: 0 });
  });
});
