/**
 * Stands in for the `electron` module in every vitest project. Only `src-main/app` and `src-main/preload` may import
 * electron, and those are tested in real Electron (test/e2e). Requiring the real package from a test could start a
 * hidden download, so any use stops the test that does it.
 */
throw new Error('electron was imported outside src-main/app and src-main/preload; test that part in test/e2e');

export {};
