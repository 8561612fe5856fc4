import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Journal, readJournal } from '../../../src-main/runbook/journal-store.ts';
import { editPlanText, planFromText, readPlanText } from '../../../src-main/runbook/plan-file.ts';
import { Secrets } from '../../../src-main/runbook/secrets.ts';
import { createSite, planTemplate } from '../../../src-main/runbook/sites.ts';
import { takeWriterLock, writerOf } from '../../../src-main/runbook/writer-lock.ts';
import { interview, interviewSystems } from '../../../src-shared/interview.ts';
import { fold, type NewEvent } from '../../../src-shared/journal.ts';
import { planText } from '../../fakes/engine.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fieldkit-files-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('the journal', () => {
  const write = async (count: number): Promise<string> => {
    const path = join(folder, 'journal.jsonl');
    const journal = await Journal.open(path, await readJournal(path));
    for (let index = 0; index < count; index += 1)
      await journal.append(
        { kind: 'lease', lease: 'content', machine: `m${index}`, state: 'open' },
        new Date(0),
        index,
      );
    await journal.close();
    return path;
  };

  it('reads back what was written, in order', async () => {
    const { events, torn } = await readJournal(await write(3));
    expect(events.map((event) => event.seq)).toEqual([1, 2, 3]);
    expect(torn).toBe(false);
  });

  it('drops a torn last line wherever the power went, and goes on after the last whole one', async () => {
    const path = await write(3);
    const whole = await readFile(path);
    for (let cut = whole.lastIndexOf('\n', whole.length - 2) + 2; cut < whole.length; cut += 7) {
      await writeFile(path, whole.subarray(0, cut));
      const read = await readJournal(path);
      expect([read.events.length, read.torn]).toEqual([2, true]);
      const journal = await Journal.open(path, read);
      await journal.append({ kind: 'lease', lease: 'content', machine: 'again', state: 'open' }, new Date(0), 0);
      await journal.close();
      expect((await readJournal(path)).events.length).toBe(3);
    }
  });

  it('names the line when the middle is damaged, and changes nothing', async () => {
    const path = await write(3);
    const lines = (await readFile(path, 'utf8')).split('\n');
    await writeFile(path, [lines[0], 'x', lines[2], ''].join('\n'));
    await expect(readJournal(path)).rejects.toMatchObject({ code: 'journal-damaged', data: { params: { line: 2 } } });
    await writeFile(path, [lines[0], lines[2], lines[2], ''].join('\n'));
    await expect(readJournal(path)).rejects.toMatchObject({ code: 'journal-damaged' });
    await appendFile(path, '');
  });
});

describe('a hostile journal', () => {
  const stamp = (seq: number) => ({ seq, at: '2026-01-01T00:00:00.000Z', mono: 0 });
  const events = (...list: readonly Record<string, unknown>[]) =>
    list.map((event, index) => `${JSON.stringify({ ...stamp(index + 1), ...event })}\n`).join('');
  const ended = { kind: 'run-ended', outcome: 'failed' };

  it.each(['__proto__', 'constructor', 'toString'])('has no instance called %s', async (instance) => {
    const path = join(folder, 'journal.jsonl');
    await writeFile(path, events({ ...ended, instance, problem: null }));
    const view = fold((await readJournal(path)).events);
    expect(Object.keys(view.instances)).toEqual([]);
    expect(Object.getPrototypeOf(view.instances)).toBe(Object.prototype);
  });

  it.each(['constructor', 'toString', '__proto__', 'no-such'])('knows no problem called %s', async (code) => {
    const path = join(folder, 'journal.jsonl');
    const trouble = { code, params: {}, severity: 'strict', retryable: false, evidence: '' };
    await writeFile(path, events({ ...ended, instance: 'a@site', problem: trouble }, { ...ended, instance: 'a@site' }));
    await expect(readJournal(path)).rejects.toMatchObject({ code: 'journal-damaged', data: { params: { line: 1 } } });
  });

  it('is never written by us: an event that cannot be read back is refused, and the next one stands', async () => {
    const path = join(folder, 'journal.jsonl');
    const journal = await Journal.open(path, await readJournal(path));
    const wrong = { kind: 'lease', lease: 'content', machine: 'm', state: 'ajar' } as unknown as NewEvent;
    await expect(journal.append(wrong, new Date(0), 0)).rejects.toMatchObject({ code: 'internal' });
    await journal.append({ kind: 'lease', lease: 'content', machine: 'm', state: 'open' }, new Date(0), 0);
    await journal.close();
    expect((await readJournal(path)).events.map(({ seq }) => seq)).toEqual([1]);
  });
});

describe('secrets', () => {
  it('are blanked whole, also when one is the beginning of another, in every form', () => {
    const secrets = new Secrets();
    secrets.set('short', 'hunter2');
    secrets.set('long', 'hunter2 and "more"/?');
    const forms = [
      'hunter2 and "more"/?',
      JSON.stringify('hunter2 and "more"/?'),
      Buffer.from('hunter2 and "more"/?').toString('base64'),
      encodeURIComponent('hunter2 and "more"/?'),
      'hunter2',
    ];
    for (const form of forms) expect(secrets.redact(`<${form}>`)).not.toMatch(/hunter2|more/);
    expect(secrets.redact(forms.join())).not.toContain('aHVudGVy');
  });
});

it('a refused secret stays out of sight', () => {
  const secrets = new Secrets();
  secrets.set('password:m1', 'mistyped-but-mine');
  secrets.forget('password:m1');
  expect(secrets.get('password:m1')).toBeUndefined();
  expect(secrets.redact('<mistyped-but-mine>')).toBe('<[secret]>');
});

describe('the writer lock', () => {
  it('is held by one, and says by whom since when', async () => {
    const release = await takeWriterLock(folder, 's', new Date(0));
    await expect(takeWriterLock(folder, 's', new Date())).rejects.toMatchObject({
      code: 'site-in-use',
      data: { params: { since: '1970-01-01T00:00:00.000Z' } },
    });
    await release();
    await (await takeWriterLock(folder, 's', new Date()))();
  });

  it('is held by exactly one of many that try at once, over and over, and leaves nothing', async () => {
    for (let round = 0; round < 20; round += 1) {
      if (round % 2 === 0) await writeFile(join(folder, 'writer.lock'), round % 4 === 0 ? 'damaged' : '');
      const tries = await Promise.allSettled(Array.from({ length: 8 }, () => takeWriterLock(folder, 's', new Date())));
      const won = tries.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
      expect(won.length).toBe(1);
      for (const release of won) await release();
    }
    expect(await readdir(folder)).toEqual([]);
  });

  it('is taken over from a program that is gone on this laptop, never from another laptop', async () => {
    const stale = { pid: 2 ** 22 + 12345, host: hostname(), user: 'u', since: 'then' };
    await writeFile(join(folder, 'writer.lock'), JSON.stringify(stale));
    expect(await writerOf(folder)).toBe(null);
    await (await takeWriterLock(folder, 's', new Date()))();
    await writeFile(join(folder, 'writer.lock'), JSON.stringify({ ...stale, host: 'elsewhere' }));
    await expect(takeWriterLock(folder, 's', new Date())).rejects.toMatchObject({ code: 'site-in-use' });
  });
});

describe('the site plan file', () => {
  it('stands, with its defaults', () => {
    expect(planFromText(planText, 'site.yaml')).toMatchObject({
      content: { port: 5050 },
      machines: [{ partitions: 20, port: 22 }],
    });
  });

  it('is begun from an interview, for each system and any number of nodes', () => {
    for (const system of interviewSystems) {
      const nodes = ['10.0.0.2', 'fd00::2', 'node.example'];
      const text = planTemplate({ name: 'new-site', system, master: '::1', nodes, user: 'ada', interface: 'eth0' });
      expect(readPlanText(text).faults).toEqual([]);
      expect(planFromText(text, '')).toMatchObject({
        name: 'new-site',
        machines: ['::1', ...nodes].map((address) => ({ address, user: 'ada', interface: 'eth0' })),
      });
    }
  });

  it.each([
    [
      'two nodes, re6st and a frontend',
      ['10.0.0.2', '10.0.0.3'],
      [['master'], ['node', 'registry'], ['node', 'frontend']],
    ],
    ['one node, re6st and a frontend', ['10.0.0.2'], [['master'], ['node', 'registry', 'frontend']]],
  ])('begins a plan with %s', (_what, nodes, roles) => {
    const said = { name: 'new', system: 'debian-12', master: '10.0.0.1', nodes, user: 'root', interface: 'eth0' };
    const wishes = { re6st: 'fdbb:eb3c:1b95::/48', domain: 'site.example.org' };
    const text = planTemplate(interview.parse({ ...said, ...wishes }));
    expect(readPlanText(text).faults).toEqual([]);
    const plan = planFromText(text, '');
    expect(plan.machines.map((item) => item.roles)).toEqual(roles);
    expect(plan.releases.map(({ name }) => name)).toEqual(['slapos-master', 're6stnet', 'rapid-cdn']);
    expect([plan.ranges.re6st, plan.frontend?.domain]).toEqual([wishes.re6st, wishes.domain]);
    for (const [key, value] of Object.entries(wishes))
      expect(interview.safeParse({ ...said, nodes: [], [key]: value }).error?.issues[0]?.path).toEqual([key]);
  });

  it.each([
    ['an unknown key', (text: string) => `${text}colour: blue\n`, 'colour', 5, 'unknown-key'],
    [
      'a wrong address',
      (text: string) => text.replace('10.0.0.1', '10.0.0.300'),
      'machines.0.address',
      4,
      'ipv4-parts',
    ],
    ['a wrong range', (text: string) => `${text}ranges: { lan: "fd00::/129" }\n`, 'ranges.lan', 5, 'range'],
    ['a missing field', (text: string) => text.replace(', interface: eth0', ''), 'machines.0.interface', 4, 'required'],
    [
      'a number where a text belongs',
      (text: string) => text.replace('"12"', '12'),
      'machines.0.release',
      4,
      'wants-text',
    ],
    ['another format', (text: string) => text.replace('format: 1', 'format: 3'), 'format', 1, 'one-of'],
    [
      'too many partitions',
      (text: string) => text.replace(', interface', ', partitions: 201, interface'),
      'machines.0.partitions',
      4,
      'at-most',
    ],
    ['no machine', () => 'format: 1\nname: fake\nmachines: []\n', 'machines', 3, 'empty'],
    ['a tab', (text: string) => text.replace('machines:\n', 'machines:\n\t- {}\n'), '', 4, 'yaml-tab'],
    [
      'two masters',
      (text: string) => `${text}  - { name: m2, roles: [master], address: 10.0.0.2, release: "12", interface: e }\n`,
      'machines',
      4,
      'several-masters',
    ],
    [
      'a system nobody knows sources for',
      (text: string) => text.replace('"12"', '"7"'),
      'machines.0.release',
      4,
      'no-sources',
    ],
    ['a value that goes on as a key', (text: string) => `${text}trust: a: b\n`, '', 5, 'yaml-key'],
    ['a bracket left open', (text: string) => `${text}ranges: { lan: fd00::/64\n`, '', 6, 'yaml-missing'],
    ['a quote left open', (text: string) => `${text}note: "x\n`, '', 6, 'yaml-missing'],
    ['a sign that begins nothing', (text: string) => `${text}note: @x\n`, '', 5, 'yaml-quote'],
    ['a lone closing bracket', (text: string) => `${text}note: ]\n`, '', 5, 'yaml-unexpected'],
    ['a second document', (text: string) => `${text}---\nname: other\n`, '', 5, 'yaml-documents'],
    ['an anchor nobody set', (text: string) => `${text}note: *there\n`, '', 5, 'yaml-sign'],
    ['a key twice', (text: string) => `${text}name: other\n`, '', 5, 'yaml-key-twice'],
    [
      'an archive for a system no machine has',
      (text: string) =>
        `${text}releases:\n  - name: slapos-master\n    url: https://a/b.cfg\n    archives: { debian-13-amd64: /x }\n`,
      'releases.0.archives.debian-13-amd64',
      8,
      'system-not-there',
    ],
  ])('refuses %s and says where', (_what, change, path, line, code) => {
    const { plan, faults } = readPlanText(change(planText));
    expect(plan).toBe(null);
    expect(faults.map((fault) => fault.path)).toContain(path);
    expect(faults.find((fault) => fault.path === path)).toMatchObject({ line, code });
    expect(() => planFromText(change(planText), 'site.yaml')).toThrow(
      expect.objectContaining({ code: 'site-plan-invalid' }),
    );
  });

  it('refuses identical ranges by their own code, and only warns of one inside the other', () => {
    const ranges = (lan: string, re6st: string) => `${planText}ranges: { lan: "${lan}", re6st: "${re6st}" }\n`;
    expect(() => planFromText(ranges('fd00:1::/64', 'fd00:1:0:0::/64'), 'p')).toThrow(
      expect.objectContaining({ code: 'ranges-identical' }),
    );
    expect(planFromText(ranges('fd00:1::/64', 'fd00::/16'), 'p').ranges.re6st).toBe('fd00::/16');
  });

  it('keeps comments and order when the program edits it', () => {
    const text = `# first\n${planText}# last\n`;
    const edited = editPlanText(text, [{ path: ['machines', 0, 'hostKey'], value: `SHA256:${'a'.repeat(43)}` }]);
    expect(edited).toContain('# first');
    expect(edited).toContain('# last');
    expect(planFromText(edited, 'p').machines[0]?.hostKey).toBe(`SHA256:${'a'.repeat(43)}`);
  });

  it('never throws anything but its own problem, whatever the text', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.string().map((tail) => planText + tail),
        ),
        (text) => {
          expect(readPlanText(text)).toHaveProperty('faults');
        },
      ),
      { numRuns: 300 },
    );
  });

  it('makes a site once', async () => {
    expect(await createSite(folder, planText, { practice: false })).toBe('fake');
    await expect(createSite(folder, planText, { practice: false })).rejects.toMatchObject({ code: 'site-name-taken' });
    await expect(createSite(folder, 'name: ../../etc', { practice: false })).rejects.toMatchObject({
      code: 'site-plan-invalid',
    });
  });
});
