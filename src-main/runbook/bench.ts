// One site, opened with its engine and its hands: what the desk holds for each site of the window, and what a command of the
// command line works with alone. Nothing is performed by opening.
import type { Clock } from '../platform/clock.ts';
import type { Asker } from './asking.ts';
import type { Step } from './define.ts';
import { OpenSite } from './open-site.ts';
import type { Hands } from './performer.ts';
import { Runner } from './runner.ts';
import { isPractice, readSitePlan, siteFolder } from './sites.ts';

/** What one open site is worked with. */
export interface BenchParts {
  readonly dataFolder: string;
  readonly program: string;
  readonly runbook: readonly Step[];
  readonly clock: Clock;
  /** The hands of one open site; `asker` gives passwords when a connection needs them. */
  readonly makeHands: (site: OpenSite, asker: Asker) => Hands;
}

/** One open site with its engine. */
export interface Bench {
  readonly site: OpenSite;
  readonly runner: Runner;
  readonly hands: Hands;
}

/** Opens a site with hands that ask through `asker`. Throws as `OpenSite.open`. */
export async function openBench(parts: BenchParts, name: string, asker: Asker): Promise<Bench> {
  const folder = await siteFolder(parts.dataFolder, name);
  await readSitePlan(parts.dataFolder, name);
  const site = await OpenSite.open(folder, {
    program: parts.program,
    practice: await isPractice(folder),
    clock: parts.clock,
  });
  try {
    const hands = parts.makeHands(site, asker);
    const runner = new Runner(site, parts.runbook, hands);
    await runner.refresh();
    return { site, runner, hands };
  } catch (error) {
    await site.close();
    throw error;
  }
}

export async function closeBench(bench: Bench): Promise<void> {
  await bench.hands.close();
  await bench.site.close();
}
