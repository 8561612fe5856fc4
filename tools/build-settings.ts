/** What the builds of the window and of the command line program share. */
import { appendFile } from 'node:fs/promises';
import path from 'node:path';
import { build, type Plugin } from 'vite';
import manifest from '../package.json' with { type: 'json' };

/** The oldest runtime we run on: Node 20.18, as in Electron 33. */
export const buildTarget = 'node20.18';

/** Stay packages of their own beside the bundle: native parts, a licence that forbids melting in. */
export const external = ['ssh2', 'drivelist', 'openpgp'];

/** Name and version stand in journals, manifests and records; they come from package.json. */
export const define = { FIELDKIT_VERSION: JSON.stringify(manifest.version) };

/** The licences of what is melted into a bundle, as one page beside it; an installed program carries them as files. */
export const license = { fileName: 'licenses.md' };

const asText = '?bundled';

/**
 * `import text from './module.ts?bundled'`: the module with all that it needs as the text of one script, for a thread that is started
 * from it. What is melted into it stands on the page of licences too.
 */
export function bundledText(): Plugin {
  const licences: string[] = [];
  return {
    name: 'bundled-text',
    enforce: 'pre',
    async load(id) {
      if (!id.endsWith(asText)) return null;
      const built = await build({
        configFile: false,
        logLevel: 'error',
        ssr: { noExternal: true },
        build: {
          ssr: id.slice(0, -asText.length),
          write: false,
          target: buildTarget,
          license,
          minify: true,
          rollupOptions: { output: { format: 'cjs', codeSplitting: false } },
        },
      });
      const made = [built].flat().flatMap((one) => ('output' in one ? one.output : []));
      licences.push(...made.flatMap((one) => (one.type === 'asset' ? [String(one.source)] : [])));
      return `export default ${JSON.stringify(made.flatMap((one) => (one.type === 'chunk' ? [one.code] : [])).join(''))}`;
    },
    async writeBundle({ dir }) {
      if (dir !== undefined) await appendFile(path.join(dir, license.fileName), licences.join(''));
    },
  };
}
