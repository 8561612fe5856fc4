// Paths a person picked in the system's dialog. The page gets a token and a text to show; the path itself is put back
// here, on the way in. It must never accept a path that the page made up: what stands in a field for a path is a token
// of ours, a medium that was offered, or a path that this site's draft or record already held when it was opened.
import { randomUUID } from 'node:crypto';
import type { Snapshot } from '../../src-shared/api.ts';
import { problem } from '../../src-shared/problem.ts';
import { stepOf } from '../../src-shared/step.ts';

const prefix = 'pick:';
type Input = Readonly<Record<string, unknown>>;

export class Picks {
  readonly #paths = new Map<string, string>();
  readonly #known = new Set<string>();
  /** `step field` of every field that takes a path. */
  readonly #pathFields = new Set<string>();

  /** A token for a picked path. */
  keep(path: string): string {
    const token = `${prefix}${randomUUID()}`;
    this.#paths.set(token, path);
    this.#known.add(path);
    return token;
  }

  /** Learns from an opened site which fields take paths, and which paths they hold already. */
  learn({ steps, drafts, view }: Pick<Snapshot, 'steps' | 'drafts' | 'view'>): void {
    for (const { id, input } of steps) {
      for (const field of input)
        if (field.kind === 'path' || field.kind === 'medium') this.#pathFields.add(`${id} ${field.name}`);
    }
    const inputs: [string, Input][] = [
      ...Object.entries(drafts),
      ...Object.values(view.instances).map((item): [string, Input] => [item.key, item.input]),
    ];
    for (const [instance, input] of inputs) {
      for (const [name, value] of Object.entries(input)) {
        if (typeof value === 'string' && this.#pathFields.has(`${stepOf(instance)} ${name}`)) this.#known.add(value);
      }
    }
  }

  /** Learns the drives and folders that were offered as the medium. */
  offer(choices: readonly { readonly token: string }[]): void {
    for (const { token } of choices) this.#known.add(token);
  }

  /** An instance's input with paths in place of tokens. Throws `usage-wrong` for a token or path that is not ours. */
  resolve<T>(instance: string, input: Readonly<Record<string, T>>): Record<string, T> {
    const resolved = Object.entries(input).map(([name, value]): [string, T] => {
      if (typeof value !== 'string' || value === '') return [name, value];
      if (value.startsWith(prefix)) return [name, this.#find(value) as T];
      if (this.#pathFields.has(`${stepOf(instance)} ${name}`) && !this.#known.has(value)) {
        throw problem('usage-wrong', { detail: `${name} was neither picked nor offered` });
      }
      return [name, value];
    });
    return Object.fromEntries(resolved);
  }

  /** The path of a token, or one that was offered before. Throws `usage-wrong` for any other. */
  path(text: string): string {
    if (text.startsWith(prefix)) return this.#find(text);
    if (this.#known.has(text)) return text;
    throw problem('usage-wrong', { detail: 'a path that was neither picked nor offered' });
  }

  #find(token: string): string {
    const path = this.#paths.get(token);
    if (path === undefined)
      throw problem('usage-wrong', { detail: 'a path picked in an earlier start; pick it again' });
    return path;
  }
}
