// The guided first run of the practice site: faults to meet on the way, in the order of the walk. Each has a step at which the
// program notices it, and the code with which it says so; words are the window's (`ui.guide.<fault>`).

export interface Lesson {
  /** Fault of the practice site that makes it. */
  readonly fault: string;
  /** Where it is met. */
  readonly instance: string;
  readonly code: string;
}

export const lessons: readonly Lesson[] = [
  { fault: 'tampered-package-index', instance: 'plan-medium@site', code: 'index-tampered' },
  { fault: 'stick-unplugged', instance: 'seal-medium@site', code: 'medium-absent' },
  { fault: 'host-key-changed', instance: 'preflight@machine:master-1', code: 'host-key-changed' },
  { fault: 'another-stick', instance: 'serve-content@machine:master-1', code: 'medium-swapped' },
  { fault: 'cache-url-off-by-one', instance: 'check-cache@machine:master-1', code: 'cache-entry-unusable' },
];
