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
import glob, json, re, sqlite3, sys
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


rows = [dict(row) for row in database.execute("SELECT * FROM %s WHERE slap_state != 'free'" % table())]
root = next((row for row in rows if row["partition_reference"] == NAME and not row["requested_by"]), None)
# The name of who asked is what slapproxy writes down; its partition in other versions.
children = [row for row in rows if root and row["requested_by"] in (NAME, root["reference"])]
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

/** Prints the state as JSON; `ready NAME` and `address NAME` print one word or line, and end with 1 while there is none. */
export const slapproxyProgram = `${slapproxyReading}
promises = [line for row in rows for line in failing(row["reference"])]
if ASKED == "ready":
    ready = "family-service-v6" in families and address and not promises
    print("ready" if ready else "%d partitions, %d promises not kept yet" % (len(rows), len(promises)))
    sys.exit(0 if ready else 1)
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
    }
print(json.dumps({"instance": state, "failing": promises}))
`;

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
});
const state = z.object({ instance: instance.nullable(), failing: z.array(z.string()) });
export type SlapproxyState = z.infer<typeof state>;

/** Asks for the state of an instance without anything of ours on the machine. */
export const slapproxyStateArgv = (name: string): string[] => pythonArgv('-c', slapproxyProgram, 'state', name);

/** With the program in its place: `ready` and `address`. */
export const slapproxyAskArgv = (asked: 'ready' | 'address', name: string): string[] =>
  pythonArgv(slapproxyProgramPath, asked, name);

/** The state, null when slapproxy has no database or the answer is not ours. */
export function parseSlapproxyState(text: string): SlapproxyState | null {
  try {
    return state.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
