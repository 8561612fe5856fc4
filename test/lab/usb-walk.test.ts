/**
 * The office part on real sticks of three file systems, as an ordinary user of a machine of its own: filled and pulled in the
 * middle of a write, of the reading back and of the manifest's rename, gone on with each time, sealed, let go.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { unless } from '../unless.ts';
import { longLabUnavailable } from './host.ts';
import { usbUnavailable } from './usb/image.ts';
import type { Plug } from './usb/machine.ts';
import { kinds, prepare, startOffice, type UsbOffice } from './usb/office.ts';

const reason = usbUnavailable() ?? longLabUnavailable();

/** Slow enough for a test to pull it while it is written to or read back. */
const slow: Plug = { slowBytes: 4_000_000 };

describe('a preparation on real sticks', unless(reason), () => {
  let office: UsbOffice;

  const generationAt = async (folder: string): Promise<number> => {
    const { out } = await office.fieldkit(`medium show ${folder}`);
    return (
      (JSON.parse(out.trim().split('\n')[0] ?? '') as { sealed: { generation: number } | null }).sealed?.generation ?? 0
    );
  };

  beforeAll(async () => {
    office = await startOffice(kinds, 48_000_000);
    for (const kind of kinds) await office.makeStick(kind, kind);
  });
  afterAll(() => office?.stop());

  describe.each(kinds)('%s', (kind) => {
    const place = `/media/user/STICK${kind.toUpperCase()}`;
    const journal = `/home/user/data/data/sites/${kind}/journal.jsonl`;
    /** Sealing was begun so many times. */
    const sealing = (times: number) =>
      `test $(grep command-started ${journal} | grep -c seal-medium@site) -ge ${times}`;

    it('pulled in the middle of a write: said, and nothing lies below the bare mount point', async () => {
      await office.mustDo(`sites create ${kind}.yaml`);
      const device = await office.plugged(kind, slow);
      await office.mustDo(
        `run describe-site choose-medium --site ${kind} --yes --input choose-medium@site.path=${device}`,
      );
      await office.machine.must(`findmnt ${place} && test -e ${place}/fieldkit/medium-id`);
      const written = `test "$(stat -c %s ${place}/fieldkit/bcache/*.part | head -1)" -gt 8000000`;
      const cut = await office.pulledWhen(kind, written, prepare(kind));
      expect(cut.code, cut.out.slice(-2000)).toBe(7);
      expect(cut.problem?.code).toBe('medium-absent');
      await office.machine.until(`! findmnt ${place}`);
      expect((await office.machine.run('find /media/user -mindepth 1 -not -path "*/.*"', 'root')).stdout).toBe('');
    });

    it('back, it is found and mended where it must be; pulled while it is read back: said, not called damaged', async () => {
      await office.plugged(kind, slow);
      // FAT was marked as not unmounted: the plan has the repair in front of the mount.
      const chosen = await office.mustDo(`plan choose-medium --site ${kind}`);
      expect(chosen.out.includes('does.repair')).toBe(kind === 'vfat');
      const reading = sealing(1);
      const cut = await office.pulledWhen(kind, reading, prepare(kind));
      expect([cut.code, cut.problem?.code], cut.out.slice(-2000)).toEqual([7, 'medium-absent']);
      await office.machine.until(`! findmnt ${place}`);
    });

    it('pulled at the manifest’s rename: the medium is the old one or the new one, whole', async () => {
      await office.plugged(kind, slow);
      await office.mustDo(`run choose-medium --site ${kind} --yes`);
      const at = (await office.machine.must(`findmnt -no TARGET -S LABEL=STICK${kind.toUpperCase()}`)).trim();
      // While it reads back, every rename to come is made to wait; the line is there as soon as one has begun.
      const watch = `setsid strace -f -p $(pgrep -f '[f]ieldkit.mjs run prepare' | tail -1) -o /tmp/trace -e trace=/^rename -e inject=/^rename:delay_enter=8000000`;
      const renaming = `${sealing(2)} && { test -e /tmp/trace || { touch /tmp/trace; ${watch} > /dev/null 2>&1 & } ; grep -q 'manifest.json"' /tmp/trace; }`;
      const cut = await office.pulledWhen(kind, renaming, prepare(kind));
      expect([cut.code, cut.problem?.code], cut.out.slice(-2000)).toEqual([7, 'medium-absent']);
      await office.machine.until(`! findmnt ${at}; rm -f /tmp/trace`);
      const device = await office.plugged(kind);
      await office.mustDo(`run choose-medium --site ${kind} --yes`);
      const now = (await office.machine.must(`findmnt -no TARGET ${device}`)).trim();
      expect([0, 1]).toContain(await generationAt(now));
    });

    it('the next run goes on; let go when asked, said so only then, and it holds what was sealed', async () => {
      const fetched = office.fetchedBlobs();
      await office.mustDo(prepare(kind));
      // All was on the laptop or the stick already: nothing is fetched a second time.
      expect(office.fetchedBlobs()).toBe(fetched);
      const ended = await office.mustDo(
        `run seal-medium --site ${kind} --yes --answers $HOME/answers.json --input seal-medium@site.release=true`,
      );
      expect(ended.out).toContain('steps.seal-medium.found.off');
      await office.machine.must(`! lsblk -dno SERIAL | grep -q SERIAL-${kind} && ! findmnt ${place}`);
      await office.machine.unplug(kind);
      const device = await office.plugged(kind);
      await office.mustDo(`run choose-medium --site ${kind} --yes`);
      const at = (await office.machine.must(`findmnt -no TARGET ${device}`)).trim();
      const report = JSON.parse((await office.mustDo(`medium verify ${at}`)).out) as {
        findings: unknown[];
        files: number;
      };
      expect(report.findings).toEqual([]);
      expect(report.files).toBeGreaterThan(8);
      await office.machine.unplug(kind);
      await office.machine.until(`! findmnt ${at}`);
    });
  });
});
