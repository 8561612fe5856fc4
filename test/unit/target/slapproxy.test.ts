/** The program that asks slapproxy, run by the host's Python on a database in the form of slapos.core 1.22. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseSlapproxyState, slapproxyProgram, withoutConnection } from '../../../src-main/target/slapproxy.ts';
import { unless } from '../../unless.ts';

const python = spawnSync('python3', ['-c', 'import sqlite3']).status === 0;
const able = unless(python ? null : 'no python3 with sqlite3 here: sudo apt-get install python3');

const root =
  '<instance><parameter id="_">{"city": "Lille", "inituser-password": "canary4given"}</parameter></instance>';
const published =
  '{"family-service-v6": "https://[fd00::1]:2155", "inituser-password": "canary4published", "zopes": {"a": 1}}';
const zopeAt = (port: number) => `{"zope-address-list": [["127.0.0.1:${port}", 4, false]]}`;
const connection = (text: string) =>
  `<instance><parameter id="_">${text.replaceAll('"', '&quot;')}</parameter></instance>`;

describe('the program that asks slapproxy', able, () => {
  let folder: string;
  let program: string;
  const sql = (text: string) =>
    execFileSync(
      'python3',
      [
        '-c',
        'import sqlite3,sys; d=sqlite3.connect(sys.argv[1]); d.executescript(sys.stdin.read())',
        join(folder, 'slapproxy.db'),
      ],
      { input: text },
    );
  const ask = (asked: string) => spawnSync('python3', ['-c', program, asked, 'slapos-master'], { encoding: 'utf8' });

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'fieldkit-slapproxy-'));
    program = slapproxyProgram
      .replace('/opt/slapos/slapproxy.db', join(folder, 'slapproxy.db'))
      .replaceAll('/srv/slapgrid', folder)
      .replace('/opt/slapos/log', folder);
    const columns =
      'reference, slap_state, software_release, xml, connection_xml, partition_reference, requested_by, requested_state, timestamp';
    sql(`CREATE TABLE partition_network17 (address); CREATE TABLE partition9 (${columns}); CREATE TABLE partition17 (${columns});
      INSERT INTO partition17 VALUES ('slappart0', 'busy', 'url', '${root}', NULL, 'slapos-master', '', 'started', 1000.5), ('slappart4', 'free', NULL, NULL, NULL, NULL, '', 'started', NULL);`);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('says what was asked for, and that it is not ready', () => {
    const state = parseSlapproxyState(ask('state').stdout);
    expect(state?.instance).toMatchObject({ partition: 'slappart0', release: 'url', address: null, children: 0 });
    expect(state?.instance?.parameters.city).toBe('Lille');
    expect(state).toMatchObject({ missing: ['slappart0'], answers: false });
    expect(ask('ready')).toMatchObject({ status: 1, stdout: 'done 0 1\n' });
    expect(ask('address').status).toBe(1);
  });

  it('is ready when all is published, every promise is kept, every partition stands, and the web server answers', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const zope = zopeAt(port);
    sql(`UPDATE partition17 SET connection_xml = '${connection(published)}' WHERE reference = 'slappart0';
      INSERT INTO partition17 VALUES ('slappart1', 'busy', 'url', NULL, '${connection(zope)}', 'zope-1', 'slapos-master', 'started', 1000.7),
        ('slappart2', 'busy', 'url', NULL, NULL, 'memcached', 'zope-1', 'started', 1000), ('slappart3', 'busy', 'other', NULL, NULL, 'another', '', 'started', 1000);`);
    const state = () => parseSlapproxyState(ask('state').stdout);
    expect(state()).toMatchObject({ missing: ['slappart0', 'slappart1', 'slappart2'], answers: true });
    expect(ask('ready')).toMatchObject({ status: 1, stdout: 'done 0 3\n' });
    for (const name of ['slappart0', 'slappart1', 'slappart2']) {
      mkdirSync(join(folder, name), { recursive: true });
      writeFileSync(join(folder, name, '.timestamp'), '1000.7');
    }
    // Asked for with a release, and not built from it yet.
    expect(state()?.instance?.moved).toBe(false);
    expect(ask('ready').status).toBe(1);
    for (const name of ['slappart0', 'slappart1', 'slappart2'])
      writeFileSync(join(folder, name, 'buildout.cfg'), '[slap-connection]\nsoftware-release-url = url\n');
    expect(state()).toMatchObject({ instance: { moved: true }, used: ['other', 'url'] });
    expect(state()).toMatchObject({ missing: [], answers: true });
    expect(ask('ready').status).toBe(0);
    // Slapgrid takes the time stamp away while it works at a partition: it stands all the same, and is not ready.
    renameSync(join(folder, 'slappart2/.timestamp'), join(folder, 'slappart2/.installed.cfg'));
    expect(state()?.missing).toEqual([]);
    expect(ask('ready')).toMatchObject({ status: 1, stdout: 'done 2 3\n' });
    renameSync(join(folder, 'slappart2/.installed.cfg'), join(folder, 'slappart2/.timestamp'));
    expect(state()?.behind).toEqual([]);
    // Asked for with other parameters: everything still stands as it was, and is not what was asked for.
    sql("UPDATE partition17 SET timestamp = 2000.25 WHERE reference = 'slappart1'");
    expect(state()).toMatchObject({ missing: [], behind: ['slappart1'], instance: { moved: true } });
    expect(ask('ready')).toMatchObject({ status: 1, stdout: 'done 2 3\n' });
    // A pass writes down what the master told: whole seconds from some versions.
    writeFileSync(join(folder, 'slappart1/.timestamp'), '2000');
    expect(state()?.behind).toEqual([]);
    expect(ask('ready').status).toBe(0);
    const results = join(folder, 'slappart1/.slapgrid/promise/result');
    mkdirSync(results, { recursive: true });
    writeFileSync(join(results, 'one.status.json'), JSON.stringify({ title: 'one', result: { failed: true } }));
    expect(ask('ready').status).toBe(1);
    expect(parseSlapproxyState(ask('state').stdout)?.failing).toEqual(['slappart1 one']);
    writeFileSync(join(results, 'one.status.json'), JSON.stringify({ title: 'one', result: { failed: false } }));
    expect(ask('ready')).toMatchObject({ status: 0, stdout: 'ready\n' });
    expect(ask('address').stdout).toBe(`127.0.0.1:${port}\n`);
    await new Promise((resolve) => server.close(resolve));
    expect(state()).toMatchObject({ missing: [], answers: false });
    expect(ask('ready')).toMatchObject({ status: 1, stdout: 'done 3 3\n' });
  });

  it('gathers the logs that tell why, without the secrets they hold', () => {
    mkdirSync(join(folder, 'slappart0'), { recursive: true });
    writeFileSync(join(folder, 'slapos-node-instance.log'), 'asked with canary4given\nlast line\n');
    writeFileSync(join(folder, 'slappart0/.slapgrid-slappart0-error.log'), 'failed beside canary4published\n');
    const { status, stdout } = ask('evidence');
    expect(status).toBe(0);
    expect(stdout).toContain('asked with [secret]\nlast line\n');
    expect(stdout).toContain('failed beside [secret]\n');
  });

  it('never prints a password, neither given nor published', () => {
    for (const asked of ['state', 'ready', 'address', 'evidence']) expect(ask(asked).stdout).not.toContain('canary4');
    expect(parseSlapproxyState(ask('state').stdout)?.instance?.published).toEqual({
      'family-service-v6': 'https://[fd00::1]:2155',
    });
  });

  it('has no state without a database', () => {
    const gone = program.replace(join(folder, 'slapproxy.db'), join(folder, 'none.db'));
    expect(parseSlapproxyState(spawnSync('python3', ['-c', gone, 'state', 'x'], { encoding: 'utf8' }).stdout)).toBe(
      null,
    );
  });
});

describe('a request', () => {
  it('keeps the connection out of what is shown, and the exit code', () => {
    const said = 'echo before; echo "2026 INFO Connection parameters of instance are:"; echo canary4; exit 3';
    const ended = spawnSync('sh', ['-c', withoutConnection, 'sh', 'sh', '-c', said], { encoding: 'utf8' });
    expect(ended).toMatchObject({ status: 3, stdout: 'before\n', stderr: '' });
  });
});
