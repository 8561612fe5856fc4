/**
 * Sticks that are not as they should be, each told for what it is by the built program as an ordinary user: one that cannot be
 * written, one that is slow, and one that fails in the middle of a write.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { unless } from '../unless.ts';
import { longLabUnavailable } from './host.ts';
import { usbUnavailable } from './usb/image.ts';
import { prepare, startOffice, type UsbOffice } from './usb/office.ts';

const reason = usbUnavailable() ?? longLabUnavailable();

const place = '/media/user/STICKEXFAT';
const releaseBytes = 24_000_000;
/** In the middle of where the release will lie on an empty stick, behind where its speed is measured. */
const badSector = 30_000;

interface Slow {
  readonly code: string;
  readonly params: { readonly medium: string; writeBytes?: number; readBytes?: number; gigabyteMs?: number };
}

/** A finding of the last verdict that a run told. */
const findingIn = (out: string, code: string): Slow | undefined =>
  out
    .split('\n')
    .filter((line) => line.includes(`"${code}"`))
    .flatMap((line) => (JSON.parse(line) as { verdict?: { findings: Slow[] } }).verdict?.findings ?? [])
    .findLast((one) => one.code === code);

interface Listed {
  readonly token: string;
  readonly serial: string | null;
  readonly why: { readonly params: { readonly reason: string } } | null;
}

describe('a stick', unless(reason), () => {
  let office: UsbOffice;
  const choose = (device: string, site = 'trouble') =>
    office.fieldkit(`run choose-medium --site ${site} --yes --input choose-medium@site.path=${device}`);
  const gone = async (id: string): Promise<void> => {
    await office.machine.unplug(id);
    await office.machine.until(`! findmnt ${place} && ! lsblk -dno SERIAL | grep -q SERIAL-${id}`);
  };

  beforeAll(async () => {
    office = await startOffice(['slow', 'trouble'], releaseBytes);
    for (const id of ['locked', 'slow', 'failing']) await office.makeStick(id, 'exfat');
    for (const site of ['slow', 'trouble']) {
      await office.mustDo(`sites create ${site}.yaml`);
      await office.mustDo(`run describe-site --site ${site} --yes`);
    }
  });
  afterAll(() => office?.stop());

  it('that cannot be written is told so, offered to nobody, and not mounted', async () => {
    const device = await office.plugged('locked', { readOnly: true });
    const list = JSON.parse((await office.fieldkit('medium list')).out) as readonly Listed[];
    expect(list.find(({ serial }) => serial === 'SERIAL-locked')?.why).toMatchObject({
      params: { reason: 'read-only' },
    });
    const refused = await choose(device);
    expect([refused.code, refused.problem?.code], refused.out.slice(-2000)).toEqual([7, 'medium-drive-unusable']);
    expect(refused.problem?.params.reason).toBe('read-only');
    await office.machine.must(`! findmnt ${place}`);
    await gone('locked');
  });

  it('that is slow is told so when it is chosen, with its speed, and the plan says what that means in time', async () => {
    const slowBytes = 2_000_000;
    const chosen = await choose(await office.plugged('slow', { slowBytes }), 'slow');
    expect(chosen.code, chosen.out.slice(-2000)).toBe(0);
    const told = findingIn(chosen.out, 'medium-slow');
    expect(told?.params.medium).toBe('STICKEXFAT');
    const { writeBytes = 0, readBytes = 0, gigabyteMs = 0 } = told?.params ?? {};
    for (const rate of [writeBytes, readBytes]) {
      expect(rate).toBeGreaterThan(0);
      // The first second's worth may come at once.
      expect(rate).toBeLessThan(2 * slowBytes);
    }
    expect(gigabyteMs).toBe(Math.round(1e12 / writeBytes + 1e12 / readBytes));
    await office.machine.must(`! ls -A ${place}/fieldkit | grep -q speed`);
    const planned = await office.mustDo('run plan-medium --site slow --yes');
    const times = planned.out
      .split('\n')
      .findLast((line) => line.includes('steps.plan-medium.found.timesMeasured'))
      ?.match(/"steps\.plan-medium\.found\.timesMeasured","params":(\{[^}]*\})/)?.[1];
    const params = JSON.parse(times ?? '{}') as Record<string, number>;
    expect(params).toMatchObject({ writeBytes, readBytes });
    expect(params.writeMs).toBeGreaterThan((releaseBytes / writeBytes + releaseBytes / readBytes) * 1000);
    console.log(`a stick of ${slowBytes} bytes a second: ${JSON.stringify(told?.params)}, ${times}`);
    await gone('slow');
  });

  it('that fails in the middle of a write is told so, and keeps no half of a file under its name', async () => {
    const device = await office.plugged('failing', { badSector });
    const chosen = await choose(device);
    expect(chosen.code, chosen.out.slice(-2000)).toBe(0);
    const failed = await office.fieldkit(prepare('trouble'));
    expect([failed.code, failed.problem?.code], failed.out.slice(-2000)).toEqual([7, 'medium-write-failed']);
    expect(failed.problem?.params).toMatchObject({ detail: 'EIO', file: expect.stringContaining('/fieldkit/bcache/') });
    expect(await office.machine.must(`ls ${place}/fieldkit/bcache`)).toBe('');
    // Its sectors were put right by a firmware, as it were: what was fetched is not fetched again.
    const fetched = office.fetchedBlobs();
    await gone('failing');
    await office.plugged('failing');
    await office.mustDo('run choose-medium --site trouble --yes');
    await office.mustDo(prepare('trouble'));
    expect(office.fetchedBlobs()).toBe(fetched);
    await gone('failing');
  });
});
