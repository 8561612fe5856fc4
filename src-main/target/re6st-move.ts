// What moving a machine's partitions into the re6st network needs on the machine: what is kept for the way back, where partitions
// are, and which files still name an address of before. Texts and parsing; used by the steps of the move. Pure.
import { z } from 'zod';
import { endAsleep, passPattern } from './passes.ts';
import { restartServicesScript, withSlaposEnvironment } from './services.ts';
import { pythonArgv } from './slapproxy.ts';

/** Everything of before, by its path below `files`, and what addresses the partitions had; kept for the way back: readable by root alone, and no part of what closing a site removes. */
export const keptFolder = '/var/backups/fieldkit-before-re6st';
/** There once all of it is kept. */
export const keptMark = `${keptFolder}/complete`;
/** There once every partition was processed after the move. */
export const processedMark = `${keptFolder}/processed`;

/** Ends once no pass of slapos is under way: cron starts no other one, and those that have not begun do not begin. */
const quietScript = `${endAsleep}
systemctl stop cron
for _ in $(seq 150); do
  pgrep -f '${passPattern}' >/dev/null || exit 0
  end_asleep
  sleep 2
done
echo 'slapos does not come to rest'
systemctl start cron
exit 1`;
export const quietArgv: readonly string[] = ['sh', '-c', quietScript];

/** Copies what the move and what follows it change, once: a second run must not put what is half moved in its place. */
const keepScript = `set -e
umask 077
trap '[ $? = 0 ] || systemctl start cron' EXIT
[ ! -e '${keptMark}' ] || exit 0
rm -rf '${keptFolder}.part'
mkdir -p '${keptFolder}.part/files'
for file in "$@" /etc/re6stnet/re6stnet.conf /home/*/.slapos/slapos-client.cfg /root/.slapos/slapos-client.cfg; do
  [ -f "$file" ] && [ ! -L "$file" ] || continue
  mkdir -p '${keptFolder}.part/files'"\${file%/*}"
  cp -p "$file" '${keptFolder}.part/files'"$file"
done
for file in /srv/slapgrid/slappart*/.slapos-resource; do
  [ ! -e "$file" ] || { folder=\${file%/*}; cp -p "$file" '${keptFolder}.part/'"\${folder##*/}.resource"; }
done
touch '${keptFolder}.part/complete'
find '${keptFolder}.part' -type f -exec sync {} +
rm -rf '${keptFolder}'
mv '${keptFolder}.part' '${keptFolder}'
sync /var/backups`;
export const keepArgv = (...files: readonly string[]): string[] => ['sh', '-c', keepScript, 'sh', ...files];

/** Takes the record of addresses out of the way, so that it is made anew; only once a copy is kept. */
const forgetScript = `set -e
[ -e '${keptMark}' ]
rm -f '${processedMark}' "$@"`;
export const forgetArgv = (...files: readonly string[]): string[] => ['sh', '-c', forgetScript, 'sh', ...files];

/** Takes some files away and puts everything that was kept back to where it was. */
const putBackScript = `set -e
[ -e '${keptMark}' ]
rm -f "$@"
cd '${keptFolder}/files'
find . -type f | while IFS= read -r file; do cp -p "$file" "/$file"; done
sync`;
export const putBackArgv = (...files: readonly string[]): string[] => ['sh', '-c', putBackScript, 'sh', ...files];

/**
 * Processes every partition until all of them were, starts their services anew, and processes them again: a service that was started
 * with an address of before goes on with it, and what a partition publishes is learned by others in the next pass. Another pass that
 * is under way is waited for.
 */
const processScript = `pass() {
  for _ in $(seq 40); do
    slapos node instance --all
    code=$?
    case $code in 0 | 2) return 0 ;; esac
    sleep 8
  done
  return "$code"
}
pass || exit
(${restartServicesScript})
sleep 2
pass || exit
[ "$1" = '' ] || touch "$1"`;
/** @param mark touched once it is done; '' for none */
export const processArgv = (mark: string): string[] => withSlaposEnvironment('sh', '-c', processScript, 'sh', mark);

// ---------------------------------------------------------------- where partitions are

/** `name {…}`, one partition a line. */
const partitionsScript = `for file in /srv/slapgrid/slappart*/.slapos-resource; do
  [ -e "$file" ] || continue
  folder=\${file%/*}
  printf '%s ' "\${folder##*/}"
  tr -d '\\n' < "$file"
  echo
done
exit 0`;
export const partitionsArgv: readonly string[] = ['sh', '-c', partitionsScript];

export interface PartitionAddresses {
  readonly name: string;
  readonly addresses: readonly string[];
}

const resource = z.object({ address_list: z.array(z.object({ addr: z.string() })) });

/** What `partitionsArgv` prints; lines that are none are left out. */
export const parsePartitions = (text: string): readonly PartitionAddresses[] =>
  text.split('\n').flatMap((line) => {
    const [, name, json] = /^(slappart\d+) (\{.*\})$/.exec(line) ?? [];
    if (name === undefined || json === undefined) return [];
    try {
      return [{ name, addresses: resource.parse(JSON.parse(json)).address_list.map(({ addr }) => addr) }];
    } catch {
      return [];
    }
  });

/**
 * Whether every partition has its IPv6 address in a network (or, asked for `out`, none has), the address is on an interface, and
 * nothing is still handing out addresses: prints `there`, else how far it is in the lines of a sighting, and ends with 1.
 */
const placeProgram = `# Written by SlapOS Field Kit. Reads where partitions are; writes nothing.
import glob, ipaddress, json, subprocess, sys
wanted, network = sys.argv[1], ipaddress.ip_network(sys.argv[2], strict=False)
shown = json.loads(subprocess.run(["ip", "-j", "-6", "addr", "show"], stdout=subprocess.PIPE).stdout or "[]")
present = {one.get("local") for item in shown for one in item.get("addr_info", [])}
files = sorted(glob.glob("/srv/slapgrid/slappart*/.slapos-resource"))
late = []
for path in files:
    name = path.split("/")[-2]
    try:
        with open(path) as file:
            six = [one["addr"] for one in json.load(file)["address_list"] if ":" in one["addr"]]
    except (OSError, ValueError, KeyError):
        six = []
    right = [one for one in six if (ipaddress.ip_address(one) in network) == (wanted == "in")]
    if len(right) != len(six) or not six or not present.issuperset(str(ipaddress.ip_address(one)) for one in six):
        late.append("%s %s" % (name, " ".join(six)))
# Cron's own sleeps for up to an hour before it begins.
busy = subprocess.run(["pgrep", "-f", "slapos node [f]ormat --now"], stdout=subprocess.DEVNULL).returncode == 0
if files and not late and not busy:
    print("there")
    sys.exit(0)
print("done %d %d" % (len(files) - len(late), len(files)))
for line in late:
    print("failing " + line)
sys.exit(1)
`;
export const placeArgv = (wanted: 'in' | 'out', network: string): string[] =>
  pythonArgv('-c', placeProgram, wanted, network);

// ---------------------------------------------------------------- addresses of before

const changesProgram = `# Written by SlapOS Field Kit. Reads which addresses partitions had and have; writes nothing.
import glob, json
def addresses(path):
    try:
        with open(path) as file:
            return [one["addr"] for one in json.load(file)["address_list"]]
    except (OSError, ValueError, KeyError):
        return []
def of(list, six):
    return next((one for one in list if (":" in one) == six), None)
found = []
for path in sorted(glob.glob("${keptFolder}/slappart*.resource")):
    name = path.split("/")[-1].rsplit(".", 1)[0]
    old, new = addresses(path), addresses("/srv/slapgrid/%s/.slapos-resource" % name)
    for six in (False, True):
        was, now = of(old, six), of(new, six)
        if was and now and was != now:
            found.append({"was": was, "now": now})
print(json.dumps(found))
`;
/** Asks which address of a partition became which other one. */
export const changesArgv: readonly string[] = pythonArgv('-c', changesProgram);

export const addressChange = z.strictObject({ was: z.string(), now: z.string() });
export type AddressChange = z.infer<typeof addressChange>;

export function parseChanges(text: string): readonly AddressChange[] {
  try {
    return z.array(addressChange).parse(JSON.parse(text));
  } catch {
    return [];
  }
}

/** Configuration that names addresses and that we know how to change, below a root; and how one of them is told. */
const editableProgram = `import glob, grp, json, os, pwd, re, stat, subprocess, sys
def editable(root):
    paths = [root + "/etc/opt/slapos/slapos.cfg", root + "/etc/re6stnet/re6stnet.conf"]
    return paths + sorted(glob.glob(root + "/home/*/.slapos/slapos-client.cfg")) + [root + "/root/.slapos/slapos-client.cfg"]
def text_of(path):
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode) or os.path.getsize(path) > 1 << 20:
            return ""
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (OSError, UnicodeDecodeError):
        return ""
def told(path, text):
    info = os.stat(path)
    # One whose user is gone, or known elsewhere only, has its numbers.
    try:
        user = pwd.getpwuid(info.st_uid).pw_name
    except KeyError:
        user = str(info.st_uid)
    try:
        group = grp.getgrgid(info.st_gid).gr_name
    except KeyError:
        group = str(info.st_gid)
    return {"path": path, "text": text, "mode": stat.S_IMODE(info.st_mode), "owner": "%s:%s" % (user, group)}
`;
const editableFile = z.strictObject({ path: z.string(), text: z.string(), mode: z.int(), owner: z.string() });

const keptProgram = `# Written by SlapOS Field Kit. Reads the configuration that is kept for the way back; writes nothing.
${editableProgram}found = [(path, text_of(path)) for path in editable("${keptFolder}/files")]
there = os.path.exists("${keptMark}")
print(json.dumps([told(path, text) for path, text in found if text] if there else None))
`;
/** Asks for the configuration that the way back would put back. */
export const keptArgv: readonly string[] = pythonArgv('-c', keptProgram);

export const keptFiles = z.array(editableFile).nullable();
export type KeptFiles = z.infer<typeof keptFiles>;

/** Null while nothing is kept, and when the answer is not ours. */
export function parseKept(text: string): KeptFiles {
  try {
    return keptFiles.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

/**
 * Files that name one of some addresses. Those that we know how to change come with their text; of all others the path is told. What
 * is kept for the way back, and what slapos writes anew by itself, is no reference.
 */
const mentionsProgram = `# Written by SlapOS Field Kit. Looks for addresses in configuration; writes nothing.
${editableProgram}words = [one for one in sys.argv[1:] if one]
def form(word):
    return (r"(?<![0-9A-Fa-f:])%s(?![0-9A-Fa-f:]*[0-9A-Fa-f])" if ":" in word else r"(?<![0-9.])%s(?!\\.?[0-9])") % re.escape(word)
pattern = re.compile("|".join(map(form, words)))
ours = editable("")
places = ["/etc", "/usr/local/lib/fieldkit", "/srv/slapgrid"]
edit, mention = [], []
def visit(path):
    text = text_of(path)
    if text and pattern.search(text):
        if path in ours:
            edit.append(told(path, text))
        elif not path.endswith(".fieldkit-copy"):
            mention.append(path)
if words:
    for path in ours:
        visit(path)
    for folder in places:
        for root, folders, files in os.walk(folder):
            inside = root.startswith("/srv/slapgrid")
            # Of a partition only what it was configured with: data and logs may tell of the past.
            if inside and re.fullmatch("/srv/slapgrid/slappart[0-9]+", root):
                folders[:] = [one for one in folders if one == "etc"]
                files = [one for one in files if one == "buildout.cfg"]
            folders[:] = [one for one in folders if one not in ("ssl", "alternatives")]
            for name in files:
                path = os.path.join(root, name)
                if path not in ours:
                    visit(path)
    def rules(command):
        return subprocess.run(command, shell=True, stdout=subprocess.PIPE).stdout.decode("utf-8", "replace")
    own = "nft list tables 2>/dev/null | grep ' fieldkit_' | while read -r _ family table; do nft list table $family $table; done"
    if pattern.search(rules(own)):
        mention.append("nft")
    elif pattern.search(rules("nft list ruleset 2>/dev/null")):
        mention.append("nft list ruleset")
print(json.dumps({"edit": edit, "mention": sorted(mention)}))
`;
export const mentionsArgv = (addresses: readonly string[]): string[] => pythonArgv('-c', mentionsProgram, ...addresses);

export const mentions = z.strictObject({
  /** Files that can be changed. */
  edit: z.array(editableFile),
  /** Paths that only tell; `nft` for a rule of ours, `nft list ruleset` for one of somebody else. */
  mention: z.array(z.string()),
});
export type Mentions = z.infer<typeof mentions>;

/** Null when the answer is not ours. */
export function parseMentions(text: string): Mentions | null {
  try {
    return mentions.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

/** A text with each address replaced by what it became, all at once: one may have become what another was. */
export function withNewAddresses(text: string, changes: readonly AddressChange[]): string {
  if (changes.length === 0) return text;
  const now = new Map(changes.map((one) => [one.was, one.now]));
  // Not inside a longer address; a port may follow the one form, a bracket the other.
  const words = [...now.keys()].map((word) =>
    word.includes(':')
      ? `(?<![0-9A-Fa-f:])${word}(?![0-9A-Fa-f:]*[0-9A-Fa-f])`
      : `(?<![0-9.])${word.replaceAll('.', '\\.')}(?!\\.?[0-9])`,
  );
  return text.replace(new RegExp(words.join('|'), 'g'), (word) => now.get(word) ?? word);
}
