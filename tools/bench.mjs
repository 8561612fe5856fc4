// @ts-check
/** `npm run bench`: runs the benchmarks (test/bench/*.ts), each a program of its own that prints ratios to the best tool. */
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { projectFolder, run } from './process.mjs';
import { ensurePackages, toolNode } from './setup.mjs';

await ensurePackages();
const folder = path.join(projectFolder, 'test/bench');
const wanted = process.argv.slice(2);
const files = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.bench.ts')) : [];
const chosen = files.filter((name) => wanted.length === 0 || wanted.some((word) => name.includes(word)));
if (chosen.length === 0) {
  console.error(`No benchmark fits: ${wanted.join(' ') || 'test/bench holds none'}`);
  process.exitCode = 1;
}
for (const name of chosen) {
  console.log(`\n=== ${name}`);
  const { code } = await run(toolNode(), [path.join(folder, name)], { show: true });
  if (code !== 0) process.exitCode = 1;
}
