// Another stick with the same label, at the place of the one that a site was prepared on: real file systems on one mount point,
// acts of the window. A person says which one counts, and nothing is written to the other.
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { readJournal } from '../../../src-main/runbook/journal-store.ts';
import type { Question } from '../../../src-shared/step.ts';
import { problemOf } from '../../unit/medium/scratch.ts';
import { type Asked, atTheWindow } from './at-the-window.ts';
import { type LoopMedium, loopMedium, whyNoLoop, workbench } from './loop-medium.ts';

const why = whyNoLoop();
const site = 'plant';
const instance = 'choose-medium@site';
const mebibyte = 1024 * 1024;

async function begun() {
  const folder = await workbench();
  const point = join(folder, 'FIELD');
  await mkdir(point);
  const desk = await atTheWindow(join(folder, 'home'));
  onTestFinished(() => desk.close());
  await desk.call('sites.create', {
    interview: { name: site, system: 'debian-12', master: '127.0.0.1', nodes: [], user: 'field', interface: 'eth0' },
  });
  // Without udev their size is all that can be told of such sticks; the volume's id and the serial are in the unit tests.
  const [first, second, third] = [16, 20, 24].map((size) => loopMedium(folder, `${size}`, size * mebibyte));
  if (first === undefined || second === undefined || third === undefined) throw new Error('no media');
  let now: LoopMedium | null = null;
  const plug = (medium: LoopMedium | null) => {
    now?.unmount(point);
    medium?.mount(point);
    now = medium;
  };
  const asked: Question[] = [];
  const run = (say: (question: Question) => string | null, instances = [instance]) =>
    desk.run({ site, instances, inputs: { [instance]: { path: point } } }, async (what: Asked) => {
      if (what.kind === 'confirm') return 'yes';
      asked.push(what.question);
      return say(what.question);
    });
  const never = (question: Question): string => {
    throw new Error(`asked ${question.id}`);
  };
  expect(await run(never, ['describe-site@site'])).toMatchObject({ outcome: 'done' });
  plug(first);
  expect(await run(never)).toEqual({ outcome: 'done', code: null });
  const marker = (await readFile(join(point, 'fieldkit/medium-id'), 'utf8')).trim();
  return { folder, point, desk, first, second, third, plug, run, never, asked, marker };
}

test('it is taken only after a person has compared the two, and the former one is the other from then on', async ({
  skip,
}) => {
  if (why !== null) return skip(why);
  const { folder, point, desk, first, second, plug, run, never, asked, marker } = await begun();

  plug(second);
  // Any other step says what to do, and the step that is done is not done any more.
  expect((await problemOf(desk.call('media.contents', { site, path: null }))).code).toBe('medium-swapped');
  const { plan } = await desk.call('steps.plan', { site, instance, input: { path: point } });
  expect(plan?.commands.map((command) => (command.kind === 'work' ? command.job : command.kind))).toEqual([
    'ask',
    'take-other-medium',
  ]);

  expect(await run(() => 'keep-former')).toEqual({ outcome: 'failed', code: 'medium-swapped' });
  expect(await run(() => 'yes')).toEqual({ outcome: 'cancelled', code: 'not-confirmed' });
  expect(await run(() => null)).toMatchObject({ outcome: 'cancelled' });
  expect(await readdir(point)).toEqual(['lost+found']);
  const [question] = asked;
  expect(question).toMatchObject({ kind: 'choice', choices: ['use-this-one', 'keep-former'] });
  expect(question?.params).toMatchObject({ path: point, formerMark: marker.slice(0, 8), mark: '' });
  expect([question?.params.formerBytes, question?.params.sizeBytes]).toEqual([16 * mebibyte, 20 * mebibyte]);

  expect(await run(() => 'use-this-one')).toEqual({ outcome: 'done', code: null });
  const taken = (await readFile(join(point, 'fieldkit/medium-id'), 'utf8')).trim();
  expect(taken).not.toBe(marker);
  expect(await run(never)).toEqual({ outcome: 'done', code: null });

  // The former one is as it was left, and another by now.
  plug(first);
  expect(await readdir(join(point, 'fieldkit'))).toContain('medium-id');
  expect((await readFile(join(point, 'fieldkit/medium-id'), 'utf8')).trim()).toBe(marker);
  expect(await run(() => 'keep-former')).toEqual({ outcome: 'failed', code: 'medium-swapped' });
  plug(second);
  expect(await run(never)).toEqual({ outcome: 'done', code: null });

  await desk.close();
  const [journal] = (await readdir(join(folder, 'home'), { recursive: true })).filter((name) =>
    name.endsWith(`${site}/journal.jsonl`),
  );
  const { events } = await readJournal(join(folder, 'home', journal ?? ''));
  const answers = events.flatMap((event) => (event.kind === 'answered' ? [`${event.by} ${event.value}`] : []));
  expect(answers).toEqual(['window keep-former', 'window yes', 'window use-this-one', 'window keep-former']);
});

test('the answer holds for the stick that was shown: a third one in its place is not taken', async ({ skip }) => {
  if (why !== null) return skip(why);
  const { point, second, third, plug, run, never } = await begun();
  plug(second);
  const swapped = await run(() => {
    plug(third);
    return 'use-this-one';
  });
  expect(swapped).toEqual({ outcome: 'failed', code: 'medium-swapped' });
  expect(await readdir(point)).toEqual(['lost+found']);
  plug(second);
  expect(await readdir(point)).toEqual(['lost+found']);
  // None at all: the bare mount point is no medium, and nobody is asked about it.
  plug(null);
  expect(await run(never)).toMatchObject({ code: 'medium-absent' });
  expect(await readdir(point)).toEqual([]);
});

test('the very first yes is given to one stick, too', async ({ skip }) => {
  if (why !== null) return skip(why);
  const { folder, desk, second, third, never } = await begun();
  const point = join(folder, 'NEW');
  await mkdir(point);
  second.mount(point);
  const inputs = { [instance]: { path: point } };
  const shown: unknown[] = [];
  const ended = await desk.run({ site, instances: [instance], inputs }, async (what) => {
    if (what.kind === 'question') return never(what.question);
    shown.push(what.plan.commands);
    if (shown.length > 1) return 'no';
    second.unmount(point);
    third.mount(point);
    return 'yes';
  });
  // What was agreed to is not what is there: it is shown anew, and this time nobody says yes.
  expect(shown).toHaveLength(2);
  expect(shown[0]).not.toEqual(shown[1]);
  expect(ended).toMatchObject({ outcome: 'cancelled' });
  expect(await readdir(point)).toEqual(['lost+found']);
});
