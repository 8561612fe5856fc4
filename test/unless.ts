/**
 * Options of a test or a group that cannot run everywhere: `describe('…', unless(reason), () => …)`. With a reason it is
 * skipped, and the summary of `npm test` says why (tools/vitest-counts.mjs); with null it runs.
 */
export const unless = (
  reason: string | null,
): { readonly skip: boolean; readonly meta?: { readonly reason: string } } =>
  reason === null ? { skip: false } : { skip: true, meta: { reason } };

declare module 'vitest' {
  interface TaskMeta {
    reason?: string;
  }
}
