// What slapproxy knows and the partitions say, read from its database on the target by a small Python program. The one place
// that knows its tables. The program must never write, and never print a value that may be a secret: what an instance publishes
// is let through by name. Forms: slapos.core 1.10 to 1.24, whose tables end in a version number.
import { z } from 'zod';
import { json } from '../../src-shared/json.ts';
import { keptFolder } from './our-paths.ts';

/** Runs slapos' own Python: the first line of its script names it, whether it came with the package or not. */
export const slaposPythonPath = 'sed -n "1s/^#! *\\([^ ]*\\).*/\\1/p" /opt/slapos/bin/slapos';
export const slaposPython = `exec "$(${slaposPythonPath})" "$@"`;
export const pythonArgv = (...words: readonly string[]): string[] => ['sh', '-c', slaposPython, 'python', ...words];

/** Where the program is kept on a master, for waits and for our units. */
export const slapproxyProgramPath = `${keptFolder}/slapproxy.py`;

/** How every program of ours begins that asks slapproxy: the rows, what they publish, and where the web server is. */
export const slapproxyReading = `# Written by SlapOS Field Kit. Reads what slapproxy knows of an instance; writes nothing.
import glob, json, os, re, socket, sqlite3, subprocess, sys
import xml.etree.ElementTree as tree

ASKED, NAME = sys.argv[1:3]
PUBLIC = re.compile("family-.*|zope-address-list|inituser-login")
HIDDEN = re.compile("password|secret|token|private", re.I)
database = sqlite3.connect("file:/opt/slapos/slapproxy.db?mode=ro", uri=True, timeout=20)
database.row_factory = sqlite3.Row


def table():
    names = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    found = [name for name in names if re.fullmatch("partition[0-9]+", name)]
    return max(found, key=lambda name: int(name[9:]))


def values(text):
    if not text:
        return {}
    all = {one.get("id"): one.text or "" for one in tree.fromstring(text)}
    try:
        return json.loads(all["_"])
    except (KeyError, ValueError):
        return all


def failing(reference):
    for path in sorted(glob.glob("/srv/slapgrid/%s/.slapgrid/promise/result/*.status.json" % reference)):
        try:
            with open(path) as file:
                status = json.load(file)
        except (OSError, ValueError):
            continue
        if status.get("result", {}).get("failed"):
            yield "%s %s" % (reference, status.get("title"))


def stands(reference):
    # The time stamp is away while slapgrid works at a partition that stands, once a day.
    return any(os.path.exists("/srv/slapgrid/%s/%s" % (reference, name)) for name in (".timestamp", ".installed.cfg"))


def processed(row):
    # slapgrid writes down the moment of the request once a pass for it came to its end.
    try:
        with open("/srv/slapgrid/%s/.timestamp" % row["reference"]) as file:
            return int(row.get("timestamp") or 0) <= float(file.read())
    except (OSError, ValueError):
        return False


def answers(address):
    try:
        host, port = address.rsplit(":", 1)
        socket.create_connection((host.strip("[]"), int(port)), 5).close()
        return True
    except (OSError, ValueError):
        return False


rows = [dict(row) for row in database.execute("SELECT * FROM %s WHERE slap_state != 'free'" % table())]
root = next((row for row in rows if row["partition_reference"] == NAME and not row["requested_by"]), None)
# The name of who asked is what slapproxy writes down; its partition in other versions.
children = [row for row in rows if root and row["requested_by"] in (NAME, root["reference"])]
# The instance with all that it asked for, and what these asked for: other instances of the machine are no matter of it.
family = [root] if root else []
for one in family:
    asking = (one["partition_reference"], one["reference"])
    family += [row for row in rows if row["requested_by"] in asking and row not in family]
published = {row["reference"]: values(row["connection_xml"]) for row in rows}
zope = next((row for row in children if row["partition_reference"] == "zope-1"), None)
address = None
if zope:
    listed = published[zope["reference"]].get("zope-address-list") or [[None]]
    address = listed[0][0]
families = {}
if root:
    families = {key: value for key, value in published[root["reference"]].items() if PUBLIC.fullmatch(key)}
`;

/**
 * Prints the state as JSON; `ready NAME` and `address NAME` print one word or line, and end with 1 while there is none: `ready`
 * then says how far it is, in the lines of a sighting. `evidence NAME` prints the logs that tell why, without the secrets that
 * slapproxy knows: whatever an instance was given or publishes under a name that says so.
 */
export const slapproxyProgram = `${slapproxyReading}
INSTANCE_LOG = "/opt/slapos/log/slapos-node-instance.log"


def secrets(value, hidden=False):
    if isinstance(value, dict):
        for key, one in value.items():
            yield from secrets(one, hidden or bool(HIDDEN.search(str(key))))
    elif isinstance(value, list):
        for one in value:
            yield from secrets(one, hidden)
    elif isinstance(value, str) and value[:1] in "{[" and value:
        try:
            yield from secrets(json.loads(value), hidden)
        except ValueError:
            pass
    if hidden and isinstance(value, str) and 3 < len(value):
        yield value


SECRETS = sorted(
    {one for row in rows for text in ("xml", "connection_xml") for one in secrets(values(row[text]))}, key=len, reverse=True
)


def without_secrets(text):
    for one in SECRETS:
        text = text.replace(one, "[secret]")
    return text


def last_lines(path, count):
    try:
        with open(path, "rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - 65536))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return []
    return [line for line in lines if line.strip()][-count:]


def moved(row):
    # slapgrid writes down what it built a partition from.
    try:
        with open("/srv/slapgrid/%s/buildout.cfg" % row["reference"]) as file:
            lines = [line.strip() for line in file]
    except OSError:
        return False
    return row["software_release"] == root["software_release"] and "software-release-url = %s" % row["software_release"] in lines


whole = bool(root) and all(moved(row) for row in family)
promises = [line for row in family for line in failing(row["reference"])]
missing = [row["reference"] for row in family if not stands(row["reference"])]
behind = [row["reference"] for row in family if not processed(row)]
if ASKED == "ready":
    late = {line.split(" ")[0] for line in promises}
    stand = [row for row in family if row["reference"] not in late and processed(row)]
    # What slapproxy knows may be older than the machine: its partitions must stand, and answer.
    ready = "family-service-v6" in families and len(stand) == len(family) and address and answers(address) and whole
    if not ready:
        print("done %d %d" % (len(stand), len(family)))
        for line in promises:
            print("failing " + line)
        for line in last_lines(INSTANCE_LOG, 1):
            print("line " + without_secrets(line))
    else:
        print("ready")
    sys.exit(0 if ready else 1)
elif ASKED == "evidence":
    print("promises not kept: %s" % (", ".join(promises) or "none"))
    for path in [INSTANCE_LOG] + sorted(glob.glob("/srv/slapgrid/*/.slapgrid-*-error.log")):
        print("== " + path)
        for line in last_lines(path, 60 if path == INSTANCE_LOG else 15):
            print(without_secrets(line))
    for command in (["journalctl", "--no-pager", "-n", "30", "-u", "cron"], ["systemctl", "--no-pager", "--failed"]):
        print("== " + " ".join(command))
        try:
            said = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20).stdout
        except (OSError, subprocess.SubprocessError) as trouble:
            said = str(trouble).encode()
        print(without_secrets(said.decode("utf-8", "replace")))
    sys.exit(0)
elif ASKED == "address":
    print(address or "")
    sys.exit(0 if address else 1)
state = None
if root:
    given = values(root["xml"])
    state = {
        "partition": root["reference"],
        "release": root["software_release"],
        "requestedState": root["requested_state"],
        "parameters": {key: "(hidden)" if HIDDEN.search(key) else value for key, value in given.items()},
        "published": families,
        "zope": zope and zope["reference"],
        "address": address,
        "children": len(children),
        "moved": whole,
    }
used = sorted({row["software_release"] for row in rows if row["software_release"]})
print(json.dumps({"instance": state, "failing": promises, "missing": missing, "behind": behind, "used": used, "answers": bool(address and answers(address))}))
`;

/** Prints the first user's password, for a person who asked for it now. */
const passwordProgram = `${slapproxyReading}
print(published[root["reference"]].get("inituser-password", "") if root else "")
`;
export const firstPasswordArgv = (name: string): string[] => pythonArgv('-c', passwordProgram, 'password', name);

/** Runs a program and leaves out what slapos prints of an instance's connection: the first password is among it. */
export const withoutConnection =
  'told=$("$@" 2>&1); code=$?; printf "%s\\n" "$told" | sed "/Connection parameters of instance/,\\$d"; exit "$code"';

const instance = z.object({
  /** Partition of the root, such as `slappart0`. */
  partition: z.string(),
  release: z.string(),
  requestedState: z.string(),
  parameters: z.record(z.string(), json),
  /** Names and addresses that the root publishes; no secrets. */
  published: z.record(z.string(), json),
  /** Partition of `zope-1`, null while there is none. */
  zope: z.string().nullable(),
  /** `10.0.1.2:2200`, null while it is not published. */
  address: z.string().nullable(),
  children: z.int(),
  /** Every partition was built from the release that the root was asked for with. */
  moved: z.boolean(),
});
const state = z.object({
  instance: instance.nullable(),
  failing: z.array(z.string()),
  /** Partitions of the instance that slapgrid never made on this machine: after data was put back, all of them. */
  missing: z.array(z.string()),
  /** Partitions where no pass of slapgrid for what was asked last has come to its end. */
  behind: z.array(z.string()),
  /** Its web server takes connections. */
  answers: z.boolean(),
  /** Releases that any partition of the machine was asked for with. */
  used: z.array(z.string()),
});
export type SlapproxyState = z.infer<typeof state>;

/** Asks for the state of an instance without anything of ours on the machine. */
export const slapproxyStateArgv = (name: string): string[] => pythonArgv('-c', slapproxyProgram, 'state', name);

/** With the program in its place: `ready` and `address`. */
export const slapproxyAskArgv = (asked: 'ready' | 'address', name: string): string[] =>
  pythonArgv(slapproxyProgramPath, asked, name);

/** The logs that tell why an instance does not come together, without its secrets; needs nothing of ours on the machine. */
export const slapproxyEvidenceArgv = (name: string): string[] => pythonArgv('-c', slapproxyProgram, 'evidence', name);

/** The state, null when slapproxy has no database or the answer is not ours. */
export function parseSlapproxyState(text: string): SlapproxyState | null {
  try {
    return state.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
