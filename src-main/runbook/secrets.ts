// Secrets of one session: in memory only, by handle. Redaction of everything that leaves for a screen, a journal or a file.
// Used by the asking, the hands and the runner. Must never write anything.

const shortest = 4;

/** What was given, for as long as the site is open. */
export class Secrets {
  readonly #values = new Map<string, string>();
  readonly #refused = new Set<string>();
  readonly #missed = new Set<string>();

  set(handle: string, value: string): void {
    this.#values.set(handle, value);
    this.#missed.delete(handle);
  }
  /** It was looked for by a command, which did not bring it. */
  miss(handle: string): void {
    this.#missed.add(handle);
  }
  missed(handle: string): boolean {
    return this.#missed.has(handle);
  }
  get(handle: string): string | undefined {
    return this.#values.get(handle);
  }
  /** A refused secret is asked again; it stays out of sight all the same, since it may be the right one of another place. */
  forget(handle: string): void {
    const value = this.#values.get(handle);
    if (value !== undefined) this.#refused.add(value);
    this.#values.delete(handle);
  }
  clear(): void {
    this.#values.clear();
    this.#refused.clear();
    this.#missed.clear();
  }

  /** The text with every known secret blanked, whole or in its JSON, base64 or URL form. */
  redact(text: string): string {
    let clean = text;
    // The longest first: a secret may be the beginning of another.
    for (const value of [...this.#values.values(), ...this.#refused].sort((a, b) => b.length - a.length)) {
      if (value.length < shortest) continue;
      for (const form of new Set([
        value,
        JSON.stringify(value).slice(1, -1),
        Buffer.from(value).toString('base64'),
        encodeURIComponent(value),
      ]))
        clean = clean.replaceAll(form, '[secret]');
    }
    return clean;
  }
}
