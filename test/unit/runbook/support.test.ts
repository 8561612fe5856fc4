/** What is handed to somebody who helps: whole, without keys, and without addresses when asked. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Journal, readJournal } from '../../../src-main/runbook/journal-store.ts';
import { saveSupport, supportText, withoutAddresses } from '../../../src-main/runbook/support.ts';
import { planText } from '../../fakes/engine.ts';

let folder: string;
const at = { program: 'SlapOS Field Kit test', now: new Date(Date.UTC(2026, 0, 2, 3, 4, 5)) };

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fieldkit-support-'));
  await writeFile(join(folder, 'site.yaml'), planText);
  await mkdir(join(folder, 'blobs'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it('tells states, problems and the record, and how the journal is damaged', async () => {
  const path = join(folder, 'journal.jsonl');
  const journal = await Journal.open(path, await readJournal(path));
  const subject = { kind: 'site' as const };
  const key = 'connect@site';
  await journal.append({ kind: 'instances', list: [{ step: 'connect', subject }] }, at.now, 0);
  await journal.append({ kind: 'run-started', instance: key, input: {} }, at.now, 0);
  const problem = {
    code: 'host-unreachable' as const,
    params: { machine: 'm1', address: '10.0.0.1' },
    evidence: '-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----\nno route to 10.0.0.1',
    severity: 'strict' as const,
    retryable: true,
  };
  await journal.append({ kind: 'run-ended', instance: key, outcome: 'failed', problem }, at.now, 0);
  await journal.close();
  const text = await supportText(folder, { ...at, hideAddresses: false });
  expect(text).toMatch(/failed +connect@site/);
  expect(text).toContain('host-unreachable');
  expect(text).toContain('no route to 10.0.0.1');
  expect(text).not.toContain('BEGIN PRIVATE KEY');
  const hidden = await supportText(folder, { ...at, hideAddresses: true });
  expect(hidden).not.toContain('10.0.0.1');
  expect(hidden).toContain('no route to address-1');
  const saved = await saveSupport(text, folder, 'plant', at.now);
  expect(saved).toBe(join(folder, 'support-plant-20260102T030405.md'));
  expect(await readFile(saved, 'utf8')).toBe(text);
  await writeFile(path, '{"seq":1}\n{}\n');
  expect(await supportText(folder, { ...at, hideAddresses: false })).toContain('Site plan');
});

it('finds addresses of every form, and keeps times, hashes and loopback', () => {
  const kept = 'at 12:34:56 on 127.0.0.1 with SHA256:ab:cd and version 1.0.349 and ::1';
  expect(withoutAddresses(kept, [])).toBe(kept);
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (address) => {
      fc.pre(!['127.0.0.1', '::1', '::', '0.0.0.0'].includes(address));
      const text = withoutAddresses(`from ${address}, and [${address}]:22 or "${address}/64"`, []);
      expect(text).toBe('from address-1, and [address-1]:22 or "address-1/64"');
    }),
  );
  expect(withoutAddresses('http://pump.example/x pump.example', ['pump.example'])).toBe('http://address-1/x address-1');
});
