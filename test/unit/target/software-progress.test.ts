/** The script that tells how far an installation is, run by this host's shell over logs in the form of slapos.core 1.22. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { softwareProgressArgv } from '../../../src-main/target/software-progress.ts';

const url = 'https://example.org/1.0/software/one/software.cfg';
const at = (time: string, text: string) => `[2026-01-05 10:${time}:00,123] INFO     ${text}\n`;
const begins = (time: string) => at(time, `Installing software release ${url} ...`);

describe('how far a software release is', () => {
  let home: string;
  let folder: string;
  let log: string;
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'fieldkit-progress-'));
    folder = join(home, 'release');
    log = join(home, 'software.log');
  });
  afterEach(() => rmSync(home, { recursive: true, force: true }));
  const ask = () => {
    const [program = '', ...words] = softwareProgressArgv(url, folder, log);
    const { status, stdout } = spawnSync(program, words, { encoding: 'utf8' });
    return { status, lines: stdout.trim().split('\n') };
  };

  it('stands once slapos has written so', () => {
    mkdirSync(folder);
    writeFileSync(join(folder, '.completed'), '');
    expect(ask()).toEqual({ status: 0, lines: ['completed'] });
  });

  it('says the last line while it goes on', () => {
    writeFileSync(log, begins('01') + at('01', 'Downloading'));
    expect(ask()).toEqual({ status: 1, lines: [`line ${at('01', 'Downloading').trim()}`] });
    mkdirSync(folder);
    writeFileSync(log, begins('01') + at('01', 'Extracting archive of cached software release...'));
    expect(ask().lines.join()).not.toContain('compiling');
  });

  it('knows a compilation, with the time it began', () => {
    mkdirSync(folder);
    writeFileSync(
      log,
      begins('01') +
        at('01', 'Extracting archive of cached software release...') +
        begins('02') +
        at('02', 'Bootstrapping'),
    );
    expect(ask()).toEqual({
      status: 1,
      lines: [`compiling ${begins('02').trim()}`, `line ${at('02', 'Bootstrapping').trim()}`],
    });
  });

  it('knows a folder that stands in the way, and a full disk', () => {
    mkdirSync(folder);
    const poisoned = `[2026-01-05 10:03:00,1] ERROR    Binary cache forced for '${url}', but directory ${folder} already exists, will retry again`;
    writeFileSync(log, `${begins('03')}${poisoned}\n`);
    expect(ask().lines[0]).toBe(`poisoned ${poisoned}`);
    writeFileSync(
      log,
      `${begins('04')}${at('04', 'Extracting archive of cached software release...')}OSError: [Errno 28] No space left on device\n`,
    );
    expect(ask().lines[0]).toBe('failed OSError: [Errno 28] No space left on device');
  });

  it('says nothing of another release, nor before there is a log', () => {
    expect(ask()).toEqual({ status: 1, lines: ['line'] });
    mkdirSync(folder);
    writeFileSync(log, at('01', 'Installing software release https://example.org/other/software.cfg ...'));
    expect(ask().lines.join()).not.toContain('compiling');
  });
});
