/** The programs that ask the master's web server, to fill in its form and to count what it has, run by the host's Python against a server that answers as Zope does. */
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { caToolProgram, parseCaTool } from '../../../src-main/target/ca-tool.ts';
import { moduleCountProgram, parseModuleCounts } from '../../../src-main/target/master-web.ts';
import { commandFailed } from '../../../src-main/target/script.ts';
import { unless } from '../../unless.ts';

const python = spawnSync('python3', ['-c', 'import sqlite3']).status === 0;
const able = unless(python ? null : 'no python3 with sqlite3 here: sudo apt-get install python3');

const password = 'canary6form';
const tool = '/erp5/portal_certificate_authority';

describe('the program that fills in the form', able, () => {
  let folder: string;
  let server: Server;
  let program: string;
  let counting: string;
  let accepted = password;
  let broken = false;
  let refuses = false;
  let kept: Record<string, string>;

  beforeAll(async () => {
    server = createServer((request, response) => {
      if (broken) {
        request.socket.end('not a web server\r\n\r\n');
        return;
      }
      const given = Buffer.from(String(request.headers.authorization).replace('Basic ', ''), 'base64').toString();
      if (given !== `zope:${accepted}`) {
        response.writeHead(401).end();
        return;
      }
      if (request.url === '/erp5/person_module/objectCount') {
        response.end('3\n');
        return;
      }
      if (request.url === '/erp5/project_module/objectCount') {
        response.writeHead(404).end('0');
        return;
      }
      if (request.method === 'POST' && request.url === `${tool}/manage_editCertificateAuthorityTool`) {
        let body = '';
        request.on('data', (part) => {
          body += part;
        });
        request.on('end', () => {
          if (refuses) {
            response.writeHead(500).end();
            return;
          }
          kept = Object.fromEntries(new URLSearchParams(body));
          response.writeHead(302, { Location: `${tool}/manage_editCertificateAuthorityToolForm` }).end();
        });
        return;
      }
      response.end(
        `<form action="search"><input name="q"></form><form action="manage_editCertificateAuthorityTool" method="POST">
         <input name="certificate_authority_path" value="${kept.certificate_authority_path ?? ''}">
         <input name="openssl_binary" value="${kept.openssl_binary ?? ''}"></form>`,
      );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    folder = mkdtempSync(join(tmpdir(), 'fieldkit-ca-tool-'));
    program = caToolProgram.replace('/opt/slapos/slapproxy.db', join(folder, 'slapproxy.db'));
    counting = moduleCountProgram.replace('/opt/slapos/slapproxy.db', join(folder, 'slapproxy.db'));
    const published = (value: unknown) =>
      `<instance><parameter id="_">${JSON.stringify(value).replaceAll('"', '&quot;')}</parameter></instance>`;
    execFileSync(
      'python3',
      [
        '-c',
        'import sqlite3,sys; d=sqlite3.connect(sys.argv[1]); d.executescript(sys.stdin.read())',
        join(folder, 'slapproxy.db'),
      ],
      {
        input: `CREATE TABLE partition17 (reference, slap_state, connection_xml, partition_reference, requested_by);
          INSERT INTO partition17 VALUES
          ('slappart0', 'busy', '${published({ 'inituser-login': 'zope', 'inituser-password': password })}', 'slapos-master', ''),
          ('slappart1', 'busy', '${published({ 'zope-address-list': [[`127.0.0.1:${port}`, 4, false]] })}', 'zope-1', 'slapos-master');`,
      },
    );
  });
  afterAll(() => {
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  beforeEach(() => {
    accepted = password;
    broken = false;
    refuses = false;
    kept = { certificate_authority_path: '', openssl_binary: '/usr/bin/openssl' };
  });

  const said = async (...words: string[]) => {
    const { stdout, stderr } = await promisify(execFile)('python3', ['-c', ...words]);
    expect(stdout + stderr).not.toContain(password);
    return stdout;
  };
  const ask = async (...words: string[]) => parseCaTool(await said(program, ...words));
  const count = async (name: string) => parseModuleCounts(await said(counting, 'count', name, 'erp5'));

  it('counts what the master tells, and knows nothing of what it does not', async () => {
    expect(await count('slapos-master')).toEqual({ persons: 3, projects: null });
    expect(await count('another')).toEqual({ persons: null, projects: null });
    accepted = 'changed';
    expect(await count('slapos-master')).toEqual({ persons: null, projects: null });
    expect(parseModuleCounts('Traceback')).toEqual({ persons: null, projects: null });
  });

  it('reads what the form shows and changes nothing', async () => {
    expect(await ask('read', 'slapos-master', 'erp5')).toEqual({ status: 200, path: '' });
    expect(kept.certificate_authority_path).toBe('');
  });

  it('writes the path, keeps the other field, and reads it back', async () => {
    expect(await ask('write', 'slapos-master', 'erp5', '/srv/a b')).toEqual({ status: 200, path: '/srv/a b' });
    expect(kept).toEqual({ certificate_authority_path: '/srv/a b', openssl_binary: '/usr/bin/openssl' });
  });

  it('ends with why where the form does not show what was asked: a full disk, or the answer', async () => {
    refuses = true;
    const write = (text: string) => said(text, 'write', 'slapos-master', 'erp5', '/srv/x');
    const notTaken = { code: 1, stderr: expect.stringContaining('not taken, HTTP status 500') };
    const allFree = program.replace('shutil.disk_usage(folder).free', '1 << 30');
    await expect(write(allFree)).rejects.toMatchObject(notTaken);
    const allFull = program.replace('shutil.disk_usage(folder).free', '4096');
    const failed = await write(allFull).catch((thrown: { readonly code: number; readonly stderr: string }) => thrown);
    expect(failed).toMatchObject({ code: 1 });
    const problem = commandFailed(
      { command: 'c', machine: 'm', detail: '', exit: 1 },
      (failed as { stderr: string }).stderr,
    );
    expect(problem.data).toMatchObject({ code: 'target-disk-full', params: { machine: 'm' } });
  });

  it('says that it was not let in', async () => {
    accepted = 'changed';
    expect(await ask('read', 'slapos-master', 'erp5')).toEqual({ status: 401, path: null });
    expect(await ask('write', 'slapos-master', 'erp5', '/srv/x')).toEqual({ status: 401, path: null });
  });

  it('takes what is no answer of a web server for none', async () => {
    broken = true;
    expect(JSON.parse(await said(program, 'read', 'slapos-master', 'erp5'))).toEqual({ status: 0, path: null });
    expect(await count('slapos-master')).toEqual({ persons: null, projects: null });
  });

  it('says that there is no such master', async () => {
    expect(await ask('read', 'another', 'erp5')).toEqual({ status: 0, path: null });
  });
});
