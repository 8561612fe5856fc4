// @ts-check
/**
 * A vitest reporter that writes what `npm test` adds up: how many tests passed and failed, and each skipped one with
 * its reason. A file that cannot be loaded and an error outside any test count as failed. Where to write:
 * FIELDKIT_COUNTS, anew after every file, so that a stage that is ended early leaves what it knows. Format: the
 * `CountsByFile` of tools/test.mjs.
 */
import { writeFileSync } from 'node:fs';

export default class CountsReporter {
  /** @type {Record<string, { passed: number, failed: string[], skipped: { name: string, reason: string }[] }>} */
  #files = {};

  /** @param {import('vitest/node').TestModule} module */
  onTestModuleEnd(module) {
    const counts = this.#of(module.moduleId);
    for (const error of module.errors()) counts.failed.push(`${module.relativeModuleId}: ${error.message}`);
    for (const suite of module.children.allSuites())
      for (const _error of suite.errors()) counts.failed.push(suite.fullName);
    for (const test of module.children.allTests()) {
      const result = test.result();
      if (result.state === 'passed') counts.passed += 1;
      else if (result.state === 'skipped')
        counts.skipped.push({ name: test.fullName, reason: result.note ?? test.meta().reason ?? reasonOf(test) });
      else counts.failed.push(test.fullName);
    }
    this.#write();
  }

  /** @param {ReadonlyArray<unknown>} _modules @param {ReadonlyArray<{ message?: string }>} unhandledErrors */
  onTestRunEnd(_modules, unhandledErrors) {
    for (const error of unhandledErrors) this.#of('').failed.push(`outside any test: ${error.message ?? error}`);
    this.#write();
  }

  /** @param {string} file '' for what happens outside any. */
  #of(file) {
    this.#files[file] ??= { passed: 0, failed: [], skipped: [] };
    return this.#files[file];
  }

  #write() {
    if (process.env.FIELDKIT_COUNTS) writeFileSync(process.env.FIELDKIT_COUNTS, JSON.stringify(this.#files));
  }
}

/** Of a test that says nothing itself. @param {import('vitest/node').TestCase} test */
function reasonOf(test) {
  for (let above = test.parent; ; above = above.parent) {
    if (above.errors().length > 0) return 'what it stands on failed';
    if (above.type === 'module') return 'no reason given';
  }
}
