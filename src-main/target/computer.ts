// What a registered computer and its master know of each other, asked on the computer itself with its own certificate, by a small
// Python program. Called by the steps for nodes and for services on them. The program must never write, and never print a value
// that may be a secret: parameters leave as a hash, of what an instance publishes the names alone: an address among it may hold a password.
// Forms: slapos.core 1.10 to 1.26; the SLAP calls `getFullComputerInformation` and nothing else.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { canonicalJson, type Json } from '../../src-shared/json.ts';
import { pythonArgv } from './slapproxy.ts';

/**
 * `state` prints JSON. `green NAME KEYS` says whether an instance and its children have come together: `green`, or how far it is, in
 * the lines of a sighting, and ends with 1. `answers PARTITIONS` says whether the master knows that many partitions of it.
 * `emptied instances|software` says whether the master places none on it any more.
 */
const program = `# Written by SlapOS Field Kit. Reads what the master knows of this computer; writes nothing.
import configparser, glob, hashlib, json, os, re, sys
import requests, urllib3
from slapos.util import loads

urllib3.disable_warnings()
ASKED = sys.argv[1]
INTERNAL = re.compile("slap_.*|ip_list|full_ip_list|full_address_list|instance_title|root_instance_title|slave_instance_list|timestamp|.*_certificate_file|.*_key_file")


def values(given):
    if "_" in given:
        try:
            return json.loads(given["_"])
        except ValueError:
            pass
    return {key: value for key, value in given.items() if not INTERNAL.fullmatch(key)}


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def failing(root, reference):
    for path in sorted(glob.glob("%s/%s/.slapgrid/promise/result/*.status.json" % (root, reference))):
        try:
            with open(path) as file:
                status = json.load(file)
        except (OSError, ValueError):
            continue
        if status.get("result", {}).get("failed"):
            yield "%s %s" % (reference, status.get("title"))


def addresses(root, reference):
    try:
        with open("%s/%s/.slapos-resource" % (root, reference)) as file:
            return [one["addr"] for one in json.load(file)["address_list"]]
    except (OSError, ValueError, KeyError):
        return []


def built(root, reference):
    # slapgrid writes down what it builds a partition from before it builds, and .timestamp once all of it is done. A pass takes
    # .timestamp away as it begins; one with --force leaves the old one until its end.
    folder = "%s/%s/" % (root, reference)
    try:
        if os.path.getmtime(folder + ".timestamp") < os.path.getmtime(folder + "buildout.cfg"):
            return None
        with open(folder + "buildout.cfg") as file:
            lines = [line.strip().split(" = ", 1) for line in file]
    except OSError:
        return None
    return next((line[1] for line in lines if line[0] == "software-release-url" and len(line) == 2), None)


def behind(root, reference, asked):
    # slapgrid writes down the moment that the master gave it once a pass for it came to its end.
    try:
        with open("%s/%s/.timestamp" % (root, reference)) as file:
            return asked is not None and file.read().strip() != str(asked)
    except OSError:
        return True


def ask(config):
    section = config["slapos"]
    # As slapos itself asks: the master's own certificate is not checked by it either.
    return requests.get(
        section["master_url"].rstrip("/") + "/getFullComputerInformation",
        params={"computer_id": section["computer_id"]},
        cert=(section["cert_file"], section["key_file"]),
        verify=False,
        timeout=30,
    )


config = configparser.ConfigParser()
config.read("/etc/opt/slapos/slapos.cfg")
state = {"error": "", "status": 0, "software": [], "partitions": []}
try:
    answer = ask(config)
    state["status"] = answer.status_code
    if answer.ok:
        computer = loads(answer.content)
        root = config["slapos"].get("instance_root", "/srv/slapgrid")
        state["software"] = [
            {"url": one._software_release, "state": getattr(one, "_requested_state", "available")}
            for one in getattr(computer, "_software_release_list", [])
        ]
        for one in getattr(computer, "_computer_partition_list", []):
            given = getattr(one, "_parameter_dict", None) or {}
            release = getattr(one, "_software_release_document", None)
            state["partitions"].append(
                {
                    "partition": one._partition_id,
                    "title": given.get("instance_title") if release else None,
                    "root": given.get("root_instance_title") if release else None,
                    "type": given.get("slap_software_type") if release else None,
                    "release": release._software_release if release else None,
                    "built": built(root, one._partition_id),
                    "behind": behind(root, one._partition_id, given.get("timestamp")),
                    "requestedState": str(getattr(one, "_requested_state", "")),
                    "parametersSha256": hashlib.sha256(canonical(values(given)).encode()).hexdigest(),
                    "published": sorted(values(getattr(one, "_connection_dict", None) or {})),
                    "addresses": addresses(root, one._partition_id),
                    "failing": list(failing(root, one._partition_id)),
                }
            )
    else:
        state["error"] = "HTTP %d" % answer.status_code
except Exception as error:
    state["error"] = "%s: %s" % (type(error).__name__, str(error)[:300])

if ASKED == "state":
    print(json.dumps(state))
elif ASKED == "answers":
    if state["status"] == 200 and len(state["partitions"]) >= int(sys.argv[2]):
        print("answers")
    else:
        print("line %s" % (state["error"] or "%d partitions are known" % len(state["partitions"])))
        sys.exit(1)
elif ASKED == "emptied":
    left = (
        [one["url"] for one in state["software"]]
        if sys.argv[2] == "software"
        else ["%s %s" % (one["partition"], one["title"]) for one in state["partitions"] if one["title"]]
    )
    print(state["error"] or ", ".join(left) or "emptied")
    sys.exit(1 if state["error"] or left else 0)
elif ASKED == "green":
    name, wanted = sys.argv[2], sys.argv[3:]
    tree = [one for one in state["partitions"] if name in (one["title"], one["root"])]
    top = next((one for one in tree if one["title"] == name), None)
    published = top["published"] if top else []
    complaints = [line for one in tree for line in one["failing"]]
    # What it publishes and complains of may be from before it was asked for with another release, or other parameters.
    late = [one["partition"] for one in tree if one["built"] != one["release"] or one["behind"]]
    # An instance that no pass has processed complains of nothing and publishes nothing.
    if top and published and not complaints and not late and all(key in published for key in wanted):
        print("green")
    else:
        for line in complaints:
            print("failing " + line)
        print("done %d %d" % (len([one for one in tree if not one["failing"] and one["partition"] not in late]), max(1, len(tree))))
        lacking = [key for key in wanted if key not in published]
        print("line %s" % (state["error"] or ("publishes no %s yet" % ", ".join(lacking) if lacking else "")))
        sys.exit(1)
`;

const partition = z.object({
  /** Such as `slappart0`. */
  partition: z.string(),
  /** Name of the instance on it and of the one at the root of its tree; null on a free partition. */
  title: z.string().nullable(),
  root: z.string().nullable(),
  type: z.string().nullable(),
  release: z.string().nullable(),
  /** The release that the partition was built from by a pass that came to its end; null before, and while one is under way. */
  built: z.string().nullable(),
  /** No pass for what was asked last has come to its end. */
  behind: z.boolean(),
  requestedState: z.string(),
  /** Of the canonical JSON of its parameters. */
  parametersSha256: z.string(),
  /** Names of what it publishes. */
  published: z.array(z.string()),
  addresses: z.array(z.string()),
  /** Promises that are not kept, `slappart3 title`. */
  failing: z.array(z.string()),
});

export const computerState = z.object({
  /** Why the master could not be asked; empty when it answered. */
  error: z.string(),
  /** HTTP status, 0 without an answer. */
  status: z.int(),
  software: z.array(z.object({ url: z.string(), state: z.string() })),
  partitions: z.array(partition),
});
export type ComputerState = z.infer<typeof computerState>;

/** Asks for all that the master knows of this computer. Run as root: its key is root's alone. */
export const computerStateArgv: readonly string[] = pythonArgv('-c', program, 'state');
/** Exit 0 once the master answers this computer and knows that many partitions. */
export const computerAnswersArgv = (partitions: number): string[] =>
  pythonArgv('-c', program, 'answers', String(partitions));
/** Exit 0 once an instance publishes these keys, its tree is built from what it was asked for with, and no promise in it fails. */
export const serviceGreenArgv = (instance: string, published: readonly string[]): string[] =>
  pythonArgv('-c', program, 'green', instance, ...published);

/** Exit 0 once the master answers and has no instance, or no software, left on this computer. */
export const emptiedArgv = (what: 'instances' | 'software'): string[] => pythonArgv('-c', program, 'emptied', what);

/** The state, null when the answer is not ours. */
export function parseComputerState(text: string): ComputerState | null {
  try {
    return computerState.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

// ---------------------------------------------------------------- tokens for further computers

/**
 * Exit 0 when the user who runs it may ask the master for tokens: the client's files are there, and the master says where its
 * pages for programs are, which `slapos computer token` needs (`getHateoasUrl`). Asks for no token.
 */
const tokenWayProgram = `# Written by SlapOS Field Kit. Asks the master where its pages for programs are; writes nothing.
import configparser, os, sys
import requests, urllib3

urllib3.disable_warnings()
config = configparser.ConfigParser()
config.read(os.path.expanduser("~/.slapos/slapos-client.cfg"))
try:
    answer = requests.get(
        config["slapos"]["master_url"].rstrip("/") + "/getHateoasUrl",
        cert=(config["slapconsole"]["cert_file"], config["slapconsole"]["key_file"]),
        verify=False,
        timeout=30,
    )
    sys.exit(0 if answer.ok and answer.text.strip() else 1)
except Exception as error:
    print("%s: %s" % (type(error).__name__, str(error)[:300]))
    sys.exit(1)
`;
export const tokenWayArgv: readonly string[] = pythonArgv('-c', tokenWayProgram);
/** As `slapos computer token` prints it; the token is the pattern's group. */
export const tokenSays = 'Computer token: (\\S+)';

// ---------------------------------------------------------------- the certificate

/** Prints whether the computer's certificate and key belong together, then since when it is valid, as seconds. */
export const certificateFactsScript = `folder=/etc/opt/slapos/ssl
[ -e "$folder/certificate" ] && [ -e "$folder/key" ] || exit 1
one=$(openssl x509 -in "$folder/certificate" -noout -pubkey 2>/dev/null) && [ -n "$one" ] || { echo "unfit 0"; exit 0; }
other=$(openssl pkey -in "$folder/key" -pubout 2>/dev/null)
from=$(date -d "$(openssl x509 -in "$folder/certificate" -noout -startdate | cut -d = -f 2)" +%s)
[ "$one" = "$other" ] && echo "fits $from" || echo "unfit $from"`;

export interface CertificateFacts {
  readonly fits: boolean;
  /** Seconds since 1970, by the clock of who signed it. */
  readonly from: number;
}
export function parseCertificateFacts(text: string): CertificateFacts | null {
  const [, word, from] = /^(fits|unfit) (\d{1,15})$/m.exec(text) ?? [];
  return word === undefined ? null : { fits: word === 'fits', from: Number(from) };
}

/**
 * Takes a certificate's text out of slapos.cfg. slapos reads a computer's name up to `/email`; in a certificate that writes its
 * subject in the newer way, the whole rest of the text becomes the name. Null when nothing of the kind stands there.
 */
export function withoutCertificate(config: string, certificate: string): string | null {
  const at = certificate.indexOf('COMP-');
  const [computer] = /^COMP-\d+/.exec(certificate.slice(Math.max(at, 0))) ?? [];
  // One character short: slapos cuts at the place where it did not find what it looked for.
  const taken = certificate.slice(at, -1);
  if (at < 0 || computer === undefined || taken === computer || !config.includes(taken)) return null;
  return config.replaceAll(taken, computer);
}

/** As the program above tells what the master has: sha256 of the parameters as canonical JSON. */
export const parametersSha256 = (parameters: Json): string =>
  createHash('sha256').update(canonicalJson(parameters)).digest('hex');
