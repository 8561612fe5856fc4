/**
 * The tests that run in plain Node: unit, contract, integration and lab, each a project of its own.
 * The window's tests are in playwright.config.ts. `npm test` runs both kinds (tools/test.mjs).
 */
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { CheckpointsFirst } from './test/lab/order.ts';
import { bundledText } from './tools/build-settings.ts';

const electronStub = fileURLToPath(new URL('./test/fakes/electron.ts', import.meta.url));

const minuteMs = 60_000;

export default defineConfig({
  plugins: [bundledText()],
  resolve: { alias: { electron: electronStub } },
  test: {
    reporters: ['default'],
    sequence: { sequencer: CheckpointsFirst },
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
        // Each file has a bridge and machines of its own. Machines mostly wait, so two files share the host well.
        extends: true,
        test: {
          name: 'lab',
          include: ['test/lab/**/*.test.ts'],
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
          testTimeout: 30 * minuteMs,
          hookTimeout: 30 * minuteMs,
        },
      },
    ],
  },
});
