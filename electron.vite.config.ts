/**
 * Builds the window: main process, preload and renderer into out/. The command line program has its own
 * (cli.vite.config.ts). Source maps are shipped, and main is not minified: a stack trace from the field must be readable.
 */
import react from '@vitejs/plugin-react';
import { defineConfig } from 'electron-vite';
import { buildTarget, bundledText, define, external, license } from './tools/build-settings.ts';

export default defineConfig({
  main: {
    define,
    plugins: [bundledText()],
    build: {
      outDir: 'out/main',
      license,
      target: buildTarget,
      sourcemap: true,
      minify: false,
      externalizeDeps: false,
      rollupOptions: {
        input: { index: 'src-main/app/entry.ts' },
        external: [...external, 'electron'],
        // Flat: the program finds its resources from where it lies.
        output: { chunkFileNames: '[name].js' },
      },
    },
  },
  preload: {
    build: {
      outDir: 'out/preload',
      target: buildTarget,
      sourcemap: true,
      minify: false,
      // A sandboxed preload can require nothing but electron: everything else goes into its one file.
      externalizeDeps: false,
      rollupOptions: {
        input: { index: 'src-main/preload/index.ts' },
        external: ['electron'],
        output: { format: 'cjs', entryFileNames: '[name].cjs' },
      },
    },
  },
  renderer: {
    root: 'src-renderer',
    plugins: [react()],
    build: {
      outDir: 'out/renderer',
      license,
      target: 'chrome130',
      sourcemap: true,
      // Read in at every start: half as much to read.
      minify: true,
      // Of kilobytes; nothing is fetched over a network.
      chunkSizeWarningLimit: 1000,
      rollupOptions: { input: 'src-renderer/index.html' },
    },
  },
});
