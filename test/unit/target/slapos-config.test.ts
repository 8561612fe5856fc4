import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { type ConfigValue, editConfig, parseConfig } from '../../../src-main/target/slapos-config.ts';
import { Problem } from '../../../src-shared/problem.ts';

const sample = `[slapos]
software_root = /opt/slapgrid
master_url = http://127.0.0.1:8080/
# a remark
computer_id: local_computer

[networkcache]
# Define options to use binary cache
download-binary-cache-url = http://shacache.example.org
download-cache-url = http://shacache.example.org
signature-certificate-list =
  -----BEGIN CERTIFICATE-----
  MIIB8DCCAVmgAwIBAgIJAPFf61p8y809MA0GCSqGSIb3DQEBBQUAMBExDzANBgNV
  # the second signer
  -----END CERTIFICATE-----

  -----BEGIN CERTIFICATE-----
  abc
  -----END CERTIFICATE-----

download-from-binary-cache-url-blacklist =
  https://lab.nexedi.com/nexedi/slapos/raw/master
  /

[collect]
report_folder = 50%% of it
`;

const codeOf = (act: () => unknown): string => {
  try {
    act();
    return 'none';
  } catch (thrown) {
    return thrown instanceof Problem ? thrown.code : String(thrown);
  }
};

describe('reading', () => {
  it('reads values as slapos does', () => {
    const config = parseConfig(sample);
    expect(config.sections).toEqual(['slapos', 'networkcache', 'collect']);
    expect(config.get('slapos', 'computer_id')).toBe('local_computer');
    expect(config.get('slapos', 'COMPUTER_ID')).toBe('local_computer');
    expect(config.get('collect', 'report_folder')).toBe('50% of it');
    expect(config.get('networkcache', 'signature-certificate-list')?.split('\n')).toHaveLength(8);
    expect(config.section('nothing')).toBeNull();
  });

  it('names both lines of a section that is there twice', () => {
    const place = { machine: 'box', path: '/etc/x.cfg' };
    try {
      parseConfig(`${sample}\n[networkcache]\na = 1\n`, place);
      expect.unreachable();
    } catch (thrown) {
      expect((thrown as Problem).code).toBe('slapos-config-duplicate-section');
      expect((thrown as Problem).data.params).toEqual({ ...place, section: 'networkcache', first: 7, second: 28 });
    }
  });

  it.each([
    ['a certificate that is not indented', '[a]\nlist =\n-----BEGIN CERTIFICATE-----\n'],
    ['a key before any section', 'a = 1\n'],
    ['a key that is there twice', '[a]\nx = 1\nX = 2\n'],
    ['a value without a key', '[a]\n= 1\n'],
  ])('refuses %s', (_what, text) => {
    expect(codeOf(() => parseConfig(text))).toBe('slapos-config-malformed');
  });

  it('refuses a single percent sign only where it is read', () => {
    const config = parseConfig('[a]\nx = 100%\n[b]\ny = 1\n');
    expect(config.get('b', 'y')).toBe('1');
    expect(codeOf(() => config.get('a', 'x'))).toBe('slapos-config-malformed');
  });

  it('follows references, and stops in a circle', () => {
    expect(parseConfig('[DEFAULT]\nroot = /srv\n[a]\nx = %(root)s/y\n').get('a', 'x')).toBe('/srv/y');
    expect(codeOf(() => parseConfig('[a]\nx = %(y)s\ny = %(x)s\n').section('a'))).toBe('slapos-config-malformed');
  });
});

describe('editing', () => {
  it('changes the lines of its values and nothing else', () => {
    const edited = editConfig(sample, 'networkcache', {
      'download-binary-cache-url': 'http://127.0.0.1:5050/bcache',
      'signature-certificate-list': ['-----BEGIN CERTIFICATE-----', 'xyz', '-----END CERTIFICATE-----'],
      'download-from-binary-cache-force-url-list': ['https://lab.nexedi.com/nexedi/slapos/raw/1.0.'],
    });
    const before = sample.split('\n');
    const after = edited.split('\n');
    expect(after.slice(0, 8)).toEqual(before.slice(0, 8));
    expect(after[8]).toBe('download-binary-cache-url = http://127.0.0.1:5050/bcache');
    expect(after.slice(10, 15)).toEqual([
      'signature-certificate-list =',
      '  -----BEGIN CERTIFICATE-----',
      '  xyz',
      '  -----END CERTIFICATE-----',
      '  # the second signer',
    ]);
    expect(after.slice(15)).toEqual([
      ...before.slice(19, 23),
      'download-from-binary-cache-force-url-list =',
      '  https://lab.nexedi.com/nexedi/slapos/raw/1.0.',
      ...before.slice(23),
    ]);
  });

  it('adds a missing section at the end, and a key to an empty one', () => {
    expect(editConfig('[a]\nx = 1', 'b', { y: '2' })).toBe('[a]\nx = 1\n\n[b]\ny = 2\n');
    expect(editConfig('[a]\n[b]\nz = 3\n', 'a', { y: '2' })).toBe('[a]\ny = 2\n[b]\nz = 3\n');
    expect(editConfig('', 'a', { y: '2' })).toBe('[a]\ny = 2\n');
  });

  it('keeps Windows line ends and a missing last one', () => {
    expect(editConfig('[a]\r\nx = 1\r\ny = 2', 'a', { x: '9', z: '3' })).toBe('[a]\r\nx = 9\r\ny = 2\r\nz = 3\r\n');
  });

  it('takes a key away', () => {
    expect(editConfig('[a]\nx = 1\n  2\ny = 3\n', 'a', { x: null, absent: null })).toBe('[a]\ny = 3\n');
  });

  it('refuses what the file cannot hold', () => {
    expect(codeOf(() => editConfig(sample, 'slapos', { x: ['# no'] }))).toBe('internal');
    expect(codeOf(() => editConfig(sample, 'slapos', { 'a=b': 'no' }))).toBe('internal');
  });
});

// ------------------------------------------------------------------ any file

const word = fc.stringMatching(/^[a-z][a-z0-9_-]{0,8}$/);
const plainValue = fc.stringMatching(/^[A-Za-z0-9/:.+ =[\]#;-]{0,24}$/).map((text) => text.trim());
const gap = fc.constantFrom('', '\n', '# remark\n', '  ; deep remark\n', '   \n', '#[section]\n');

const option = fc
  .record({
    key: word,
    separator: fc.constantFrom(' = ', '=', ': ', ' :'),
    value: plainValue,
    more: fc.array(plainValue, { maxLength: 3 }),
    gap,
  })
  .map(({ key, separator, value, more, gap: blank }) => ({
    key,
    text: (indent: string) =>
      `${indent}${key}${separator}${value}\n${more.map((line) => (line === '' || /^[#;]/.test(line) ? '\n' : `${indent}   ${line}\n`)).join('')}${blank}`,
  }));

const anyFile = fc
  .record({
    head: gap,
    sections: fc.uniqueArray(
      fc.record({
        name: word,
        indent: fc.constantFrom('', '', '  '),
        gap,
        options: fc.uniqueArray(option, { selector: ({ key }) => key, maxLength: 5 }),
      }),
      { selector: ({ name }) => name, maxLength: 4 },
    ),
    newline: fc.constantFrom('\n', '\n', '\r\n'),
    lastNewline: fc.boolean(),
  })
  .map(({ head, sections, newline, lastNewline }) => {
    const body = sections
      .map(
        ({ name, indent, gap: blank, options }) =>
          `[${name}]\n${blank}${options.map((one) => one.text(indent)).join('')}`,
      )
      .join('');
    const text = (head + body).replaceAll('\n', newline);
    return { text: lastNewline ? text : text.replace(/\r?\n$/, ''), names: sections.map(({ name }) => name) };
  });

const edits = fc.dictionary(
  word,
  fc.oneof(
    plainValue,
    fc.array(
      plainValue.filter((line) => line !== '' && !/^[#;]/.test(line)),
      { minLength: 1, maxLength: 3 },
    ),
    fc.constant(null),
  ),
  { maxKeys: 4 },
);

/** What the parser must give back for a value that was set. */
const seen = (value: Exclude<ConfigValue, null>): string =>
  typeof value === 'string' ? value : ['', ...value].join('\n');

const everything = (text: string) => {
  const config = parseConfig(text);
  return Object.fromEntries(config.sections.map((name) => [name, Object.fromEntries(config.section(name) ?? [])]));
};

describe('any file', () => {
  it('an edit sets its values, keeps all others, and a second one changes nothing', () => {
    fc.assert(
      fc.property(anyFile, word, edits, (file, other, values) => {
        const section = file.names[0] ?? other;
        const before = everything(file.text);
        const edited = editConfig(file.text, section, values);
        const expected = { ...before, [section]: { ...before[section] } } as Record<string, Record<string, string>>;
        for (const [key, value] of Object.entries(values)) {
          if (value === null) delete expected[section]?.[key];
          else Object.assign(expected[section] ?? {}, { [key]: seen(value) });
        }
        if (Object.keys(expected[section] ?? {}).length === 0 && before[section] === undefined)
          delete expected[section];
        expect(everything(edited)).toEqual(expected);
        expect(editConfig(edited, section, values)).toBe(edited);
      }),
      { numRuns: 400 },
    );
  });

  it('every comment and every line of other sections is still there, in order', () => {
    fc.assert(
      fc.property(anyFile, word, edits, (file, other, values) => {
        const section = file.names[0] ?? other;
        const lines = (text: string) => text.split(/\r?\n/).map((line) => line.trimEnd());
        const untouched = (text: string): string[] => {
          let inside = false;
          return lines(text).filter((line) => {
            const header = /^\s*\[([^\]]+)\]/.exec(line)?.[1];
            if (header !== undefined && file.names.includes(header)) inside = header === section;
            return line.trim() !== '' && (!inside || /^\s*[#;]/.test(line));
          });
        };
        // Values that look like headers would fool this test's own reader, not the editor.
        fc.pre(!/^\s+\[|[=:]\s*\[/m.test(file.text));
        const edited = editConfig(file.text, section, values);
        const kept = untouched(edited).filter(
          (line) => !line.startsWith(`[${section}]`) || file.names.includes(section),
        );
        expect(kept.filter((line) => untouched(file.text).includes(line))).toEqual(untouched(file.text));
      }),
      { numRuns: 400 },
    );
  });

  it('an edit with nothing to set gives the same bytes', () => {
    fc.assert(fc.property(anyFile, (file) => editConfig(file.text, file.names[0] ?? 'a', {}) === file.text));
  });
});

// ------------------------------------------------------------------ the real parser

const folder = mkdtempSync(join(tmpdir(), 'fieldkit-config-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const reader = `
import configparser, json, sys
out = []
for path in json.load(open(sys.argv[1])):
    parser = configparser.ConfigParser()
    try:
        parser.read(path, encoding='utf-8')
        out.append({name: dict(parser.items(name)) for name in parser.sections()})
    except configparser.Error as error:
        out.append(type(error).__name__)
json.dump(out, sys.stdout)
`;

import { unless, whyWithout } from '../../unless.ts';

function asPython(texts: readonly string[]): unknown[] {
  const paths = texts.map((text, index) => {
    const path = join(folder, `${index}.cfg`);
    writeFileSync(path, text);
    return path;
  });
  const list = join(folder, 'list.json');
  writeFileSync(list, JSON.stringify(paths));
  return JSON.parse(execFileSync('python3', ['-c', reader, list], { maxBuffer: 1 << 28 }).toString());
}

describe("Python's own parser", unless(whyWithout('python3')), () => {
  it('sees the same values, before and after an edit', () => {
    const files = fc.sample(fc.tuple(anyFile, word, edits), { numRuns: 300, seed: 7 });
    const texts = files.flatMap(([file, other, values]) => [
      file.text,
      editConfig(file.text, file.names[0] ?? other, values),
    ]);
    expect(texts.map(everything)).toEqual(asPython(texts));
    expect(everything(sample)).toEqual(asPython([sample])[0]);
  });

  it('agrees on what is malformed, for files of random lines', () => {
    const piece = fc.constantFrom(
      '[a]',
      '[b]',
      ' [a]',
      'x = 1',
      'X: 2',
      '  y',
      '\ty = 3',
      '# c',
      ' ; c',
      '',
      '   ',
      'z',
      '= 4',
      'p = 5%',
      'q = %%',
      'r = %(x)s',
      '[DEFAULT]',
      '[a] tail',
      'é = \u00a0ü',
      '\u0085[b]',
    );
    const texts = fc
      .sample(fc.array(piece, { maxLength: 9 }), { numRuns: 1500, seed: 11 })
      .map((lines) => lines.join('\n'));
    const theirs = asPython(texts);
    texts.forEach((text, index) => {
      const their = theirs[index];
      let own: unknown;
      try {
        own = everything(text);
      } catch (thrown) {
        own = (thrown as Problem).code;
      }
      if (typeof their !== 'string') expect({ text, own }).toEqual({ text, own: their });
      // Python goes on after a line it cannot read and may then meet a section twice; the first fault in the file is named here.
      else if (own === 'slapos-config-duplicate-section')
        expect({ text, their }).toEqual({ text, their: 'DuplicateSectionError' });
      else expect({ text, own }).toMatchObject({ own: expect.stringMatching(/^slapos-config-/) });
    });
  });
});
