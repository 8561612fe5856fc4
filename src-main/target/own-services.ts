// What the site's client, a person's account at the master, owns on a computer, asked with the client's own certificate by a small
// Python program. Called by the step that destroys services: a service is asked for by its name alone, so it must be known before
// that the name is the client's own and means what stands on that computer. The program must never write, and never take "unknown"
// for "own". Forms: slapos.core 1.10 to 1.26; `registerComputerPartition` of SLAP, and the search of the master's pages.
import { z } from 'zod';
import { quoteWord } from '../../src-shared/quote.ts';
import { pythonArgv, slaposPythonPath, withoutConnection } from './slapproxy.ts';

/**
 * `tell COMPUTER PARTITIONS` prints JSON. `is COMPUTER PARTITION TITLE WAY` ends with 0 when this person owns the service TITLE and
 * its root stands on that partition; else it prints a line that begins with `not-own`, and ends with 1. WAY is `searched` when the
 * pages could be searched before: an answer without a search is then no answer.
 */
export const ownServicesProgram = `# Written by SlapOS Field Kit. Asks the master, as a person, what stands on partitions of a computer; writes nothing.
import configparser, json, os, sys
import requests, urllib3
from slapos.slap.slap import SlapHateoasNavigator
from slapos.util import loads

urllib3.disable_warnings()
ASKED, COMPUTER = sys.argv[1:3]
config = configparser.ConfigParser()
config.read(os.path.expanduser("~/.slapos/slapos-client.cfg"))
FREE = {"title": None, "root": None, "release": None, "type": None, "trees": None}


def file(name):
    return os.path.expanduser(config["slapconsole"][name])


def ask(path, **params):
    return requests.get(
        config["slapos"]["master_url"].rstrip("/") + path,
        params=params,
        cert=(file("cert_file"), file("key_file")),
        verify=False,
        timeout=30,
        # A redirect leads to a page where people log in: that is no answer.
        allow_redirects=False,
    )


def trees(title):
    """How many services this person finds by that name; None where the master's pages have no search."""
    address = config["slapos"].get("master_rest_url")
    if not address:
        answer = ask("/getHateoasUrl")
        answer.raise_for_status()
        address = answer.text.strip()
    pages = SlapHateoasNavigator(address, key_file=file("key_file"), cert_file=file("cert_file"))
    if "raw_search" not in pages.getRootDocument()["_links"]:
        return None
    query = 'portal_type:"Instance Tree" AND validation_state:validated AND title:="%s"' % title
    found = pages.jio_allDocs(query={"query": query, "select_list": ["title", "url_string"]})
    rows = found["data"]["rows"]
    # All that it finds, as the master itself would: it may not tell capitals from small letters.
    return len(rows) if any(row.get("title") == title for row in rows) else 0


def standing(partition):
    """What the master lets this person see of a partition: nothing of what is another's."""
    answer = ask("/registerComputerPartition", computer_reference=COMPUTER, computer_partition_reference=partition)
    if answer.status_code >= 500:
        answer.raise_for_status()
    if answer.status_code != 200:
        return dict(FREE, partition=partition)
    found = loads(answer.content)
    if (found._computer_id, found._partition_id) != (COMPUTER, partition):
        raise ValueError("asked for %s %s, told of another" % (COMPUTER, partition))
    given = getattr(found, "_parameter_dict", None) or {}
    release = getattr(found, "_software_release_document", None)
    title = given.get("instance_title") if release else None
    if not title:
        return dict(FREE, partition=partition)
    return {
        "partition": partition,
        "title": title,
        "root": given.get("root_instance_title"),
        "release": release._software_release,
        "type": given.get("slap_software_type"),
        "trees": trees(title),
    }


try:
    if ASKED == "tell":
        print(json.dumps({"error": "", "partitions": [standing(one) for one in sys.argv[3:]]}))
    elif ASKED == "is":
        partition, title, way = sys.argv[3:6]
        found = standing(partition)
        one = found["trees"] == 1 or (found["trees"] is None and way == "unsearched")
        if not (found["title"] == found["root"] == title and one):
            print("not-own %s: %s" % (title, json.dumps(found)))
            sys.exit(1)
except Exception as error:
    said = "%s: %s" % (type(error).__name__, str(error)[:300])
    if ASKED == "tell":
        print(json.dumps({"error": said, "partitions": []}))
    else:
        print("not-own %s" % said)
        sys.exit(1)
`;

export const ownService = z.strictObject({
  /** Such as `slappart0`. */
  partition: z.string(),
  /** Names of the instance there and of the root of its tree; null when the person does not get to see it. */
  title: z.string().nullable(),
  root: z.string().nullable(),
  release: z.string().nullable(),
  type: z.string().nullable(),
  /** How many services of that name the person sees; null where the master's pages have no search. */
  trees: z.int().nullable(),
});
export type OwnService = z.infer<typeof ownService>;

const told = z.strictObject({
  /** Why it could not be told; empty when it was. */
  error: z.string(),
  partitions: z.array(ownService),
});

/** Asks what stands on these partitions of a computer, as far as it is the asker's. Run as the client's user. */
export const ownServicesArgv = (computer: string, partitions: readonly string[]): string[] =>
  pythonArgv('-c', ownServicesProgram, 'tell', computer, ...partitions);

/** The answer, null when it is not ours. */
export function parseOwnServices(text: string): z.infer<typeof told> | null {
  try {
    return told.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

/** How it begins to say that a service is not destroyed, since it is not known to be the asker's own and to stand there. */
export const notOwnSays = '^not-own ';

/**
 * $1 the program above, $2 computer, $3 partition, $4 way, then the request: asks once more whose it is, at the last moment before the
 * request is made. 2 of slapos counts only where it says that the request was accepted.
 */
const destroyScript = `check=$1 computer=$2 partition=$3 way=$4
shift 4
"$(${slaposPythonPath})" -c "$check" is "$computer" "$partition" "$3" "$way" || exit 1
code=0
told=$(sh -c ${quoteWord(withoutConnection)} sh "$@") || code=$?
printf '%s\\n' "$told"
if [ "$code" = 2 ]; then case $told in *'Instance requested'*) code=0 ;; esac; fi
exit "$code"`;

/** Asks the master to destroy a service of the asker's own that stands on that computer, and no other. Run as the client's user. */
export const destroyArgv = (
  computer: string,
  { partition, trees }: Pick<OwnService, 'partition' | 'trees'>,
  { title, release, type }: { readonly title: string; readonly release: string; readonly type: string | null },
): string[] => [
  ...['sh', '-c', destroyScript, 'sh', ownServicesProgram, computer, partition],
  trees === null ? 'unsearched' : 'searched',
  ...['slapos', 'request', title, release, '--state', 'destroyed'],
  ...(type === null ? [] : ['--type', type]),
  ...['--node', `computer_guid=${computer}`],
];
