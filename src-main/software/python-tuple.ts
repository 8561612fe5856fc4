// Reads the text of a Python tuple of three strings, the way entries named a distribution before slapos.core 1.7.2:
// `('debian', '9.13', '')`. Pure; called by the entry reader. It knows nothing else of Python and evaluates nothing.

const escapes: Readonly<Record<string, string>> = { '\\': '\\', "'": "'", '"': '"', n: '\n', t: '\t', r: '\r' };

const item = String.raw`u?(?:'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)")`;
const pattern = new RegExp(String.raw`^\s*\(\s*${item}\s*,\s*${item}\s*,\s*${item}\s*,?\s*\)\s*$`);

/** The three strings, or null when the text is anything else. */
export function readTuple(text: string): readonly [string, string, string] | null {
  const found = pattern.exec(text);
  if (found === null) return null;
  const at = (index: number) => withoutEscapes(found[index] ?? found[index + 1] ?? '');
  return [at(1), at(3), at(5)];
}

function withoutEscapes(text: string): string {
  return text.replace(/\\(.)/g, (whole, letter: string) => escapes[letter] ?? whole);
}
