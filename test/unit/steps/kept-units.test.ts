/** What stays installed on a master: texts that sh and systemd take, and what is read back of them. */
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { caFolderUnit } from '../../../src-main/steps/ca-folder.ts';
import { ownAddresses, redirectTargets, redirectUnit } from '../../../src-main/steps/redirect.ts';
import { unitCommands, unitPaths, unitStands, unitTexts } from '../../../src-main/steps/units.ts';
import { machine } from '../../../src-shared/site.ts';

const master = machine.parse({ name: 'm', roles: ['master'], address: '10.0.0.1', release: '12', interface: 'eth0' });
const units = [caFolderUnit('/srv/slapcommon/erp5-ssl'), redirectUnit(master, 'slapos-master')];
const none = { program: null, service: null, timer: null, active: false };

describe.each(units)('$name', (unit) => {
  it('has a program that sh can read', () => {
    expect(spawnSync('sh', ['-n'], { input: unit.program, encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
  });

  it('stands only when every file is as it should be and the timer runs', () => {
    const texts = unitTexts(unit);
    expect(unitStands(unit, { ...texts, active: true })).toBe(true);
    expect(unitStands(unit, { ...texts, active: false })).toBe(false);
    expect(unitStands(unit, { ...texts, program: `${texts.program}#`, active: true })).toBe(false);
    expect(unitStands(unit, none)).toBe(false);
  });

  it('writes only what differs', () => {
    const written = (facts: typeof none | (ReturnType<typeof unitTexts> & { active: boolean })) =>
      unitCommands('m', unit, facts).flatMap((command) => (command.kind === 'write' ? [command.path] : []));
    expect(written(none)).toEqual(Object.values(unitPaths(unit)));
    expect(written({ ...unitTexts(unit), timer: 'other', active: false })).toEqual([unitPaths(unit).timer]);
  });
});

describe('redirect', () => {
  it('takes the machine’s own addresses, not those of partitions', () => {
    const shown = (addresses: readonly (readonly [string, number])[]) =>
      JSON.stringify([{ addr_info: addresses.map(([local, prefixlen]) => ({ local, prefixlen })) }]);
    expect(
      ownAddresses(
        shown([
          ['192.168.1.9', 24],
          ['10.0.3.4', 32],
          ['10.0.0.7', 16],
          ['fd00::1', 64],
        ]),
      ),
    ).toEqual(['10.0.0.7', '192.168.1.9']);
    expect(ownAddresses('no such device')).toEqual([]);
  });

  it('reads where the rules lead', () => {
    expect(redirectTargets('ip daddr { 1.2.3.4 } tcp dport 80 dnat to 10.0.1.2:2200\n}\nchain x {}')).toEqual([
      '10.0.1.2:2200',
    ]);
  });

  it('never flushes, and names no table but its own', () => {
    const { program } = redirectUnit(master, 'slapos-master');
    expect(program).not.toMatch(/flush/);
    expect([...program.matchAll(/\btable (\S+ \S+)/g)].every(([, name]) => name === 'ip fieldkit_master')).toBe(true);
  });
});
