import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fieldOf, formatStanza, parseStanza, parseStanzas } from '../../../src-main/packages/control.ts';
import { formatGroup, parseRelation, parseRelations } from '../../../src-main/packages/relations.ts';

const malformed = expect.objectContaining({ code: 'index-malformed' });

describe('stanzas', () => {
  it('keep order, continuation lines and the case of names', () => {
    const text = 'Package: x\nDescription: short\n long\n .\n  indented\nSHA256:\n abc 1 a\n def 2 b\n';
    const stanza = parseStanza(text, 'test');
    expect(formatStanza(stanza)).toBe(text);
    expect(fieldOf(stanza, 'description')).toBe('short\n long\n .\n  indented');
    expect(fieldOf(stanza, 'Missing')).toBeNull();
  });

  it('read back what they wrote', () => {
    const name = fc.stringMatching(/^[A-Z][A-Za-z0-9-]{0,8}$/);
    const line = fc.stringMatching(/^[!-~]([ -~]{0,20}[!-~])?$/);
    const field = fc.record({ name, value: fc.tuple(line, fc.array(line, { maxLength: 3 })) });
    fc.assert(
      fc.property(fc.uniqueArray(field, { selector: (one) => one.name.toLowerCase(), minLength: 1 }), (fields) => {
        const stanza = fields.map((one) => ({ name: one.name, value: [one.value[0], ...one.value[1]].join('\n ') }));
        expect(parseStanza(formatStanza(stanza), 'test')).toEqual(stanza);
      }),
    );
  });

  it('are parted by lines that are empty or blank, and skip comments', () => {
    expect(parseStanzas('\nA: 1\n\n# note\nB: 2\n \nC: 3\n\n\n', 'test').map((stanza) => stanza[0]?.name)).toEqual([
      'A',
      'B',
      'C',
    ]);
  });

  it.each(['no colon', ' continuation first', 'A: 1\nA: 2', 'A: 1\na: 2', ': empty name', 'With blank: 1', '-a: 1'])(
    'refuse %j',
    (text) => {
      expect(() => parseStanza(text, 'test')).toThrow(malformed);
    },
  );
});

describe('relations', () => {
  it('know alternatives, versions and qualifiers', () => {
    expect(parseRelations('python3:any (>= 3.11), cron | cron-daemon,\n libc6 (<<2:3.0~) ,')).toEqual([
      [{ name: 'python3', qualifier: 'any', version: { comparison: '>=', wanted: '3.11' } }],
      [
        { name: 'cron', qualifier: null, version: null },
        { name: 'cron-daemon', qualifier: null, version: null },
      ],
      [{ name: 'libc6', qualifier: null, version: { comparison: '<<', wanted: '2:3.0~' } }],
    ]);
    expect(parseRelations('')).toEqual([]);
  });

  it('read the old single signs as dpkg does', () => {
    expect(parseRelation('a (< 1)').version?.comparison).toBe('<=');
    expect(parseRelation('a (> 1)').version?.comparison).toBe('>=');
  });

  it('read back what they wrote', () => {
    const relation = fc.record({
      name: fc.stringMatching(/^[a-z0-9][a-z0-9+.-]{1,10}$/),
      qualifier: fc.option(fc.constantFrom('any', 'amd64')),
      version: fc.option(
        fc.record({
          comparison: fc.constantFrom('<<' as const, '<=' as const, '=' as const, '>=' as const, '>>' as const),
          wanted: fc.stringMatching(/^[0-9][0-9a-z.+~]{0,6}$/),
        }),
      ),
    });
    fc.assert(
      fc.property(fc.array(relation, { minLength: 1, maxLength: 4 }), (group) => {
        expect(parseRelations(formatGroup(group))).toEqual([group]);
      }),
    );
  });

  it.each([
    'A',
    'a b',
    'a (1)',
    'a (>= )',
    'a (=> 1)',
    'a (>= v1)',
    'a [amd64]',
    'a <!nocheck>',
    'a |',
    '%misc:Depends%',
  ])('refuse %j', (text) => {
    expect(() => parseRelations(text)).toThrow(malformed);
  });
});
