// The licences of the program and of what is melted into its bundles, as they lie beside it. Called by compose; it only reads.
import { join } from 'node:path';
import { readTextOrNull } from './files.ts';

interface Licence {
  /** Our own, and of the packages inside the program and inside its window. */
  readonly id: 'own' | 'program' | 'window';
  readonly text: string;
}

/** Where each may lie below the folder of the resources: of an installed program, or of a checkout that was built. */
const places = {
  own: ['licenses/own.txt', '../LICENSE'],
  program: ['licenses/program.md', '../out/main/licenses.md'],
  window: ['licenses/window.md', '../out/renderer/licenses.md'],
} as const;

/** What is not there is left out: a checkout that was never built has its own alone. */
export async function readLicences(resources: string): Promise<Licence[]> {
  const found: Licence[] = [];
  for (const id of ['own', 'program', 'window'] as const) {
    for (const place of places[id]) {
      const text = await readTextOrNull(join(resources, place));
      if (text === null) continue;
      found.push({ id, text });
      break;
    }
  }
  return found;
}
