/** What a survey leaves in the folder: what was there before stays, and what came before a stop is told. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { World } from '../../../src-main/runbook/define.ts';
import { bringSurveys, type Survey } from '../../../src-main/runbook/survey.ts';
import { problem } from '../../../src-shared/problem.ts';
import { sitePlan } from '../../../src-shared/site.ts';
import { problemOf, put, scratch } from '../medium/scratch.ts';

const plan = sitePlan.parse({
  format: 1,
  name: 'plant',
  machines: ['a', 'b', 'c'].map((name) => ({
    ...{ name, roles: ['node'], address: `${name}.example`, release: '12', interface: 'eth0' },
  })),
});
const status = (version: number) => `Package: one\nStatus: install ok installed\nVersion: ${version}\n`;
const world = (answers: Readonly<Record<string, string>>) =>
  ({
    probe: async (machine: string) => {
      const out = answers[machine];
      if (out === undefined) throw problem('host-unreachable', { machine, address: machine, detail: 'ETIMEDOUT' });
      return { status: { exit: 0, out, err: '' } };
    },
  }) as unknown as World;

async function bring(folder: string, answers: Readonly<Record<string, string>>, names: readonly string[]) {
  const surveys: Survey[] = [];
  const brought = (survey: Survey) => void surveys.push(survey);
  const failed = await problemOf(bringSurveys(world(answers), { plan, names, folder }, { brought })).catch(() => null);
  return { surveys, failed };
}

it('writes over no earlier survey of a machine: each other text stays beside it', async () => {
  const folder = await scratch();
  const at = (name: string) => join(folder, name);
  const kept: (string | null)[] = [];
  for (const version of [1, 1, 2, 3]) {
    const { surveys } = await bring(folder, { a: status(version) }, ['a']);
    kept.push(...surveys.map(({ earlier }) => earlier));
  }
  expect(kept).toEqual([null, null, at('a.1.status'), at('a.2.status')]);
  expect(await readFile(at('a.status'), 'utf8')).toBe(status(3));
  expect(await readFile(at('a.1.status'), 'utf8')).toBe(status(1));
  expect(await readFile(at('a.2.status'), 'utf8')).toBe(status(2));
  expect((await readdir(folder)).sort()).toEqual(['a.1.status', 'a.2.status', 'a.status']);
});

it('keeps whatever else has its name', async () => {
  const folder = await scratch();
  await put(join(folder, 'a.status'), 'notes of mine');
  await bring(folder, { a: status(1) }, ['a']);
  expect(await readFile(join(folder, 'a.1.status'), 'utf8')).toBe('notes of mine');
});

it('tells each one as it lies there, so that a stop names them', async () => {
  const folder = await scratch();
  const { surveys, failed } = await bring(folder, { a: status(1), b: status(2) }, []);
  expect(failed).toMatchObject({ code: 'host-unreachable', params: { machine: 'c' } });
  expect(surveys.map(({ machine, path }) => [machine, path])).toEqual([
    ['a', join(folder, 'a.status')],
    ['b', join(folder, 'b.status')],
  ]);
});
