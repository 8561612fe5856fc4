/** What stays installed on a master: texts that sh and systemd take, and what is read back of them. */
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { caFolderUnit } from '../../../src-main/steps/ca-folder.ts';
import {
  frontendRedirection,
  masterRedirection,
  ownAddresses,
  redirectRules,
  redirectUnit,
  registryRedirection,
} from '../../../src-main/steps/redirect.ts';
import { unitCommands, unitPaths, unitStands, unitTexts } from '../../../src-main/steps/units.ts';
import { machine } from '../../../src-shared/site.ts';

const master = machine.parse({ name: 'm', roles: ['master'], address: '10.0.0.1', release: '12', interface: 'eth0' });
const toMaster = redirectUnit(masterRedirection(master, 'slapos-master'));
const toFrontend = redirectUnit(frontendRedirection(master, []));
const toRegistry = redirectUnit(registryRedirection(master));
const units = [caFolderUnit('/srv/slapcommon/erp5-ssl'), toMaster, toFrontend, toRegistry];
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
    const listing = `table ip6 fieldkit_frontend {
	chain prerouting {
		type nat hook prerouting priority dstnat; policy accept;
		ip6 daddr fd00::1 tcp dport 80 dnat to [fd00::3]:8080
		ip6 daddr { fd00::1, fd00::2 } udp dport 443 dnat to [fd00::3]:4443
	}
	chain output {
		type nat hook output priority -100; policy accept;
	}
}`;
    expect(redirectRules(listing)).toEqual(['ip6 tcp 80 [fd00::3]:8080', 'ip6 udp 443 [fd00::3]:4443']);
  });

  it.each([
    [toMaster, ['ip fieldkit_master']],
    [toFrontend, ['ip fieldkit_frontend', 'ip6 fieldkit_frontend']],
    [toRegistry, ['ip6 fieldkit_registry']],
  ])('never flushes, and names no table but its own', ({ program }, tables) => {
    expect(program).not.toMatch(/flush/);
    expect([...new Set([...program.matchAll(/\btable (\S+ \S+)/g)].map(([, name]) => name))]).toEqual(tables);
  });
});
