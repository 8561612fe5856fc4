// @ts-check
/**
 * `npm run docs`: writes the generated pages of docs/. The pages are made by TypeScript that reads the program itself,
 * so this starts over in a Node that can read it when the present one cannot.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { projectFolder, say } from './process.mjs';
import { ensurePackages, toolNode } from './setup.mjs';

const readsTypeScript = /** @type {{ typescript?: unknown }} */ (process.features).typescript;

if (readsTypeScript) {
  const { pages } = await import('./docs-pages.ts');
  for (const [name, page] of Object.entries(pages)) {
    const file = path.join(projectFolder, name);
    const text = page();
    const before = readText(file);
    if (before !== text) {
      writeFileSync(`${file}.tmp`, text);
      renameSync(`${file}.tmp`, file);
    }
    say('docs', `${name}: ${before === text ? 'as it was' : 'written'}`);
  }
} else {
  await ensurePackages();
  const flags = ['--experimental-strip-types', '--no-warnings'];
  const { status } = spawnSync(toolNode(), [...flags, fileURLToPath(import.meta.url)], { stdio: 'inherit' });
  process.exitCode = status ?? 1;
}

/** @param {string} file */
function readText(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
