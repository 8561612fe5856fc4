// Inputs of steps from the command line: `choose-medium@site.path=/media/stick`. Used by check, plan, run and resume.
import { resolve } from 'node:path';
import type { Json } from '../../src-shared/json.ts';
import { problem } from '../../src-shared/problem.ts';
import type { FieldInfo } from '../../src-shared/step.ts';
import { type Instance, infoOf } from '../runbook/instances.ts';
import { similarTo } from './similar.ts';

/**
 * Values by instance and field, as the field's kind wants them; paths are made absolute.
 * Throws `usage-wrong` for what is no input or no such field, `step-unknown` for an instance that the plan does not make.
 */
export function parseInputs(
  instances: readonly Instance[],
  words: readonly string[] = [],
): Readonly<Record<string, Readonly<Record<string, Json>>>> {
  const inputs = new Map<string, Record<string, Json>>();
  for (const word of words) {
    const [, key, name, value] = /^([^=]+@[^=]*?)\.([A-Za-z][A-Za-z0-9]*)=(.*)$/s.exec(word) ?? [];
    if (key === undefined || name === undefined || value === undefined)
      throw problem('usage-wrong', { detail: `--input ${word}` });
    const instance = instances.find((item) => item.key === key);
    if (instance === undefined) {
      const known = instances.map((item) => item.key);
      throw problem('step-unknown', { step: key }, { evidence: similarTo(key, known).join('\n') });
    }
    const field = infoOf(instance.step).input.find((item) => item.name === name);
    if (field === undefined) throw problem('usage-wrong', { detail: `--input ${word}` });
    inputs.set(key, { ...inputs.get(key), [name]: fieldValue(field, value) });
  }
  return Object.fromEntries(inputs);
}

function fieldValue({ kind }: FieldInfo, text: string): Json {
  if (kind === 'boolean' && /^(true|false)$/.test(text)) return text === 'true';
  if (kind === 'number' && /^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  return kind === 'medium' || kind === 'path' ? resolve(text) : text;
}
