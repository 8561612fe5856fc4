// @ts-check
/**
 * `npm test`: brings what is missing, then runs every stage in order and adds up. `npm test -- unit ui` (or
 * `npm run unit`) runs the named ones. The last line is always `N passed, N failed, N skipped`; the exit code says
 * failure when a test failed or when none passed. A static stage counts as one test. Nothing is asked on standard
 * input. Under CI a failed test of the window, and a failed file of integration and lab, is tried once more; one that
 * passes then is told as flaky (docs/decisions/0013-a-second-try-that-is-told.md).
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ensureChromium, ensureIntegrationHost, ensureLabHost, ensureScreen } from './prerequisites.mjs';
import { packageCommand, projectFolder, run, SetupError, secondsSince } from './process.mjs';
import { ensureBuild, ensureDrivelist, ensureElectron, ensurePackages, toolNode } from './setup.mjs';

/**
 * @typedef {object} Counts
 * @property {number} passed
 * @property {number} failed
 * @property {readonly { name: string, reason: string }[]} skipped
 * @property {readonly string[]} [flaky] names of those counted as passed that failed at the first try
 */

/**
 * What one run of vitest left (tools/vitest-counts.mjs), by file; '' is what happened outside any.
 * @typedef {Record<string, { passed: number, failed: readonly string[], skipped: Counts['skipped'] }>} CountsByFile
 */

const minuteMs = 60_000;
const work = mkdtempSync(path.join(tmpdir(), 'fieldkit-test-'));
const countsFile = path.join(work, 'counts.json');
/** A log file is to be read without escape codes. Each runner has its own way of being told. */
const plain = !process.stdout.isTTY;

/** @type {Record<string, () => Promise<Counts>>} */
const stages = {
  lint: () =>
    oneTest([packageCommand('@biomejs/biome'), 'ci', '--error-on-warnings', ...(plain ? ['--colors=off'] : [])]),
  types: () => oneTest([packageCommand('typescript', 'tsc'), '--noEmit']),
  unused: () => oneTest([packageCommand('knip')]),
  build: async () => {
    const { code, output } = await ensureBuild();
    if (code !== 0) console.log(output);
    return code === 0 ? passed : failed;
  },
  unit: () => vitest('unit', 15 * minuteMs),
  contract: () => vitest('contract', 15 * minuteMs),
  integration: async () => {
    await ensureIntegrationHost();
    return vitestTriedTwice('integration', 35 * minuteMs);
  },
  ui: async () => {
    const chromium = await ensureChromium();
    if ('missing' in chromium) return skipped('ui', chromium.missing);
    const build = await stageBuild();
    return build ?? playwright('ui', [], { FIELDKIT_CHROMIUM: chromium.executable });
  },
  e2e: async () => {
    const screen = await ensureScreen();
    if ('missing' in screen) return skipped('e2e', screen.missing);
    // One of its tests works on a lab machine, and says so when there can be none.
    await ensureLabHost();
    const electron = await ensureElectron();
    if ('missing' in electron) return skipped('e2e', electron.missing);
    const build = await stageBuild();
    return build ?? playwright('e2e', screen.prefix, { FIELDKIT_ELECTRON: electron.executable });
  },
  lab: async () => {
    const { missing } = await ensureLabHost();
    if (missing) return skipped('lab', missing);
    const build = await stageBuild();
    return build ?? vitestTriedTwice('lab', 45 * minuteMs);
  },
};

/** @type {Counts} */
const passed = { passed: 1, failed: 0, skipped: [] };
/** @type {Counts} */
const failed = { passed: 0, failed: 1, skipped: [] };

/** A whole stage that could not begin. @param {string} name @param {string} reason @returns {Counts} */
function skipped(name, reason) {
  return { passed: 0, failed: 0, skipped: [{ name: `the whole ${name} stage`, reason }] };
}

/** @param {readonly string[]} args @returns {Promise<Counts>} */
async function oneTest(args) {
  const { code } = await run(toolNode(), args, {
    show: true,
    timeoutMs: 10 * minuteMs,
    env: plain ? { NO_COLOR: '1' } : {},
  });
  return code === 0 ? passed : failed;
}

/** The window's tests need a build; one that fails is that stage's failure. @returns {Promise<Counts | undefined>} */
async function stageBuild() {
  const { code, output } = await ensureBuild();
  if (code === 0) return undefined;
  console.log(output);
  return failed;
}

/** @param {string} project @param {number} timeoutMs @returns {Promise<Counts>} */
async function vitest(project, timeoutMs) {
  return added((await vitestOnce(project, [], timeoutMs)).files);
}

/** More failed files than this are no accident. */
const filesTriedAgain = 3;

/**
 * As `vitest`; under CI the files in which a test failed are run once more, whole: their tests build on each other.
 * @param {string} project @param {number} timeoutMs @returns {Promise<Counts>}
 */
async function vitestTriedTwice(project, timeoutMs) {
  const startedMs = Date.now();
  const first = await vitestOnce(project, [], timeoutMs);
  const failed = Object.entries(first.files).filter(([, counts]) => counts.failed.length > 0);
  const accident = failed.length > 0 && failed.length <= filesTriedAgain && failed.every(([file]) => file !== '');
  if (!process.env.CI || first.timedOut || !accident) return added(first.files);
  const names = failed.map(([file]) => file);
  console.log(`\nOnce more: ${names.map((file) => path.relative(projectFolder, file)).join(', ')}`);
  const second = await vitestOnce(project, names, timeoutMs - (Date.now() - startedMs));
  const stillFailing = new Set(Object.values(second.files).flatMap((counts) => counts.failed));
  const flaky = failed.flatMap(([, counts]) => counts.failed).filter((name) => !stillFailing.has(name));
  return { ...added({ ...first.files, ...second.files }), flaky };
}

/** @param {CountsByFile} files @returns {Counts} */
function added(files) {
  const all = Object.values(files);
  return {
    passed: all.reduce((sum, one) => sum + one.passed, 0),
    failed: all.reduce((sum, one) => sum + one.failed.length, 0),
    skipped: all.flatMap((one) => one.skipped),
  };
}

/**
 * A runner that ended badly without a failed test (it crashed, found no tests, ran out of time) is one failure.
 * @param {string} project @param {readonly string[]} names all files when empty @param {number} timeoutMs
 * @returns {Promise<{ files: CountsByFile, timedOut: boolean }>}
 */
async function vitestOnce(project, names, timeoutMs) {
  const reporters = ['--reporter=default', `--reporter=${path.join(projectFolder, 'tools/vitest-counts.mjs')}`];
  const args = [packageCommand('vitest'), 'run', '--project', project, ...reporters, ...names];
  rmSync(countsFile, { force: true });
  const { code, timedOut } = await run(toolNode(), args, {
    show: true,
    timeoutMs,
    env: { FIELDKIT_COUNTS: countsFile, ...(plain ? { NO_COLOR: '1' } : {}) },
  });
  if (timedOut) console.log('The stage took too long and was ended.');
  /** @type {CountsByFile} */
  let files = {};
  try {
    files = JSON.parse(readFileSync(countsFile, 'utf8'));
  } catch {
    console.log('The stage left no results.');
  }
  const said = Object.values(files).some((counts) => counts.failed.length > 0);
  if (timedOut || (code !== 0 && !said)) files[''] = { passed: 0, failed: ['the stage ended badly'], skipped: [] };
  return { files, timedOut };
}

/** @param {string} project @param {readonly string[]} prefix @param {Record<string, string>} env @returns {Promise<Counts>} */
async function playwright(project, prefix, env) {
  const command = [
    ...prefix,
    toolNode(),
    packageCommand('@playwright/test', 'playwright'),
    'test',
    `--project=${project}`,
    '--reporter=list,json',
  ];
  rmSync(countsFile, { force: true });
  const result = await run(command[0] ?? '', command.slice(1), {
    show: true,
    timeoutMs: 45 * minuteMs,
    env: { ...env, PLAYWRIGHT_JSON_OUTPUT_FILE: countsFile, ...(plain ? { FORCE_COLOR: '0' } : {}) },
  });
  if (result.timedOut) console.log('The stage took too long and was ended.');
  /** @type {Counts} */
  let counts = { passed: 0, failed: 0, skipped: [] };
  try {
    counts = countPlaywright(JSON.parse(readFileSync(countsFile, 'utf8')));
  } catch {
    console.log('The stage left no results.');
  }
  // As with vitest: a runner that ended badly is a failure, whatever it counted.
  return result.code !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
}

/**
 * @typedef {{ title: string, specs?: { title: string, tests: { status: string, annotations: { type: string, description?: string }[] }[] }[], suites?: PlaywrightSuite[] }} PlaywrightSuite
 */

/** @param {{ suites: PlaywrightSuite[], errors: unknown[] }} report @returns {Counts} */
function countPlaywright(report) {
  /** @param {PlaywrightSuite} suite @returns {{ title: string, status: string, annotations: { type: string, description?: string }[] }[]} */
  const testsOf = (suite) => [
    ...(suite.specs ?? []).flatMap((spec) => spec.tests.map((test) => ({ ...test, title: spec.title }))),
    ...(suite.suites ?? []).flatMap(testsOf),
  ];
  const tests = report.suites.flatMap(testsOf);
  /** @param {string} status */
  const count = (status) => tests.filter((test) => test.status === status).length;
  return {
    passed: count('expected') + count('flaky'),
    failed: count('unexpected') + report.errors.length,
    flaky: tests.filter((test) => test.status === 'flaky').map((test) => test.title),
    skipped: tests
      .filter((test) => test.status === 'skipped')
      .map((test) => ({
        name: test.title,
        reason:
          test.annotations.find((note) => note.type === 'skip' || note.type === 'fixme')?.description ??
          'no reason given',
      })),
  };
}

async function main() {
  const startedMs = Date.now();
  const wanted = process.argv.slice(2);
  /** @type {{ name: string, counts: Counts }[]} */
  const results = [];
  try {
    await ensurePackages();
    await ensureDrivelist();
    const unknown = wanted.filter((name) => !(name in stages));
    if (unknown.length > 0)
      throw new SetupError(`No stage is called ${unknown.join(', ')}. There are: ${Object.keys(stages).join(', ')}.`);
    for (const [name, runStage] of Object.entries(stages)) {
      if (wanted.length > 0 && !wanted.includes(name)) continue;
      const stageMs = Date.now();
      console.log(`\n=== ${name}`);
      const counts = await runStage();
      results.push({ name, counts });
      const flaky = counts.flaky?.length ? `, ${counts.flaky.length} of them flaky: ${counts.flaky.join('; ')}` : '';
      console.log(`=== ${name}: ${inWords(counts)}, ${secondsSince(stageMs)}${flaky}`);
    }
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.log(error.message);
    results.push({ name: 'set-up', counts: failed });
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  summarise(results, startedMs);
}

/** @param {readonly { name: string, counts: Counts }[]} results @param {number} startedMs */
function summarise(results, startedMs) {
  const left = results.flatMap(({ name, counts }) => counts.skipped.map((test) => ({ ...test, stage: name })));
  if (left.length > 0) console.log('\nSkipped:');
  for (const line of skippedLines(left)) console.log(`  ${line}`);
  const unsure = results.flatMap(({ name, counts }) => (counts.flaky ?? []).map((test) => `${name}: ${test}`));
  if (unsure.length > 0) console.log('\nFlaky, passed at the second try:');
  for (const test of unsure) console.log(`  ${test}`);
  const total = {
    passed: results.reduce((sum, { counts }) => sum + counts.passed, 0),
    failed: results.reduce((sum, { counts }) => sum + counts.failed, 0),
    skipped: left,
  };
  console.log(`\nAll stages: ${secondsSince(startedMs)}`);
  console.log(inWords(total));
  process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;
}

/**
 * Tests of one group left out for one reason are one line.
 * @param {readonly { stage: string, name: string, reason: string }[]} tests
 * @returns {string[]}
 */
function skippedLines(tests) {
  /** @type {Map<string, { name: string, group: string, count: number, stage: string, reason: string }>} */
  const groups = new Map();
  for (const { stage, name, reason } of tests) {
    const group = name.split(' > ')[0] ?? name;
    const key = JSON.stringify([stage, group, reason]);
    groups.set(key, { stage, name, group, reason, count: (groups.get(key)?.count ?? 0) + 1 });
  }
  return [...groups.values()].map(
    ({ stage, name, group, count, reason }) =>
      `${stage}: ${count === 1 ? name : `${group}, ${count} tests`}: ${reason}`,
  );
}

/** @param {Counts} counts */
function inWords(counts) {
  return `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped.length} skipped`;
}

await main();
