// @ts-check
/**
 * A vitest reporter that writes what `npm test` adds up: how many tests passed and failed, and each skipped one with
 * its reason. A file that cannot be loaded and an error outside any test count as failed. Where to write:
 * FIELDKIT_COUNTS. Format: the `Counts` of tools/test.mjs.
 */
import { writeFileSync } from 'node:fs';

export default class CountsReporter {
  /** @param {ReadonlyArray<import('vitest/node').TestModule>} modules @param {ReadonlyArray<unknown>} unhandledErrors */
  onTestRunEnd(modules, unhandledErrors) {
    const counts = {
      passed: 0,
      failed: unhandledErrors.length,
      skipped: /** @type {{ name: string, reason: string }[]} */ ([]),
    };
    for (const module of modules) {
      counts.failed += module.errors().length;
      for (const suite of module.children.allSuites()) counts.failed += suite.errors().length;
      for (const test of module.children.allTests()) {
        const result = test.result();
        if (result.state === 'passed') counts.passed += 1;
        else if (result.state === 'skipped')
          counts.skipped.push({ name: test.fullName, reason: result.note ?? reasonOf(test) });
        else counts.failed += 1;
      }
    }
    if (process.env.FIELDKIT_COUNTS) writeFileSync(process.env.FIELDKIT_COUNTS, JSON.stringify(counts));
  }
}

/** Of a test that says nothing itself. @param {import('vitest/node').TestCase} test */
function reasonOf(test) {
  for (let above = test.parent; ; above = above.parent) {
    if (above.errors().length > 0) return 'what it stands on failed';
    if (above.type === 'module') return 'no reason given';
  }
}
