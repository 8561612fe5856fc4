/**
 * The tests with a real screen: `ui` drives the built renderer in the system's Chromium, `e2e` the built program in real
 * Electron. `npm test` prepares both and names the executables (tools/test.mjs); by hand: npm run ui, npm run e2e.
 */
import { defineConfig } from '@playwright/test';

const chromium = process.env.FIELDKIT_CHROMIUM;

export default defineConfig({
  testDir: 'test',
  outputDir: 'test-results',
  forbidOnly: Boolean(process.env.CI),
  // Why once, and only where nobody watches: docs/decisions/0013-a-second-try-that-is-told.md.
  retries: process.env.CI ? 1 : 0,
  workers: 1,
  timeout: 90_000,
  expect: { timeout: 15_000 },
  reporter: [['list']],
  use: { trace: 'retain-on-failure', screenshot: 'only-on-failure' },
  projects: [
    {
      name: 'ui',
      testMatch: 'ui/**/*.spec.ts',
      use: {
        browserName: 'chromium',
        viewport: { width: 1280, height: 800 },
        ...(chromium ? { launchOptions: { executablePath: chromium } } : {}),
      },
    },
    { name: 'e2e', testMatch: 'e2e/**/*.spec.ts' },
  ],
});
