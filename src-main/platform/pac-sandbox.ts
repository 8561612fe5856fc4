// The far side of pac.ts: a thread of its own, thrown away after each answer. In it a proxy configuration script (PAC) runs inside an
// interpreter that knows nothing of Node: no file, no network. Its time is limited from outside, by the end of the thread.
// It must never hand the script anything but the functions that every browser gives it.
import { parentPort } from 'node:worker_threads';
import variant from '@jitl/quickjs-singlefile-cjs-release-sync';
import { newQuickJSWASMModuleFromVariant, type QuickJSContext, type QuickJSHandle } from 'quickjs-emscripten-core';
import type { PacQuestion, PacReply } from './pac.ts';
import { pacFunctions } from './pac-functions.ts';

const memoryBytes = 16 * 1024 * 1024;
const stackBytes = 256 * 1024;
const longestAnswer = 2048;

const engine = newQuickJSWASMModuleFromVariant(variant);

function thrownBy(vm: QuickJSContext, error: QuickJSHandle): Error {
  const said: unknown = vm.dump(error);
  const { message = said } = (said ?? {}) as { readonly message?: unknown };
  return new Error(String(message).slice(0, 200));
}

/** Runs the script once, anew. A name that it wants resolved and nobody has yet ends the run: `asks` says which. */
async function answer({ script, url, host, own, names }: PacQuestion): Promise<PacReply> {
  const runtime = (await engine).newRuntime();
  runtime.setMemoryLimit(memoryBytes);
  runtime.setMaxStackSize(stackBytes);
  const vm = runtime.newContext();
  const run = (code: string, name: string): QuickJSHandle => {
    const result = vm.evalCode(code, name);
    if (result.error) throw thrownBy(vm, result.error);
    return result.value;
  };
  const call = (act: QuickJSHandle, ...words: readonly string[]): QuickJSHandle => {
    const result = vm.callFunction(act, vm.undefined, ...words.map((word) => vm.newString(word)));
    if (result.error) throw thrownBy(vm, result.error);
    return result.value;
  };
  const wanted = run(`${pacFunctions}(${JSON.stringify(names)}, ${JSON.stringify(own)})`, 'functions');
  let found: PacReply;
  try {
    run(script, 'proxy.pac').dispose();
    const act = vm.getProp(vm.global, 'FindProxyForURL');
    if (vm.typeof(act) !== 'function') throw new Error('it defines no function FindProxyForURL');
    const said: unknown = vm.dump(call(act, url, host));
    if (said !== null && typeof said !== 'string') throw new Error(`it answers with ${typeof said}, not with a text`);
    if (said !== null && said.length > longestAnswer)
      throw new Error(`its answer is longer than ${longestAnswer} signs`);
    found = { answer: said ?? '' };
  } catch (thrown) {
    found = { failed: thrown instanceof Error ? thrown.message : String(thrown) };
  }
  // Also where the script caught that it did not get the name: what it said without it counts for nothing.
  const name: unknown = vm.dump(call(wanted));
  return typeof name === 'string' ? { asks: name } : found;
}

parentPort?.on('message', (question: PacQuestion) => {
  answer(question)
    .catch((thrown: unknown): PacReply => ({ failed: String(thrown) }))
    .then((reply) => parentPort?.postMessage(reply));
});
