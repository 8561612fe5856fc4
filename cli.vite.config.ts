/** Builds the command line program into the one file out/cli/fieldkit.mjs, for plain Node 20.18 or newer. */
import { defineConfig } from 'vite';
import { buildTarget, bundledText, define, external, license } from './tools/build-settings.ts';

export default defineConfig({
  publicDir: false,
  plugins: [bundledText()],
  define,
  ssr: { noExternal: true, external },
  build: {
    ssr: 'src-main/cli/entry.ts',
    outDir: 'out/cli',
    target: buildTarget,
    license,
    sourcemap: true,
    minify: false,
    rollupOptions: {
      external,
      output: { format: 'es', entryFileNames: 'fieldkit.mjs', codeSplitting: false },
    },
  },
});
