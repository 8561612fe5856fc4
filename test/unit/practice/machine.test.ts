import { describe, expect, it } from 'vitest';
import { setPracticeFault } from '../../../src-main/practice/faults.ts';
import { practiceOutside } from '../../../src-main/practice/site.ts';
import { httpStatusArgv, parseAddresses, parseOsRelease } from '../../../src-main/target/system.ts';
import { logIn, practiceFolder, testClock } from './practice-machines.ts';

const showAddresses = ['ip', '-j', '-6', 'addr', 'show', 'dev', 'enp1s0'];
const dropIns = '/etc/systemd/network/enp1s0.network.d';
const codeOf = (thrown: Promise<unknown>): Promise<string> =>
  thrown.then(
    () => 'nothing',
    (error: { code?: string }) => error.code ?? String(error),
  );

describe('logging in', () => {
  it('needs the host key that the machine shows, and takes no other', async () => {
    const [folder, clock] = [await practiceFolder(), testClock()];
    const outside = practiceOutside(folder, { clock, pace: 0 });
    const machine = { name: 'master-1', address: 'a', port: 22, user: 'root' };
    expect(await codeOf(outside.open({ machine, pinnedHostKey: null, login: {} }))).toBe('host-key-unknown');
    const { fingerprint, type } = await outside.scanHostKey({ name: 'master-1' });
    expect([type, fingerprint]).toEqual(['ssh-ed25519', expect.stringMatching(/^SHA256:[A-Za-z0-9+/]{43}$/)]);
    expect((await outside.scanHostKey({ name: 'master-1' })).fingerprint).toBe(fingerprint);
    await setPracticeFault(folder, 'host-key-changed', true);
    expect(await codeOf(outside.open({ machine, pinnedHostKey: fingerprint, login: {} }))).toBe('host-key-changed');
  });

  it('is refused, and a standing session ended, when the password no longer counts', async () => {
    const [folder, clock] = [await practiceFolder(), testClock()];
    const standing = await logIn(folder, clock);
    await setPracticeFault(folder, 'wrong-password', true);
    expect((await standing.closed).code).toBe('connection-lost');
    expect(await codeOf(standing.probe([]))).toBe('connection-lost');
    expect(await codeOf(logIn(folder, clock))).toBe('login-refused');
    await setPracticeFault(folder, 'wrong-password', false);
    expect((await logIn(folder, clock)).gone()).toBe(null);
  });
});

describe('a command', () => {
  it('that is not simulated ends with 127 and is named', async () => {
    const target = await logIn(await practiceFolder(), testClock());
    const result = await target.exec(['mkfs.ext4', '/dev/vdb']);
    expect(result.exit).toBe(127);
    expect(result.stderr).toContain('mkfs.ext4 /dev/vdb');
    expect((await target.exec(['sh', '-c', 'reboot -f'])).exit).toBe(127);
    expect((await target.exec(['slapos', '--version'])).exit).toBe(127);
  });

  it('sees a bare Debian 12 before anything was done', async () => {
    const target = await logIn(await practiceFolder(), testClock());
    const answers = await target.probe([
      { id: 'os', kind: 'read', path: '/etc/os-release' },
      { id: 'status', kind: 'read', path: '/var/lib/dpkg/status' },
      { id: 'none', kind: 'read', path: '/etc/nothing' },
      { id: 'apt', kind: 'stat', path: '/etc/apt' },
      { id: 'network', kind: 'list', path: '/etc/systemd/network' },
      { id: 'slapos', kind: 'run', argv: ['dpkg-query', '-W', '-f', '${Status} ${Version}', 'slapos-node'] },
      { id: 'apt-version', kind: 'run', argv: ['dpkg-query', '-W', '-f', '${Status} ${Version}', 'apt'] },
    ]);
    expect(parseOsRelease(answers.os?.out ?? '')).toEqual({ id: 'debian', version: '12', codename: 'bookworm' });
    expect(answers.status?.out).toContain('Package: libc6\nStatus: install ok installed\n');
    expect(answers.none?.exit).toBe(1);
    expect(answers.apt?.out).toBe('d 755 root:root 0');
    expect(answers.network?.out).toMatch(/^f \d+ enp1s0\.network\n$/);
    expect(answers.slapos).toMatchObject({ exit: 1, out: '' });
    expect(answers['apt-version']?.out).toBe('install ok installed 2.6.1');
  });
});

describe('files', () => {
  it('are written only where their folder is and their old content is as expected, and survive a restart', async () => {
    const [folder, clock] = [await practiceFolder(), testClock()];
    const target = await logIn(folder, clock);
    expect(await codeOf(target.writeFile('/etc/none/file', 'a', { mode: 0o644 }))).toBe('command-failed');
    await target.writeFile('/etc/file', 'one', { mode: 0o640, expectSha256OfOld: null });
    expect(await codeOf(target.writeFile('/etc/file', 'two', { mode: 0o640, expectSha256OfOld: null }))).toBe(
      'file-changed-meanwhile',
    );
    await target.writeFile('/etc/file', 'two', { mode: 0o600, keepCopy: true });
    await target.writeFile('/etc/file', 'three', { mode: 0o600, keepCopy: true });
    const later = await logIn(folder, clock);
    const answers = await later.probe([
      { id: 'file', kind: 'read', path: '/etc/file' },
      { id: 'copy', kind: 'read', path: '/etc/file.fieldkit-copy' },
      { id: 'stat', kind: 'stat', path: '/etc/file' },
    ]);
    expect([answers.file?.out, answers.copy?.out, answers.stat?.out]).toEqual(['three', 'one', 'f 600 root:root 5']);
  });
});

describe('a guarded change', () => {
  const arm = (seconds: number) =>
    `systemctl daemon-reload\nOnActiveSec=${seconds}\nsystemctl enable --now fieldkit-guard-set-1.timer\n`;
  const undo = `rm -f '${dropIns}/a.conf'; rmdir '${dropIns}'; networkctl reload; networkctl reconfigure 'enp1s0'`;
  const disarm = 'systemctl disable --now fieldkit-guard-set-1.timer 2>/dev/null\nexit $undone\n';

  async function guarded() {
    const [folder, clock] = [await practiceFolder(), testClock()];
    const target = await logIn(folder, clock);
    await target.exec(['sh', '-c', arm(120)], { stdin: undo });
    await target.exec(['install', '-d', '-m', '0755', dropIns]);
    await target.writeFile(`${dropIns}/a.conf`, '[Address]\nAddress=fd00:77::11/64\n', { mode: 0o644 });
    await target.exec(['networkctl', 'reconfigure', 'enp1s0']);
    return { folder, clock, target };
  }

  it('stays when it is confirmed', async () => {
    const { folder, clock } = await guarded();
    const again = await logIn(folder, clock);
    expect((await again.exec(['sh', '-c', disarm])).exit).toBe(0);
    clock.pass(200_000);
    const { out = '' } = (await again.probe([{ id: 'a', kind: 'run', argv: showAddresses }])).a ?? {};
    expect(parseAddresses(out)).toContain('fd00:77::11/64');
  });

  it('is taken back by the machine when nobody confirms it in time, even across a restart of the program', async () => {
    const { folder, clock } = await guarded();
    clock.pass(121_000);
    const again = await logIn(folder, clock);
    const answers = await again.probe([
      { id: 'a', kind: 'run', argv: showAddresses },
      { id: 'file', kind: 'stat', path: `${dropIns}/a.conf` },
      { id: 'folder', kind: 'stat', path: dropIns },
    ]);
    expect(parseAddresses(answers.a?.out ?? '')).toEqual(['fe80::5054:ff:fe12:3456/64']);
    expect([answers.file?.exit, answers.folder?.exit]).toEqual([1, 1]);
    expect((await again.exec(['sh', '-c', disarm])).exit).toBe(3);
  });

  it('is tentative at first', async () => {
    const { target, clock } = await guarded();
    const look = async () =>
      (await target.probe([{ id: 'a', kind: 'run', argv: [...showAddresses, '-tentative'] }])).a?.out;
    expect(await look()).not.toContain('fd00:77::11');
    clock.pass(2000);
    expect(await look()).toContain('fd00:77::11');
  });
});

describe('a forwarded port', () => {
  it('leads to whoever opened it, and closes with the connection', async () => {
    const [folder, clock] = [await practiceFolder(), testClock()];
    const target = await logIn(folder, clock);
    const ask = async () => (await target.exec(httpStatusArgv(5050, 'GET', '/hello'))).stdout;
    expect(await ask()).toBe('');
    const forward = await target.reverseForward({
      port: 5050,
      onStream: (stream) => {
        stream.once('data', (bytes: Buffer) => {
          const [line] = bytes.toString().split('\r\n');
          stream.end(`HTTP/1.1 ${line === 'GET /hello HTTP/1.1' ? 200 : 400} -\r\nContent-Length: 2\r\n\r\nhi`);
        });
      },
    });
    expect(await ask()).toMatch(/^HTTP\/1\.1 200 /);
    expect(await codeOf(target.reverseForward({ port: 5050, onStream: () => undefined }))).toBe('forward-port-taken');
    await forward.close();
    expect(await ask()).toBe('');
    await setPracticeFault(folder, 'forwarding-forbidden', true);
    expect(await codeOf(target.reverseForward({ port: 5050, onStream: () => undefined }))).toBe('forwarding-forbidden');
  });
});

describe('long work', () => {
  it('goes on without us and is found again by its name', async () => {
    const [folder, clock] = [await practiceFolder(), testClock()];
    const target = await logIn(folder, clock);
    await target.startUnit('run-1', ['networkctl', 'reconfigure', 'enp1s0']);
    await target.startUnit('run-1', ['mkfs.ext4', '/dev/vdb']);
    target.close();
    const again = await logIn(folder, clock);
    expect(await again.followUnit('run-1')).toEqual({ exit: 0, tail: '' });
    expect(await again.unitState('run-1')).toEqual({ state: 'ended', exit: 0 });
    await again.forgetUnit('run-1');
    expect(await again.unitState('run-1')).toEqual({ state: 'absent' });
  });

  it('that still needed the connection has failed when the program ended', async () => {
    const [folder, clock] = [await practiceFolder(), testClock()];
    const target = await logIn(folder, clock);
    // A request that is never answered: the unit waits for it when the program ends.
    await target.reverseForward({ port: 5050, onStream: () => undefined });
    await target.startUnit('run-2', httpStatusArgv(5050, 'GET', '/'));
    expect(await target.unitState('run-2')).toEqual({ state: 'running' });
    const again = await logIn(folder, clock);
    expect(await again.unitState('run-2')).toEqual({ state: 'ended', exit: 100 });
  });
});
