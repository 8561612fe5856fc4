/**
 * The order in which test files run, for vitest.config.ts: what makes a checkpoint first, what begins at one last. In between the
 * usual order holds. A file that waits for a checkpoint would hold one of few places meanwhile.
 */
import { readFileSync } from 'node:fs';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

export class CheckpointsFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const usual = await super.sort(files);
    const ranks = new Map(usual.map((file) => [file, rankOf(file.moduleId)]));
    return usual.toSorted((one, other) => (ranks.get(one) ?? 1) - (ranks.get(other) ?? 1));
  }
}

function rankOf(path: string): 0 | 1 | 2 {
  if (!path.includes('/test/lab/')) return 1;
  const text = readFileSync(path, 'utf8');
  if (text.includes('claimCheckpoint(')) return 0;
  return /\b(restore(Machine|Laptop)?|Ladder\.open)\(/.test(text) ? 2 : 1;
}
