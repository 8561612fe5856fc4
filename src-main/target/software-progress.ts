// How far slapgrid is with a software release, asked on the target with nothing but a shell. Called by the step that waits for it.
// The script must never write anything.

/**
 * How far the installation of a release is, by the end of slapos' own log: exit 0 once it stands, else 1 with the last line as a
 * sighting. `compiling`, `poisoned` and `failed` carry the line that says so, with its time. Forms: slapos.core 1.10 to 1.26.
 */
export const softwareProgressScript = `url=$1; folder=$2; log=$3
[ -e "$folder/.completed" ] && { echo completed; exit 0; }
pass=$(tail -n 2000 "$log" 2>/dev/null | awk -v begin="Installing software release $url" \
  'index($0, begin) { kept = ""; on = 1 } on { kept = kept $0 "\\n" } END { printf "%s", kept }')
[ -n "$pass" ] || { echo "line $(tail -n 1 "$log" 2>/dev/null)"; exit 1; }
say() { found=$(printf '%s\\n' "$pass" | grep -E "$2" | tail -n 1); [ -z "$found" ] || echo "$1 $found"; }
[ -d "$folder" ] && say poisoned 'Binary cache forced for .* already exists'
say failed 'invalid checksum|No space left on device|not enough .*disk space|DiskSpaceError'
printf '%s\\n' "$pass" | grep -qE 'Extracting archive|Binary cache forced' || { [ -d "$folder" ] && echo "compiling $(printf '%s\\n' "$pass" | head -n 1)"; }
echo "line $(printf '%s\\n' "$pass" | grep -v '^ *$' | tail -n 1)"
exit 1`;

/** @param log slapos-node-software.log */
export const softwareProgressArgv = (url: string, folder: string, log: string): string[] => [
  'sh',
  '-c',
  softwareProgressScript,
  'progress',
  url,
  folder,
  log,
];
