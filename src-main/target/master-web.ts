// The master's web server asked by a program on the target itself, as the first user: the password is taken from slapproxy there
// and never leaves the machine. Used by the certificate authority's form and by the look at what was configured.
import { z } from 'zod';
import { pythonArgv, slapproxyReading } from './slapproxy.ts';

/** How such a program begins: `ask(url)` answers with the HTTP status, 0 for none, and the body of a 2xx. */
export const masterAsking = `${slapproxyReading}
import base64, http.client, urllib.error, urllib.parse, urllib.request


def ask(url, fields=None):
    user = published[root["reference"]]
    pair = "%s:%s" % (user.get("inituser-login"), user.get("inituser-password"))
    data = None if fields is None else urllib.parse.urlencode(fields).encode()
    request = urllib.request.Request(url, data, {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()})
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as answer:
            return answer.status, answer.read().decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        return error.code, ""
    except (OSError, http.client.HTTPException):
        return 0, ""
`;

/**
 * `count NAME SITE`: how many persons and projects the master has, null where it does not say. Form: a number, as Zope's folders
 * answer objectCount.
 */
export const moduleCountProgram = `${masterAsking}

def count(module):
    if not (root and address):
        return None
    status, page = ask("http://%s/%s/%s/objectCount" % (address, sys.argv[3], module))
    return int(page) if status == 200 and page.strip().isdigit() else None


print(json.dumps({"persons": count("person_module"), "projects": count("project_module")}))
`;

export const moduleCountArgv = (instance: string, site: string): string[] =>
  pythonArgv('-c', moduleCountProgram, 'count', instance, site);

const counts = z.object({ persons: z.int().nullable(), projects: z.int().nullable() });
export type ModuleCounts = z.infer<typeof counts>;

/** Nothing known when nobody answered or the answer is not ours. */
export function parseModuleCounts(text: string): ModuleCounts {
  try {
    return counts.parse(JSON.parse(text));
  } catch {
    return { persons: null, projects: null };
  }
}
