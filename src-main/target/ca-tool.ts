// The certificate authority's folder as the master's web tool has it, read and set by a program on the target itself: the first
// user's password is taken from slapproxy there and never leaves the machine. Form: the Zope page of ERP5's tool.
import { z } from 'zod';
import { pythonArgv, slapproxyReading } from './slapproxy.ts';

/** `read NAME SITE`, `write NAME SITE PATH`: prints the HTTP status and the path the form shows afterwards. */
export const caToolProgram = `${slapproxyReading}
import base64, html.parser, urllib.error, urllib.parse, urllib.request

SITE = sys.argv[3]


class Forms(html.parser.HTMLParser):
    found = None
    current = None

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag == "form":
            self.current = {"action": given.get("action") or "", "fields": {}}
        elif tag == "input" and self.current is not None and given.get("name"):
            self.current["fields"][given["name"]] = given.get("value") or ""
            if given["name"] == "certificate_authority_path":
                self.found = self.current


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
    except OSError:
        return 0, ""


def look():
    status, page = ask(page_url)
    forms = Forms()
    forms.feed(page)
    return status, forms.found


status, form = 0, None
if root and address:
    page_url = "http://%s/%s/portal_certificate_authority/manage_editCertificateAuthorityToolForm" % (address, SITE)
    status, form = look()
    if ASKED == "write" and form:
        form["fields"]["certificate_authority_path"] = sys.argv[4]
        ask(urllib.parse.urljoin(page_url, form["action"]), form["fields"])
        status, form = look()
print(json.dumps({"status": status, "path": form and form["fields"]["certificate_authority_path"]}))
`;

const answer = z.object({ status: z.int(), path: z.string().nullable() });
export type CaToolAnswer = z.infer<typeof answer>;

export const caToolReadArgv = (instance: string, site: string): string[] =>
  pythonArgv('-c', caToolProgram, 'read', instance, site);
export const caToolWriteArgv = (instance: string, site: string, path: string): string[] =>
  pythonArgv('-c', caToolProgram, 'write', instance, site, path);

/** Status 0 and no path when nobody answered or the answer is not ours. */
export function parseCaTool(text: string): CaToolAnswer {
  try {
    return answer.parse(JSON.parse(text));
  } catch {
    return { status: 0, path: null };
  }
}
