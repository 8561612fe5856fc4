/** What the builds of the window and of the command line program share. */
import manifest from '../package.json' with { type: 'json' };

/** The oldest runtime we run on: Node 20.18, as in Electron 33. */
export const buildTarget = 'node20.18';

/** Stay packages of their own beside the bundle: native parts, a licence that forbids melting in. */
export const external = ['ssh2', 'drivelist', 'openpgp'];

/** Name and version stand in journals, manifests and records; they come from package.json. */
export const define = { FIELDKIT_VERSION: JSON.stringify(manifest.version) };

/** The licences of what is melted into a bundle, as one page beside it; an installed program carries them as files. */
export const license = { fileName: 'licenses.md' };
