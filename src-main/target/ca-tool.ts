// The certificate authority's folder as the master's web tool has it, read and set by a program on the target itself: the first
// user's password is taken from slapproxy there and never leaves the machine. Form: the Zope page of ERP5's tool.
import { z } from 'zod';
import { masterAsking } from './master-web.ts';
import { pythonArgv } from './slapproxy.ts';

/**
 * `read NAME SITE`, `write NAME SITE PATH`: prints the HTTP status and the path the form shows afterwards. Where the form was sent and
 * does not show what was asked it ends with 1 and says why: a disk that is full, in the system's words, else the answer's status.
 */
export const caToolProgram = `${masterAsking}
import html.parser
import shutil

SITE = sys.argv[3]
FOLDERS = ("/srv", "/tmp", "/var")


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
        sent = ask(urllib.parse.urljoin(page_url, form["action"]), form["fields"])[0]
        status, form = look()
        if form and form["fields"]["certificate_authority_path"] != sys.argv[4]:
            full = [folder for folder in FOLDERS if os.path.isdir(folder) and shutil.disk_usage(folder).free < 1048576]
            said = "%s: No space left on device" % full[0] if full else "not taken, HTTP status %d" % sent
            sys.exit("certificate_authority_path: " + said)
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
