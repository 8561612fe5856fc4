// What a build machine is told to do, as texts for its shell: compile, bring in the new master, pack. Pure; used by the builder's
// steps and known to the simulated machine. Each must be safe to be killed and started again.
import { pauseCron } from './cron-pause.ts';

const softwareRoot = '/opt/slapgrid';

/**
 * Runs passes until the release stands, or three of ours have failed: a download that failed once often succeeds next time, and
 * buildout goes on where it was. Cron runs passes as well; 10 says that one is under way. All of them write the one log.
 * Arguments: the release's folder, the log, and the words of a pass.
 */
export const compileScript = `folder=$1 log=$2; shift 2
touch "$log"
tail -n 0 -F "$log" 2>/dev/null & shown=$!
trap 'sleep 1; kill $shown' EXIT
failed=0
until [ -e "$folder/.completed" ]; do
  "$@" >/dev/null 2>&1; code=$?
  [ ! -e "$folder/.completed" ] || break
  if [ $code = 10 ]; then sleep 10; continue; fi
  failed=$((failed + 1))
  [ $failed -lt 3 ] || exit 1
  sleep 20
done`;

/**
 * Pauses cron, lets a pass of slapos that is under way end, and packs. The mark of completion stays out: slapos writes its own
 * where it unpacks. Owners go in by name: a number would be somebody else on the target.
 * Arguments: the release's md5, the archive to make, and the bytes to be packed.
 */
export const packScript = `set -e
md5=$1 to=$2
export TOTAL="$3"
mkdir -p "$(dirname "$to")"
${pauseCron('sr')}
tar -C ${softwareRoot} --owner=slapsoft --group=slapsoft --anchored --no-wildcards --exclude="$md5/.completed" \\
  --checkpoint=5000 --checkpoint-action='exec=echo "packed $((TAR_CHECKPOINT * 10240)) of $TOTAL"' -czf "$to.part" "$md5"
sync "$to.part"
mv -f "$to.part" "$to"`;

/** `packed BYTES` of the archive, else `unpacked BYTES` of the folder. */
export const sizesScript =
  'if [ -e "$1" ]; then echo "packed $(stat -c %s "$1")"; elif [ -d "$2" ]; then echo "unpacked $(du -sb "$2" | cut -f 1)"; fi';

/** The folders of the two repositories in a release, and the branch each is put to. */
export const newMasterRepositories = [
  { part: 'parts/erp5', branch: 'erp5-vifibcd' },
  { part: 'parts/vifib', branch: 'master' },
] as const;

/** HEAD of each repository, one a line. Argument: the release's folder. */
export const revisionsScript = newMasterRepositories
  .map(({ part }) => `git -C "$1/${part}" rev-parse HEAD`)
  .join(' && ');

/**
 * Puts both repositories to their branches and writes the lists of business templates anew, with the release's own Python where
 * it has one. Argument: the release's folder.
 */
export const newMasterScript = `set -e
cd "$1"
${newMasterRepositories
  .map(
    ({ part, branch }) =>
      `git -C ${part} fetch origin ${branch}:refs/remotes/origin/${branch}\ngit -C ${part} reset --hard origin/${branch}`,
  )
  .join('\n')}
for python in "$1"/parts/python*/bin/python2.7 "$1"/parts/python*/bin/python3 "$1"/parts/python*/bin/python "$(command -v python3)"; do
  [ ! -x "$python" ] || break
done
for folder in parts/erp5/bt5 parts/vifib/master/bt5; do
  (cd "$folder" && "$python" "$1/parts/erp5/product/ERP5/bin/genbt5list" .)
  [ -s "$folder/bt5list" ]
done`;

/** Writes down what stands there now. As root, who may not touch the repositories: they are asked as their owner. */
export const markScript = `set -e
mkdir -p "$(dirname "$2")"
revisions=$(setpriv --reuid=slapsoft --regid=slapsoft --init-groups sh -c '${revisionsScript}' sh "$1")
printf '%s\\n' "$revisions" | tr '\\n' ' ' > "$2.part"
mv -f "$2.part" "$2"`;
