/** What taking back the steps of a master comes to: nothing of ours is left unnamed, and nothing of anybody else is lost. */
import { describe, expect, it } from 'vitest';
import { caAccessEntries, caGroup, caMode } from '../../../src-main/steps/ca-folder.ts';
import { redirectToMaster } from '../../../src-main/steps/master/redirect-to-master.ts';
import { shareCaFolder } from '../../../src-main/steps/master/share-ca-folder.ts';
import { useCache } from '../../../src-main/steps/master/use-cache.ts';
import { emptyLock } from '../../../src-shared/lock.ts';
import { toProblemData } from '../../../src-shared/problem.ts';
import { sitePlan } from '../../../src-shared/site.ts';

const machines = [{ name: 'm', roles: ['master'], address: '10.0.0.1', release: '12', interface: 'eth0' }];
const planned = (more: object = {}) => sitePlan.parse({ format: 1, name: 'lab', machines, ...more });
const contextOf = (site = planned(), requested = false) =>
  ({
    ...{ site, lock: emptyLock, input: {}, needs: [], earlier: { skipped: [], commands: [] } },
    ...{ subject: { kind: 'machine', name: 'm' }, record: () => ({ everDone: requested }) },
  }) as never;
const words = (commands: readonly { readonly kind: string }[]) =>
  commands.map((command) => ('argv' in command ? (command.argv as string[]).join(' ') : command.kind));

describe('share-ca-folder', () => {
  const folder = '/srv/slapcommon/erp5-ssl';
  const shared = {
    ...{
      package: 'install ok installed 2.3.1-3',
      users: ['slapuser0'],
      members: ['slapuser0'],
      refused: [],
      apt: null,
    },
    ...{ folder: `${caMode} root:${caGroup}`, above: [], access: caAccessEntries },
  };
  const back = (before: object | null, requested = false) => {
    const undo = shareCaFolder.undo;
    const known = (before === null ? null : { ...shared, ...before }) as never;
    const plan = undo?.plan(shared as never, contextOf(undefined, requested), known) ?? [];
    const stays = undo?.stays(shared as never, contextOf(undefined, requested), known) ?? [];
    return { plan: words(plan), stays: stays.map(({ key }) => key.split('.').at(-1)) };
  };

  it('takes the folders above away as well, those that it made', () => {
    const none = { members: null, folder: '', access: [] };
    expect(back({ ...none, above: ['/srv/slapcommon'] })).toEqual({
      plan: [`rmdir ${folder}`, 'rmdir --ignore-fail-on-non-empty /srv/slapcommon', `groupdel ${caGroup}`],
      stays: ['package'],
    });
    expect(back({ ...none, above: [] }).plan).toEqual([`rmdir ${folder}`, `groupdel ${caGroup}`]);
  });

  it('gives a folder that was there its rights back, before their group goes', () => {
    const was = { members: null, folder: '755 www-data:staff', above: [] };
    const rights = `install -d -m 00755 -o www-data -g staff ${folder}`;
    expect(back({ ...was, access: [] })).toEqual({
      plan: [`setfacl -b ${folder}`, rights, `groupdel ${caGroup}`],
      stays: ['package'],
    });
    const list = ['group::r-x', 'other::---', 'user::rwx'];
    expect(back({ ...was, access: list }).plan.slice(0, 2)).toEqual([
      `setfacl --set ${list.join(',')} ${folder}`,
      rights,
    ]);
    // As it is now: nothing to give back.
    expect(back({}).plan).toEqual([]);
  });

  it('changes nothing, and says so, once the master keeps its authority there or nobody knows how it was', () => {
    const stays = ['package', 'folder'];
    expect(back({ members: null, folder: '', access: [], above: [] }, true)).toEqual({ plan: [], stays });
    expect(back(null)).toEqual({ plan: [], stays });
  });

  it('leaves the mode of a folder above as it is', () => {
    const plan = (above: readonly string[]) =>
      words(shareCaFolder.plan({ ...shared, above } as never, contextOf())).filter((line) =>
        line.startsWith('install'),
      );
    const own = `install -d -m ${caMode} -o root -g ${caGroup} ${folder}`;
    expect(plan([])).toEqual([own]);
    expect(plan(['/srv/slapcommon', '/srv'])).toEqual(['install -d -m 0755 /srv/slapcommon', own]);
  });
});

describe('use-cache', () => {
  const releases = (name: string) => ({
    releases: [
      { name: 'slapos-master', url: `http://releases.example/${name}.cfg`, archives: { 'debian-12-amd64': '/a' } },
    ],
  });
  const stock = '-----BEGIN CERTIFICATE-----\nstock\n-----END CERTIFICATE-----';
  const other = stock.replace('stock', 'other');
  const was = `[slapos]\nsoftware_root = /opt/slapgrid\n\n[networkcache]\n# stock\nsignature-certificate-list =\n  ${stock.replaceAll('\n', '\n  ')}\n\n[slapproxy]\nport = 5000\n`;
  const wrote = (site: ReturnType<typeof planned>): string => {
    const [command] = useCache.plan({ config: was } as never, contextOf(site));
    return command?.kind === 'write' && typeof command.text === 'string' ? command.text : '';
  };
  const back = (config: string, site = planned(releases('first'))) => {
    const [command] = useCache.undo?.plan({ config } as never, contextOf(site), { config: was } as never) ?? [];
    return command?.kind === 'write' ? command.text : null;
  };
  const codeOf = (act: () => unknown) => {
    try {
      act();
      return null;
    } catch (error) {
      return toProblemData(error).code;
    }
  };

  it('is as it was, to the byte, also when the plan names something else by now', () => {
    const config = wrote(planned(releases('first')));
    expect(config).toContain('first.cfg');
    expect(back(config)).toBe(was);
    expect(back(config, planned(releases('second')))).toBe(was);
  });

  it('throws nothing of anybody else away', () => {
    const config = wrote(planned(releases('first')));
    const trusted = config.replace('  -----BEGIN', `  ${other.replaceAll('\n', '\n  ')}\n  -----BEGIN`);
    for (const text of [config.replace('port = 5000', 'port = 5001'), trusted]) {
      expect(text).not.toBe(config);
      expect(codeOf(() => back(text))).toBe('file-changed-meanwhile');
    }
  });
});

describe('redirect-to-master', () => {
  const none = { program: null, service: null, timer: null, active: false };
  const back = (facts: object) =>
    words(redirectToMaster.undo?.plan({ ...none, ...facts } as never, contextOf(), null) ?? []);

  it('takes our table away, also one that somebody emptied', () => {
    expect(back({ rules: [], tables: ['ip'] })).toEqual(['nft delete table ip fieldkit_master']);
    expect(back({ rules: [], tables: [] })).toEqual([]);
  });

  it('sees a table in which nothing is left', async () => {
    const world = {
      probe: async (_: string, probes: readonly { readonly id: string }[]) =>
        Object.fromEntries(
          probes.map(({ id }) => [
            id,
            { exit: id === 'rules ip' ? 0 : 1, out: 'table ip fieldkit_master {\n}\n', err: '' },
          ]),
        ),
    } as never;
    expect(await redirectToMaster.read(world, contextOf())).toMatchObject({ rules: [], tables: ['ip'] });
  });
});
