// One text file on the target, replaced whole or not at all. Called by connection.ts.
// It must never overwrite what somebody else wrote in between, and never leave a torn file when the line is cut.

import { problem } from '../../src-shared/problem.ts';
import { sha256Of } from '../platform/files.ts';
import type { Link } from './link.ts';
import { runScript, scriptFailed, shortMs } from './script.ts';
import type { WriteOptions } from './target.ts';

const changedExit = 91;
const tornExit = 92;

/** A link is followed: what is replaced is the file it leads to. The old content is checked twice, the second time just before the rename. */
const script = [
  'set -u; umask 077',
  'path=$1; mode=$2; owner=$3; expect=$4; keep=$5; sum=$6',
  'if [ -L "$path" ]; then path=$(readlink -f -- "$path") || exit 1; fi',
  'folder=$(dirname -- "$path")',
  'if [ -e "$path" ] && [ ! -f "$path" ]; then echo "not a file: $path" >&2; exit 1; fi',
  'check() {',
  '  case $expect in',
  '    any) return 0;;',
  `    none) [ ! -e "$path" ] || exit ${changedExit};;`,
  `    *) [ "$(sha256sum <"$path" 2>/dev/null)" = "$expect  -" ] || exit ${changedExit};;`,
  '  esac',
  '}',
  'check',
  'temporary=$(mktemp "$folder/.fieldkit-XXXXXX") || exit 1',
  'trap \'rm -f -- "$temporary"\' EXIT; trap "exit 1" HUP INT TERM PIPE',
  'cat >"$temporary" || exit 1',
  // A connection that is cut looks like the end of the text.
  `[ "$(sha256sum <"$temporary")" = "$sum  -" ] || exit ${tornExit}`,
  'if [ -n "$owner" ]; then chown -- "$owner" "$temporary" || exit 1',
  'elif [ -e "$path" ]; then chown --reference="$path" -- "$temporary" || exit 1; fi',
  'chmod -- "$mode" "$temporary" && sync "$temporary" || exit 1',
  'if [ "$keep" = yes ] && [ -e "$path" ] && [ ! -e "$path.fieldkit-copy" ]; then',
  '  cp -p -- "$path" "$path.fieldkit-copy.part" && sync "$path.fieldkit-copy.part" || exit 1',
  '  mv -f -- "$path.fieldkit-copy.part" "$path.fieldkit-copy" || exit 1',
  'fi',
  'check',
  'mv -f -- "$temporary" "$path" && sync "$folder"',
].join('\n');

/**
 * Writes a file as root: temporary name in the same folder, owner and mode, sync, rename.
 * The folder must be there. Throws `file-changed-meanwhile`, `upload-differs`, `command-failed`, `connection-lost`, `cancelled`, `HoldLost`.
 */
export async function writeFile(
  link: Link,
  path: string,
  text: string | Uint8Array,
  options: WriteOptions,
): Promise<void> {
  const machine = link.machine.name;
  if (!path.startsWith('/')) throw problem('internal', { detail: `not an absolute path: ${path}` });
  const { expectSha256OfOld: expected, heldBy, signal } = options;
  const args = [
    path,
    options.mode.toString(8).padStart(4, '0'),
    options.owner ?? '',
    expected === undefined ? 'any' : (expected ?? 'none'),
    options.keepCopy ? 'yes' : 'no',
    sha256Of(text),
  ];
  const result = await runScript(link, script, args, {
    stdin: text,
    limitMs: shortMs,
    ...(heldBy === undefined ? {} : { heldBy }),
    ...(signal === undefined ? {} : { signal }),
  });
  if (result.exit === changedExit) throw problem('file-changed-meanwhile', { path, machine });
  if (result.exit === tornExit) throw problem('upload-differs', { machine, path });
  if (result.exit !== 0) throw scriptFailed(link, `write ${path}`, result);
}
