/** The form follows the schema, and every field of it has words in both languages. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { editPlanText, planFromText } from '../../../src-main/runbook/plan-file.ts';
import { anotherLike, type FormNode, labelPath, planForm, valueAt } from '../../../src-shared/plan-form.ts';

/** Paths of all fields that hold a value, as the window walks them. */
function leaves(node: FormNode, path: readonly string[] = []): readonly string[] {
  if (node.kind === 'group') return node.fields.flatMap((field) => leaves(field.node, [...path, field.key]));
  if (node.kind === 'groups') return leaves(node.item, path);
  return [path.join('.')];
}

const fields = leaves(planForm()).filter((path) => path !== 'name');

const textsOf = (language: string): Record<string, unknown> =>
  JSON.parse(readFileSync(join('resources/locales', language, 'ui.json'), 'utf8')).planForm;
const textAt = (tree: unknown, path: string): unknown =>
  path.split('.').reduce((node, key) => (node as Record<string, unknown> | undefined)?.[key], tree);

describe('the form of the plan', () => {
  it('has the fields of the schema, and leaves sources by system to the text', () => {
    expect(fields).toEqual(
      expect.arrayContaining(['machines.address', 'machines.roles', 'releases.url', 'ranges.lan']),
    );
    expect(fields.filter((path) => path.startsWith('sources')).every((path) => /cache|proxy|ca/.test(path))).toBe(true);
  });

  it.each(['en', 'fr'])('names every field in %s', (language) => {
    const texts = textsOf(language);
    const nameless = fields.filter((path) => typeof textAt(texts, `${path}.label`) !== 'string');
    const groups = [...new Set(fields.map((path) => path.split('.')[0] ?? ''))];
    expect(nameless).toEqual([]);
    expect(groups.filter((key) => typeof textAt(texts, `${key}.title`) !== 'string')).toEqual([]);
  });

  it('finds labels without the places in lists, and values with them', () => {
    expect(labelPath(['machines', 3, 'address'])).toBe('machines.address');
    const plan = { machines: [{ name: 'a' }] };
    expect(valueAt(plan, ['machines', 0, 'name'])).toBe('a');
    expect(valueAt(plan, ['machines', 1, 'name'])).toBeUndefined();
    expect(valueAt(plan, ['constructor'])).toBeUndefined();
  });

  it('begins a further machine like the last one, with a name of its own', () => {
    const items = [
      { name: 'master-1', roles: ['master'], address: '10.0.0.1', release: '12' },
      { name: 'node-9', roles: ['node'], address: '10.0.0.2', release: '12' },
      { name: 'node-10', roles: ['node'] },
    ];
    expect(anotherLike(items.slice(0, 2), ['address'])).toEqual({ name: 'node-10', roles: ['node'], release: '12' });
    expect(anotherLike(items, ['address'])).toEqual({ name: 'node-11', roles: ['node'] });
    expect(anotherLike([{ name: 'plain' }], [])).toEqual({ name: 'plain-1' });
    expect(anotherLike([], [])).toEqual({});
  });
});

describe('editing the text by its form', () => {
  const text = `# kept
format: 1
name: lab
machines:
  - name: m # its name
    roles: [master]
    address: 10.0.0.1
    release: "12"
    interface: eth0
master:
`;
  it('sets, adds and takes out, keeping comments', () => {
    const edited = editPlanText(text, [
      { path: ['machines', 0, 'addresses'], value: ['fd00::1/64'] },
      { path: ['master', 'city'], value: 'Lyon' },
      { path: ['ranges', 'lan'], value: 'fd00::/64' },
      {
        path: ['machines', 1],
        value: { name: 'n', roles: ['node'], address: '10.0.0.2', release: '12', interface: 'e' },
      },
    ]);
    expect(edited).toContain('# kept');
    expect(edited).toContain('# its name');
    const plan = planFromText(edited, '');
    expect(plan).toMatchObject({
      master: { city: 'Lyon' },
      ranges: { lan: 'fd00::/64' },
      machines: [{}, { name: 'n' }],
    });
    const back = editPlanText(edited, [
      { path: ['machines', 1], value: null },
      { path: ['ranges', 'lan'], value: null },
    ]);
    expect(planFromText(back, '').machines).toHaveLength(1);
    expect(planFromText(back, '').ranges).toEqual({});
  });

  it('leaves a text alone that is no YAML', () => {
    const broken = 'a: [1, 2\nb: "x';
    expect(editPlanText(broken, [{ path: ['a'], value: 1 }])).toBe(broken);
  });
});
