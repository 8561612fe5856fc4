/**
 * The tests that run in plain Node: unit, contract, integration and lab, each a project of its own.
 * The window's tests are in playwright.config.ts. `npm test` runs both kinds (tools/test.mjs).
 */
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const electronStub = fileURLToPath(new URL('./test/fakes/electron.ts', import.meta.url));

const minuteMs = 60_000;

export default defineConfig({
  resolve: { alias: { electron: electronStub } },
  test: {
    reporters: ['default'],
    projects: [
      {
        extends: true,
        test: { name: 'unit', include: ['test/unit/**/*.test.{ts,tsx}'], testTimeout: 20_000 },
      },
      {
        extends: true,
        test: { name: 'contract', include: ['test/contract/**/*.test.ts'], testTimeout: minuteMs },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          testTimeout: 2 * minuteMs,
          hookTimeout: 2 * minuteMs,
          maxWorkers: 2,
        },
      },
      {
        // Machines share one host: bridges, addresses and mounts. One file after the other, one test after the other.
        extends: true,
        test: {
          name: 'lab',
          include: ['test/lab/**/*.test.ts'],
          fileParallelism: false,
          sequence: { groupOrder: 1 },
          testTimeout: 30 * minuteMs,
          hookTimeout: 30 * minuteMs,
        },
      },
    ],
  },
});
