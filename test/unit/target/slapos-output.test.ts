import { describe, expect, it } from 'vitest';
import {
  anotherRuns,
  parseCacheLookup,
  parseSlaposVersion,
  parseSoftwareLog,
  parseSupply,
} from '../../../src-main/target/slapos-output.ts';

const stamp = '2026-05-06 10:00:00 slapos[6645] INFO';
const url = 'https://lab.nexedi.com/nexedi/slapos/raw/1.0.358/software/slapos-master/software.cfg';

describe('cachelookup', () => {
  const table = [
    `${stamp} Software URL: ${url}`,
    `${stamp} MD5:          16d47c5ab38233146f11c11abdd14575`,
    `${stamp} -----`,
    `${stamp}     multiarch     distribution version    id    compatible? verified?`,
    `${stamp} -----`,
    `${stamp}  x86_64-linux-gnu    debian       12   bookworm     yes        yes`,
    `${stamp}  x86_64-linux-gnu    ubuntu     22.04   Jammy Jellyfish        no        yes`,
    `${stamp}  aarch64-linux-gnu    debian       12            no        no`,
  ].join('\n');

  it('reads the table, with and without colours', () => {
    const wanted = {
      state: 'found',
      url,
      md5: '16d47c5ab38233146f11c11abdd14575',
      usable: true,
      detail:
        'debian 12 x86_64-linux-gnu: compatible yes, verified yes; ubuntu 22.04 x86_64-linux-gnu: compatible no, verified yes; debian 12 aarch64-linux-gnu: compatible no, verified no',
      rows: [
        {
          multiarch: 'x86_64-linux-gnu',
          distribution: 'debian',
          version: '12',
          codename: 'bookworm',
          compatible: true,
          verified: true,
        },
        {
          multiarch: 'x86_64-linux-gnu',
          distribution: 'ubuntu',
          version: '22.04',
          codename: 'Jammy Jellyfish',
          compatible: false,
          verified: true,
        },
        {
          multiarch: 'aarch64-linux-gnu',
          distribution: 'debian',
          version: '12',
          codename: '',
          compatible: false,
          verified: false,
        },
      ],
    };
    expect(parseCacheLookup(table, 0)).toEqual(wanted);
    expect(parseCacheLookup(table.replaceAll('INFO', '\u001b[32mINFO\u001b[0m'), 0)).toEqual(wanted);
  });

  it('does not take exit 0 for a yes: one row must be both', () => {
    const split = table.replace('yes        yes', 'yes        no').replace('no        yes', 'no        yes');
    expect(parseCacheLookup(split, 0)).toMatchObject({ state: 'found', usable: false });
  });

  it('tells an absent document, an empty one, and a failure', () => {
    const absent = `${stamp.replace('INFO', 'CRITICAL')} Software release not found in binary cache: ${url}`;
    expect(parseCacheLookup(absent, 1)).toMatchObject({
      ...{ state: 'absent', usable: false, detail: 'not found in binary cache' },
    });
    const empty = `${stamp} Software URL: ${url}\n${stamp} MD5:          16d4\n${stamp} Object found in cache, but has no binary entries.`;
    expect(parseCacheLookup(empty, 0)).toMatchObject({ state: 'absent', usable: false });
    const traceback =
      "Traceback (most recent call last):\nFileNotFoundError: [Errno 2] No such file or directory: 'gcc'";
    expect(parseCacheLookup(traceback, 1)).toMatchObject({
      ...{ state: 'failed', usable: false },
      detail: "FileNotFoundError: [Errno 2] No such file or directory: 'gcc'",
    });
    expect(parseCacheLookup('', 0)).toMatchObject({ state: 'failed' });
  });
});

describe('the software log', () => {
  const begin = `${stamp} Processing software releases...`;
  const end = `${stamp} Finished software releases.`;
  const error = stamp.replace('INFO', 'ERROR');
  it.each([
    ['no pass yet', '', 'none', null],
    ['one under way', `${begin}\n${stamp} Installing software release ${url}...`, 'running', null],
    ['a clean one', `${begin}\n${end}`, 'clean', null],
    ['only the last one counts', `${begin}\n${error} boom\n${end}\n${begin}\n${end}`, 'clean', null],
    [
      'a refused cache',
      `${begin}\n${error} Binary cache forced for '${url}', but failed to download, will retry again\n${end}`,
      'failed',
      'cache-refused',
    ],
    [
      'a poisoned folder',
      `${begin}\n${error} Binary cache forced for '${url}', but directory /opt/slapgrid/16d4 already exists, will retry again\n${end}`,
      'failed',
      'poisoned',
    ],
    [
      'a damaged archive',
      `${begin}\n${stamp} Failed to download from network cache ${url}: invalid checksum.\n${end}`,
      'failed',
      'checksum',
    ],
    [
      'a compilation that failed',
      `${begin}\n${error} Failed to run buildout profile in directory '/opt/slapgrid/16d4'\n${end}`,
      'failed',
      'buildout',
    ],
    ['a full disk', `${begin}\nOSError: [Errno 28] No space left on device\n${end}`, 'failed', 'disk-space'],
    ['something else', `${begin}\n${error} what is this\n${end}`, 'failed', 'other'],
    [
      'the form of the log file',
      `[2026-05-06 10:00:00,123] INFO     Processing software releases...\n[2026-05-06 10:00:01,123] ERROR    odd`,
      'failed',
      'other',
    ],
  ])('%s', (_what, log, state, failure) => {
    expect(parseSoftwareLog(log)).toMatchObject({ state, failure });
  });

  it('gives the line that says it, and sees an extraction', () => {
    const log = `${begin}\n${stamp} Extracting archive of cached software release...\n${error} what \u001b[31mis this\n${end}`;
    expect(parseSoftwareLog(log)).toEqual({
      state: 'failed',
      extracted: true,
      failure: 'other',
      detail: 'what is this',
    });
  });
});

describe('the rest', () => {
  it('reads supply', () => {
    const done = `${stamp} Requesting software installation of ${url}...\n${stamp} Done.`;
    expect(parseSupply(done, 0)).toBe('recorded');
    expect(parseSupply('Done.', 0)).toBe('recorded');
    expect(parseSupply('usage: slapos supply\nerror: the following arguments are required: node', 2)).toBe(
      'wrong-arguments',
    );
    expect(parseSupply('ConfigError: Configuration file does not exist: /root/.slapos/slapos-client.cfg', 1)).toBe(
      'not-configured',
    );
    expect(parseSupply("requests.exceptions.ConnectionError: Couldn't connect to the server", 1)).toBe('proxy-silent');
    expect(parseSupply('Traceback', 1)).toBe('failed');
  });

  it('knows the version and a pass that is not alone', () => {
    expect(parseSlaposVersion('slapos 1.22.1 (Python 3.11.2)\n')).toBe('1.22.1');
    expect(parseSlaposVersion('bash: slapos: command not found')).toBeNull();
    expect([anotherRuns(10), anotherRuns(1)]).toEqual([true, false]);
  });
});
