/**
 * The program that asks the master what is the client's own, run for real under Python; slapos and the master it speaks to are played
 * by a few modules beside it, which answer from a file.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { destroyArgv, ownServicesProgram, parseOwnServices } from '../../../src-main/target/own-services.ts';
import { slaposPythonPath } from '../../../src-main/target/slapproxy.ts';
import { unless, whyWithout } from '../../unless.ts';

const requests = `import json, os
class Answer:
    def __init__(self, status, content):
        self.status_code, self.content, self.text = status, content, content
    def raise_for_status(self):
        if self.status_code >= 400:
            raise OSError("HTTP %d" % self.status_code)
def get(url, params=None, cert=None, **kw):
    assert cert == ("/home/tech/.slapos/client.crt", "/home/tech/.slapos/client.key") and kw["allow_redirects"] is False, (cert, kw)
    world = json.load(open(os.environ["WORLD"]))
    if url == "https://[fd00::9]:2155/getHateoasUrl":
        return Answer(world.get("pages", 200), "https://pages/")
    assert url == "https://[fd00::9]:2155/registerComputerPartition", url
    found = world["partitions"].get(params["computer_reference"] + " " + params["computer_partition_reference"], 403)
    return Answer(found, "") if isinstance(found, int) else Answer(200, json.dumps(found))
`;
const util = `import json
class Thing:
    def __init__(self, **values):
        self.__dict__.update(values)
def loads(text):
    given = json.loads(text)
    release = given.pop("release", None)
    return Thing(_software_release_document=release and Thing(_software_release=release), **given)
`;
const slap = `import json, os
class SlapHateoasNavigator:
    def __init__(self, address, key_file=None, cert_file=None):
        assert address == "https://pages/"
        self.world = json.load(open(os.environ["WORLD"]))
    def getRootDocument(self):
        return {"_links": {"self": {}, **({"raw_search": {}} if "trees" in self.world else {})}}
    def jio_allDocs(self, query):
        head = 'portal_type:"Instance Tree" AND validation_state:validated AND title:="'
        assert query["query"].startswith(head) and query["query"].endswith('"')
        title = query["query"][len(head):-1]
        return {"data": {"rows": [{"title": one} for one in self.world["trees"] if one.lower() == title.lower()]}}
`;

const place = (title: string, more: object = {}) => ({
  _computer_id: 'COMP-3',
  _partition_id: 'slappart0',
  _parameter_dict: { instance_title: title, root_instance_title: title, slap_software_type: 'kvm' },
  release: 'https://example.org/software.cfg',
  ...more,
});
const there = (found: object | number) => ({ 'COMP-3 slappart0': found });
const free = { partition: 'slappart0', title: null, root: null, release: null, type: null, trees: null };

describe('what the client owns on a computer', unless(whyWithout('python3')), () => {
  let folder: string;
  const play = (world: object) => {
    const path = join(folder, 'world.json');
    writeFileSync(path, JSON.stringify(world));
    return { HOME: folder, PATH: `${join(folder, 'bin')}:${process.env.PATH}`, PYTHONPATH: folder, WORLD: path };
  };
  const ask = (world: object, ...words: string[]) =>
    spawnSync('python3', ['-c', ownServicesProgram, ...words], { encoding: 'utf8', env: play(world) });
  const tell = (world: object) => parseOwnServices(ask(world, 'tell', 'COMP-3', 'slappart0').stdout);

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'fieldkit-own-'));
    for (const path of ['slapos/slap', '.slapos', 'bin']) mkdirSync(join(folder, path), { recursive: true });
    const files = {
      'requests.py': requests,
      'urllib3.py': 'def disable_warnings(): pass\n',
      'slapos/__init__.py': '',
      'slapos/util.py': util,
      'slapos/slap/__init__.py': '',
      'slapos/slap/slap.py': slap,
      '.slapos/slapos-client.cfg':
        '[slapos]\nmaster_url = https://[fd00::9]:2155\n[slapconsole]\ncert_file = /home/tech/.slapos/client.crt\nkey_file = /home/tech/.slapos/client.key\n',
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each([
    [
      'its own',
      { partitions: there(place('shop')), trees: ['shop', 'blog'] },
      { title: 'shop', root: 'shop', trees: 1 },
    ],
    ['one of two', { partitions: there(place('shop')), trees: ['shop', 'Shop'] }, { title: 'shop', trees: 2 }],
    ['none that it finds', { partitions: there(place('shop')), trees: ['Shop'] }, { title: 'shop', trees: 0 }],
    ['nothing to search with', { partitions: there(place('shop')) }, { title: 'shop', trees: null }],
    ['what is refused', { partitions: there(403), trees: [] }, free],
    ['a page to log in', { partitions: there(302), trees: [] }, free],
    ['a free partition', { partitions: there(place('shop', { release: undefined })), trees: [] }, free],
  ])('is told of %s', (_what, world, expected) => {
    expect(tell(world)).toMatchObject({ error: '', partitions: [expected] });
  });

  it.each([
    ['the master does not work', { partitions: there(503), trees: [] }, 'HTTP 503'],
    ['its pages do not', { partitions: there(place('shop')), pages: 500 }, 'HTTP 500'],
    ['it has none', { partitions: there(place('shop')), pages: 404 }, 'HTTP 404'],
    ['it answers for another', { partitions: there(place('shop', { _computer_id: 'COMP-1' })), trees: [] }, 'another'],
  ])('says so where %s', (_what, world, said) => {
    expect(tell(world)).toMatchObject({ error: expect.stringContaining(said), partitions: [] });
  });

  /** A slapos that writes down what it was asked, and answers with the given words and code. */
  const destroy = (world: object, way: number | null, said = 'Instance requested.', code = 0) => {
    writeFileSync(join(folder, 'slapos-asked'), '');
    writeFileSync(
      join(folder, 'bin/slapos'),
      `#!/bin/sh\necho "$*" >>"$HOME/slapos-asked"\necho '${said}'\nexit ${code}\n`,
      {
        mode: 0o755,
      },
    );
    const own = { partition: 'slappart0', trees: way };
    const [shell = '', ...words] = destroyArgv('COMP-3', own, { title: 'shop', release: 'url', type: 'kvm' });
    const argv = words.map((word) => word.replace(`$(${slaposPythonPath})`, 'python3'));
    const { status, stdout } = spawnSync(shell, argv, { encoding: 'utf8', env: play(world) });
    const asked = spawnSync('cat', [join(folder, 'slapos-asked')], { encoding: 'utf8' }).stdout;
    return { status, stdout, asked };
  };
  const own = { partitions: there(place('shop')), trees: ['shop'] };
  const request = 'request shop url --state destroyed --type kvm --node computer_guid=COMP-3\n';

  it('is destroyed, and no connection is shown', () => {
    expect(destroy(own, 1)).toMatchObject({ status: 0, asked: request });
    expect(destroy({ partitions: own.partitions }, null)).toMatchObject({ status: 0, asked: request });
    expect(destroy(own, 1, 'Instance requested. Master is provisioning it', 2)).toMatchObject({ status: 0 });
  });

  it.each([
    ['slapos did not understand', 'usage: slapos request', 2],
    ['the master refused', 'Unauthorized', 1],
  ])('is not taken for destroyed when %s', (_what, said, code) => {
    expect(destroy(own, 1, said, code)).toMatchObject({ status: code, asked: request });
  });

  it.each([
    ['another stands there by now', { ...own, partitions: there(place('blog')) }, 1],
    [
      'a part of another stands there by now',
      {
        ...own,
        partitions: there({
          ...place('shop'),
          _parameter_dict: { instance_title: 'shop', root_instance_title: 'site' },
        }),
      },
      1,
    ],
    ['it is another’s', { ...own, partitions: there(403) }, 1],
    ['a namesake came', { ...own, trees: ['shop', 'shop'] }, 1],
    ['the search is gone', { partitions: own.partitions }, 1],
    ['the master does not answer', { ...own, partitions: there(503) }, 1],
  ])('is let alone at the last moment when %s', (_what, world, way) => {
    expect(destroy(world, way)).toMatchObject({ status: 1, asked: '', stdout: expect.stringMatching(/^not-own /) });
  });
});
