// A thousand random walks through the window's acts on a laptop of five drives: whatever is chosen, cancelled, pulled, plugged
// in under another name, tried again and refused, only the stick that a person said yes to is written to.
// FIELDKIT_SEED says where the walks go; what a hand does in the middle of a run meets it where the machine is by then.
import { chmod, mkdir, mkdtemp, readdir, rm, statfs, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import type { LocalResult } from '../../../src-main/platform/shell.ts';
import type { InputOf } from '../../../src-shared/api.ts';
import { mediumPaths } from '../../../src-shared/manifest.ts';
import { Problem } from '../../../src-shared/problem.ts';
import type { Command } from '../../../src-shared/step.ts';
import { publishRelease, sha512Of, startUpstream, type Upstream } from '../../fakes/upstream-cache.ts';
import { type Asked, type AtTheWindow, atTheWindow } from './at-the-window.ts';
import { type Laptop, laptopOfFive } from './laptop.ts';
import { whyNoLoop } from './loop-medium.ts';

const rim = vi.hoisted(() => ({ answer: null as ((argv: readonly string[]) => LocalResult | null) | null }));
vi.mock('../../../src-main/platform/shell.ts', async (original) => {
  const real = await original<typeof import('../../../src-main/platform/shell.ts')>();
  const runLocal: typeof real.runLocal = async (argv, options) => rim.answer?.(argv) ?? real.runLocal(argv, options);
  return { ...real, runLocal };
});

const walks = 1000;
/** Walks of one laptop and site: their journal grows with each run. */
const together = 50;
const why = whyNoLoop();
const seed = Number(process.env.FIELDKIT_SEED ?? 20_240_601);
const site = 'office';
const choose = 'choose-medium@site';
const mirror = 'mirror-software@release:slapos-master';
const url = 'https://example.org/raw/1.0.358/software/slapos-master/software.cfg';
const blob = Buffer.alloc(20_000, 7);

let work: string;
let upstream: Upstream;
beforeAll(async () => {
  // In memory where there is room: a thousand walks flush some ten thousand files.
  const memory = await statfs('/dev/shm').then(
    ({ bavail, bsize }) => bavail * bsize > 1e9,
    () => false,
  );
  work = await mkdtemp(join(memory ? '/dev/shm' : tmpdir(), 'fieldkit-decoys-'));
  upstream = await startUpstream();
  const signer = await upstream.newSigner('signer');
  await publishRelease(upstream, signer, url, blob);
  await writeFile(join(work, 'signer.pem'), signer.certificatePem);
  // Whether it is there is looked up in the path; what it says comes from the rim.
  await mkdir(join(work, 'bin'));
  await writeFile(join(work, 'bin/udisksctl'), '#!/bin/false\n');
  await chmod(join(work, 'bin/udisksctl'), 0o755);
  vi.stubEnv('PATH', `${join(work, 'bin')}:${process.env.PATH}`);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await upstream.close();
  await rm(work, { recursive: true, force: true });
});
const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  rim.answer = null;
  for (const close of closing.splice(0).reverse()) await close();
});

/** mulberry32: the same walk for the same seed. */
function dice(start: number) {
  let state = start;
  const roll = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (count: number): number => Math.floor(roll() * count);
  const chance = (share: number): boolean => roll() < share;
  const one = <T>(list: readonly T[]): T | undefined => list[below(list.length)];
  return { below, chance, one };
}
type Dice = ReturnType<typeof dice>;

interface Walker {
  readonly laptop: Laptop;
  readonly desk: AtTheWindow;
  readonly random: Dice;
  /** How often what came about, so that a walk that does nothing is noticed. */
  readonly count: (what: string) => void;
  /** Tokens and devices that were ever offered: some are of a drive that is away, or another's by now. */
  readonly offered: Set<string>;
}

/** One is pulled and the other is plugged into its place, under its name and where it was mounted. */
function exchange({ laptop, random, count }: Walker, next: 'ours' | 'other'): void {
  for (const one of [next, next === 'ours' ? 'other' : 'ours'] as const) laptop.unplug(one);
  if (laptop.plug(next) && random.chance(0.7)) laptop.mount(next);
  count(`exchanged for ${next}`);
}

/** What a hand does at the laptop, at any moment. */
function hardware(walker: Walker): void {
  const { laptop, random, count } = walker;
  const name = random.chance(0.5) ? 'ours' : 'other';
  const act = random.below(6);
  if (act === 5) exchange(walker, name);
  else if (act < 2) {
    laptop.unplug(name);
    count(`pulled ${name}`);
  } else if (act < 4 && laptop.plug(name)) {
    if (random.chance(0.7)) laptop.mount(name);
    count(`plugged ${name}`);
  } else laptop.mount(name);
}

const ours = (args: unknown): boolean =>
  typeof args === 'object' && args !== null && JSON.stringify(args).includes('"serial":"serial-ours"');

/** A yes is given to our stick alone, as far as the question shows it; to mounting always, since it writes no file. */
function consents(commands: readonly Command[]): boolean {
  return commands.every((command) => {
    if (command.kind !== 'work') return true;
    if (command.job === 'choose-medium') return ours(command.args.is);
    return command.job === 'take-other-medium' || command.job === 'mount-medium' || !command.job.includes('medium');
  });
}

async function answer(walker: Walker, asked: Asked): Promise<string | null> {
  const { random, count } = walker;
  if (random.chance(0.1)) return null;
  if (random.chance(0.25)) for (let acts = random.below(4); acts > 0; acts -= 1) hardware(walker);
  if (asked.kind === 'question') {
    const { params, id } = asked.question;
    if (!id.startsWith('medium:')) throw new Error(`asked ${id}`);
    count(`asked about ${params.serial}`);
    return params.serial === 'serial-ours' ? 'use-this-one' : 'keep-former';
  }
  return consents(asked.plan.commands) ? 'yes' : 'no';
}

async function run(walker: Walker, instances: string[], inputs: InputOf<'steps.run'>['inputs']): Promise<void> {
  const { desk, random, count } = walker;
  const running = desk.run({ site, instances, inputs }, (asked) => answer(walker, asked));
  if (random.chance(0.3)) {
    for (let turns = random.below(200); turns > 0; turns -= 1) await setImmediate();
    for (let acts = random.below(4); acts > 0; acts -= 1) hardware(walker);
  }
  const { outcome, code } = await running;
  if (code === 'internal') throw new Error(`${instances.join()} met a fault of the program`);
  count(`${instances.length === 1 ? 'chose' : 'prepared'} ${outcome} ${code ?? ''}`.trim());
}

async function format(walker: Walker): Promise<void> {
  const { desk, random, count } = walker;
  const drives = await desk.call('format.drives', { site });
  for (const { device } of drives) walker.offered.add(device);
  const device = random.one([...walker.offered]) ?? '';
  const loss = await desk.call('format.look', { site, device });
  if (random.chance(0.5)) exchange(walker, random.chance(0.7) ? 'other' : 'ours');
  // Only of our own stick is the name typed; of another it is one that is not its name.
  const typed = loss.serial === 'serial-ours' ? loss.typeName : random.one(['', 'yes', 'FIELDKIT', device]);
  const wanted = { site, device, mark: loss.mark, typed: typed ?? '', fileSystem: 'ext4' as const, label: 'FIELD' };
  await desk.call('format.perform', wanted);
  count('formatted');
}

async function step(walker: Walker): Promise<void> {
  const { laptop, desk, random, count, offered } = walker;
  switch (random.below(9)) {
    case 0:
    case 1:
      return hardware(walker);
    case 2: {
      for (const { token } of await desk.call('media.list', { site })) offered.add(token);
      const path = random.one([...offered]) ?? null;
      await desk.call('steps.plan', { site, instance: choose, input: { path } });
      return count('looked');
    }
    case 3:
    case 4: {
      const listed = await desk.call('media.list', { site });
      for (const { token } of listed) offered.add(token);
      // What the page does not let one press is asked for all the same.
      const mine = listed.filter(({ serial }) => serial === 'serial-ours').map(({ token }) => token);
      const path = random.one(random.chance(0.6) ? mine : [...offered]);
      return path === undefined ? undefined : run(walker, [choose], { [choose]: { path } });
    }
    case 5:
    case 6:
      return run(walker, [choose, mirror], {});
    case 7:
      return format(walker);
    default: {
      // Something on our stick is lost, so that there is something to write again.
      const { point } = laptop.drives.ours;
      if (point === null || !(await readdir(point)).includes('fieldkit')) return;
      await unlink(join(point, 'fieldkit', mediumPaths.blob(sha512Of(blob)))).then(
        () => count('lost'),
        () => undefined,
      );
      await desk.call('media.contents', { site, path: null });
    }
  }
}

test('only the stick that was agreed to is written to, in a thousand walks', { timeout: 300_000 }, async ({ skip }) => {
  if (why !== null) return skip(why);
  const counts = new Map<string, number>();
  const count = (what: string) => void counts.set(what, (counts.get(what) ?? 0) + 1);
  for (let walk = 0; walk < walks; walk += together) {
    const laptop = await laptopOfFive(work);
    closing.push(laptop.close);
    rim.answer = laptop.answer;
    const before = await laptop.seen();
    const home = join(work, `home-${walk}`);
    await mkdir(home);
    await writeFile(
      join(home, 'plan.yaml'),
      `format: 1
name: ${site}
machines:
  - { name: m1, roles: [master], address: "fd00::1", release: "12", interface: eth0 }
releases:
  - { name: slapos-master, url: ${url} }
sources:
  cache: { index: ${upstream.index}/, blobs: ${upstream.blobs}, certificates: [${join(work, 'signer.pem')}] }
`,
    );
    const desk = await atTheWindow(home, { plan: join(home, 'plan.yaml') });
    closing.push(desk.close);
    await desk.run({ site, instances: ['describe-site@site'], inputs: {} }, async () => 'yes');
    for (let each = walk; each < walk + together; each += 1) {
      const walker = { laptop, desk, count, offered: new Set<string>(), random: dice(seed + each) };
      for (let steps = 1 + walker.random.below(3); steps > 0; steps -= 1)
        await step(walker).catch((error: unknown) => {
          if (!(error instanceof Problem) || error.code === 'internal') throw error;
          count(`refused ${error.code}`);
        });
    }
    for (const close of closing.splice(1).reverse()) await close();
    expect(await laptop.seen(), `walks ${walk} to ${walk + together - 1} of seed ${seed}`).toEqual(before);
    await closing.splice(0)[0]?.();
  }
  console.log(
    [...counts]
      .sort()
      .map(([what, times]) => `${times} × ${what}`)
      .join('\n'),
  );
  // It was walked where there is something to be done wrong.
  for (const what of [
    ...['chose done', 'chose failed medium-swapped', 'asked about serial-other', 'prepared done', 'lost', 'formatted'],
    ...['refused medium-drive-unusable', 'refused medium-absent', 'refused format-name-differs', 'pulled ours'],
  ])
    expect(counts.get(what) ?? 0, what).toBeGreaterThan(0);
});
