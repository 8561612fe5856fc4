// @ts-check
/** `npm run bench`: runs the benchmarks (test/bench/*.ts), each a program of its own that prints ratios to the best tool. */
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { ensureLabHost, ensureScreen } from './prerequisites.mjs';
import { projectFolder, run } from './process.mjs';
import { ensureBuild, ensureElectron, ensurePackages, toolNode } from './setup.mjs';

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
  const prefix = /^(start|window)\./.test(name) ? await screen() : /^tasks\./.test(name) ? await lab() : [];
  if (prefix === undefined) continue;
  const [program = '', ...args] = [...prefix, toolNode(), path.join(folder, name)];
  const { code } = await run(program, args, { show: true });
  if (code !== 0) process.exitCode = 1;
}

/** What the built program in real Electron needs; undefined, with the reason printed, where it is not to be had. */
async function screen() {
  const found = await ensureScreen();
  const electron = await ensureElectron();
  const missing = 'missing' in found ? found.missing : 'missing' in electron ? electron.missing : undefined;
  if (missing === undefined && (await ensureBuild()).code === 0) return 'prefix' in found ? found.prefix : [];
  console.log(`Left out: ${missing ?? 'the build failed'}`);
  return undefined;
}

/** Nothing goes before what works on lab machines; undefined, with the reason printed, where they are not to be had. */
async function lab() {
  const { missing } = await ensureLabHost();
  if (!missing) return [];
  console.log(`Left out: ${missing}`);
  return undefined;
}
