// The software cache as a simulated machine uses it: slapos cachelookup, and the pass that cron starts. Index and archive come
// through the forwarded port; signatures and hashes are checked. Used by slapos.ts and commands/index.ts.
// Behaviour and sentences: slapos.core 1.22.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { createGunzip, type Gunzip } from 'node:zlib';
import { extract } from 'tar-stream';
import { Problem } from '../../../src-shared/problem.ts';
import { osMatches, type TargetSystem } from '../../software/compatibility.ts';
import { chooseEntry, parseIndexDocument, readEntry, urlKey, verifyEntry } from '../../software/entry.ts';
import type { Config } from '../../target/slapos-config.ts';
import { parseOsRelease } from '../../target/system.ts';
import { practiceReleaseUrl } from '../debian.ts';
import type { Call, CronWork, Outcome } from '../machine.ts';
import { fileText } from '../reading.ts';
import { systemOfState } from '../simulated-site.ts';
import { aFolder, type FileNode, type Patch, textFile } from '../state.ts';
import { computerOf } from './node.ts';
import { configOf, log, notConfigured } from './slapos-common.ts';

const softwareRoot = '/opt/slapgrid';
const softwareLog = '/opt/slapos/log/slapos-node-software.log';

/** As python-distro reads the machine's os-release, with the compiler's triplet. */
function targetSystem({ state, faults }: Call): TargetSystem {
  const { id, version, codename } = parseOsRelease(fileText(state, '/etc/os-release', faults) ?? '');
  return { multiarch: systemOfState(state).multiarch, distribution: [id, version, codename] };
}

interface Cache {
  readonly config: Config;
  readonly certificates: readonly string[];
  /** The document of a release, by the md5 of its address. */
  readonly index: (key: string) => Promise<string | null>;
  /** An archive, by its sha512. */
  readonly archive: (key: string) => Promise<AsyncIterable<Uint8Array> | null>;
}

function cacheOf(call: Call): Cache | null {
  const config = configOf(call.state);
  if (config === null) return null;
  const list = config.get('networkcache', 'signature-certificate-list') ?? '';
  const certificates = [...list.matchAll(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g)].map(
    ([pem]) => pem,
  );
  const place = (option: string, key: string): readonly [port: number, path: string] | null => {
    const base = new URL(config.get('networkcache', option) ?? 'http://127.0.0.1:1');
    // The machine is on no network: only its own loopback answers.
    if (base.hostname !== '127.0.0.1') return null;
    return [Number(base.port), `${base.pathname.replace(/\/+$/, '')}/${key}`];
  };
  return {
    config,
    certificates,
    index: async (key) => {
      const at = place('download-binary-dir-url', key);
      const answer = at === null ? null : await call.get(...at);
      return answer?.status === 200 ? answer.body.toString('utf8') : null;
    },
    archive: async (key) => {
      const at = place('download-binary-cache-url', key);
      return at === null ? null : call.open(...at);
    },
  };
}

export async function cacheLookup(call: Call): Promise<Outcome> {
  const cache = cacheOf(call);
  if (cache === null) return notConfigured(call);
  const asked = call.argv[3] ?? '';
  const url = call.faults.has('cache-url-off-by-one')
    ? asked.replace(/\d(?=\/software\/)/, (digit) => `${digit}0`)
    : asked;
  const document = await cache.index(urlKey(url));
  if (document === null)
    return { exit: 1, err: log(call, 'CRITICAL', `Software release not found in binary cache: ${url}`) };
  const system = targetSystem(call);
  const lines = [
    `Software URL: ${url}`,
    `MD5:          ${urlKey(url)}`,
    '    multiarch     distribution version    id    compatible? verified?',
  ];
  for (const signed of parseIndexDocument(document, url)) {
    const { multiarch, distribution } = readEntry(signed.entry, url).system;
    const [id = '?', version = '?', codename = ''] = distribution ?? [];
    const compatible = osMatches({ multiarch, distribution }, system) ? 'yes' : 'no';
    const verified = verifyEntry(signed, cache.certificates) === null ? 'no' : 'yes';
    lines.push(` ${multiarch}    ${id}       ${version}   ${codename}     ${compatible}        ${verified}`);
  }
  return { exit: 0, err: lines.map((line) => log(call, 'INFO', line)).join(''), lastsMs: 800 };
}

// ---------------------------------------------------------------- cron

/** `slapos node software`, as cron starts it: every release that was asked for and is not installed. */
export async function cronPass(call: Call): Promise<CronWork | null> {
  const { state } = call;
  const folder = folderOf(practiceReleaseUrl);
  const met = [folder, `${folder}.set-aside`].some((path) => state.files[path] !== undefined);
  if (call.faults.has('software-folder-poisoned') && !met) {
    const files = { [softwareRoot]: state.files[softwareRoot] ?? aFolder(), [folder]: aFolder() };
    return { patch: { files }, unpacking: null };
  }
  const open = state.supplied.find(({ url }) => state.files[`${folderOf(url)}/.completed`] === undefined);
  const cache = cacheOf(call);
  // Not pointed at our cache it would compile: the unit that follows the work does so.
  if (!(cache?.config.get('networkcache', 'download-binary-dir-url') ?? '').includes('//127.0.0.1:')) return null;
  if (
    state.packages['slapos-node'] === undefined ||
    (state.proxySinceMs === null && computerOf(state) === null) ||
    open === undefined ||
    cache === null
  )
    return null;
  return installRelease(call, cache, open.url);
}

const folderOf = (url: string): string => `${softwareRoot}/${urlKey(url)}`;

/** Renames an unfinished release. */
export function putAside({ argv, state }: Call): Outcome {
  const folder = argv[4] ?? '';
  if (state.files[`${folder}/.completed`] !== undefined) return { exit: 0 };
  const moved = Object.entries(state.files).filter(([path]) => path === folder || path.startsWith(`${folder}/`));
  const files = moved.flatMap(([path, node]) => [
    [path, null] as const,
    [path.replace(folder, `${folder}.set-aside`), node] as const,
  ]);
  return { exit: 0, patch: { files: Object.fromEntries(files) } };
}

async function installRelease(call: Call, cache: Cache, url: string): Promise<CronWork> {
  const { state } = call;
  const written = fileText(state, softwareLog) ?? '';
  const logged = (...lines: string[]): Patch => ({
    files: { [softwareLog]: textFile(`${written}${lines.map((line) => log(call, 'INFO', line)).join('')}`, 0o600) },
  });
  const begin = 'Processing software releases...';
  const failed = (why: string): CronWork => ({
    patch: logged(begin, `Downloading ${url} binary from network cache.`, why, 'Finished software releases.'),
    unpacking: null,
  });
  const forced = `Binary cache forced for '${url}', but`;
  if (state.files[folderOf(url)] !== undefined)
    return failed(`${forced} directory ${folderOf(url)} already exists, will retry again`);
  const document = await cache.index(urlKey(url));
  if (document === null) return failed(`${forced} failed to download, will retry again`);
  try {
    const entries = parseIndexDocument(document, url);
    const { fields } = chooseEntry(entries, targetSystem(call), cache.certificates, url);
    const archive = await cache.archive(fields.sha512);
    if (archive === null) return failed(`${forced} failed to download, will retry again`);
    const { sha512, entries: unpacking } = await readArchive(archive, folderOf(url));
    if (sha512 !== fields.sha512) return failed(`Failed to download from network cache ${url}: invalid checksum.`);
    const files = await unpacking;
    const completed = textFile(`${new Date(call.nowMs).toUTCString()}\n`, 0o644);
    const begun = logged(
      begin,
      `Downloading ${url} binary from network cache.`,
      'Extracting archive of cached software release...',
    );
    const before = fileText(
      { ...state, files: { ...state.files, ...(begun.files as typeof state.files) } },
      softwareLog,
    );
    const ended: Record<string, FileNode> = {
      [softwareLog]: textFile(`${before}${log(call, 'INFO', 'Finished software releases.')}`, 0o600),
    };
    // slapgrid marks the folder of the address it was asked for; an archive with another top folder leaves none.
    const top = files[folderOf(url)] === undefined ? {} : { [`${folderOf(url)}/.completed`]: completed };
    return { patch: begun, unpacking: { url, lastsMs: 5000, patch: { files: { ...files, ...ended, ...top } } } };
  } catch (error) {
    return failed(
      `${forced} failed to download, will retry again (${error instanceof Problem ? error.code : 'unreadable'})`,
    );
  }
}

const keptBytes = 4096;

/**
 * Reads an archive once, whatever its size: its hash, and what lies on top below the software root, as a machine would hold it.
 * Only gzip is looked into; of another packing, which was checked when the archive was taken in, the release's folder is all.
 */
async function readArchive(
  archive: AsyncIterable<Uint8Array>,
  folder: string,
): Promise<{ readonly sha512: string; readonly entries: Promise<Readonly<Record<string, FileNode>>> }> {
  const hash = createHash('sha512');
  let entries: Promise<Readonly<Record<string, FileNode>>> | null = null;
  let gunzip: Gunzip | null = null;
  for await (const chunk of archive) {
    hash.update(chunk);
    if (entries === null) {
      if (chunk[0] === 0x1f && chunk[1] === 0x8b) gunzip = createGunzip();
      entries = gunzip === null ? Promise.resolve({ [folder]: aFolder() }) : topEntries(gunzip);
      // Looked at when the hash is known to be right.
      entries.catch(() => undefined);
    }
    if (gunzip === null || gunzip.destroyed || gunzip.write(chunk)) continue;
    await Promise.race([once(gunzip, 'drain'), once(gunzip, 'close')]);
  }
  gunzip?.end();
  return { sha512: hash.digest('hex'), entries: entries ?? Promise.resolve({}) };
}

/** The archive's entries down to the second level; large contents are left out. */
function topEntries(tar: Readable): Promise<Record<string, FileNode>> {
  return new Promise((resolve, reject) => {
    const files: Record<string, FileNode> = {};
    const reader = extract();
    reader.on('entry', (header, stream, next) => {
      const name = header.name.replace(/\/+$/, '');
      stream.on('end', next);
      if (name.split('/').length > 2) {
        stream.resume();
        return;
      }
      const parts: Buffer[] = [];
      let sizeBytes = 0;
      stream.on('data', (data) => {
        const part = data as Buffer;
        sizeBytes += part.length;
        if (sizeBytes <= keptBytes) parts.push(part);
      });
      stream.on('end', () => {
        const common = { mode: header.mode ?? 0o644, owner: `${header.uname}:${header.gname}` };
        const path = `${softwareRoot}/${name}`;
        if (header.type === 'directory') files[path] = { kind: 'd', text: '', ...common };
        else if (sizeBytes > keptBytes) files[path] = { kind: 'f', text: '', sizeBytes, ...common };
        else files[path] = { kind: 'f', text: Buffer.concat(parts).toString('utf8'), ...common };
      });
    });
    reader.on('finish', () => resolve(files));
    reader.on('error', (error) => {
      tar.unpipe(reader);
      tar.resume();
      reject(error);
    });
    tar.on('error', reject);
    tar.pipe(reader);
  });
}
