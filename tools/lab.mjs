// @ts-check
/**
 * `npm run lab`: the lab tests alone (also `npm run lab -- test/lab/one.test.ts`). `npm run lab -- shell` boots the
 * lab's machines and leaves them up to play with (test/lab/shell.ts). `npm run lab -- faults` tries every fault at every
 * moment (test/lab/faults-matrix.ts). `npm run lab -- long` takes the long tests along. `npm run lab -- kills` kills a preparation a hundred times
 * (test/integration/medium/kills.test.ts).
 */

import { spawn } from 'node:child_process';
import path from 'node:path';
import { ensureLabHost } from './prerequisites.mjs';
import { packageCommand, projectFolder, SetupError } from './process.mjs';
import { ensureBuild, ensurePackages, toolNode } from './setup.mjs';

async function main() {
  await ensurePackages();
  const { missing } = await ensureLabHost();
  if (missing) throw new SetupError(missing);
  const build = await ensureBuild();
  if (build.code !== 0) throw new SetupError(`The build failed:\n${build.output.trim()}`);
  const [first, ...rest] = process.argv.slice(2);
  const kills = ['run', '--project', 'integration', 'test/integration/medium/kills.test.ts', '--reporter=verbose'];
  if (first === 'kills') process.env.FIELDKIT_KILLS ??= '100';
  if (first === 'long') process.env.FIELDKIT_LONG = '1';
  const args =
    first === 'shell' || first === 'faults'
      ? [path.join(projectFolder, first === 'shell' ? 'test/lab/shell.ts' : 'test/lab/faults-matrix.ts'), ...rest]
      : first === 'kills'
        ? [packageCommand('vitest'), ...kills, ...rest]
        : [packageCommand('vitest'), 'run', '--project', 'lab', ...(first === 'long' ? rest : process.argv.slice(2))];
  const child = spawn(toolNode(), args, { cwd: projectFolder, stdio: 'inherit' });
  process.on('SIGINT', () => {});
  return new Promise((resolve) => child.once('close', (code) => resolve(code ?? 1)));
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
