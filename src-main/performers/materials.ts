// The bill of materials that lies on the medium: every package and every compiled release, as CycloneDX 1.6 (ECMA-424) in JSON.
// Called where the medium's small files are derived from the lock. Pure: the same lock gives the same bytes, so it has no time of
// its own. Licences are not in it: the archives' indexes do not name them, each package carries its own.
import { createHash } from 'node:crypto';
import type { LockedPackage, SiteLock } from '../../src-shared/lock.ts';
import { systemFacts } from '../../src-shared/site.ts';

interface Component {
  readonly type: 'library' | 'application';
  readonly 'bom-ref': string;
  readonly name: string;
  readonly version?: string;
  readonly purl?: string;
  readonly hashes: readonly { readonly alg: 'SHA-256' | 'SHA-512'; readonly content: string }[];
  readonly externalReferences: readonly {
    readonly type: 'distribution' | 'source-distribution';
    readonly url: string;
  }[];
  readonly properties: readonly { readonly name: string; readonly value: string }[];
}

/** The document's text. */
export function billOfMaterials(lock: SiteLock, site: string): string {
  const packages = Object.entries(lock.systems).flatMap(([system, { packages: debs }]) =>
    debs.map((deb) => packageComponent(system, deb)),
  );
  const components = [...packages, ...releaseComponents(lock)].sort((first, second) =>
    first['bom-ref'] < second['bom-ref'] ? -1 : 1,
  );
  const body = {
    metadata: { component: { type: 'platform', 'bom-ref': 'medium', name: site } },
    components,
    dependencies: [{ ref: 'medium', dependsOn: components.map((item) => item['bom-ref']) }],
  };
  const document = {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: serialOf(JSON.stringify(body)),
    version: 1,
    ...body,
  };
  return `${JSON.stringify(document, null, 1)}\n`;
}

const property = (name: string, value: string) => ({ name: `fieldkit:${name}`, value });

function packageComponent(system: string, deb: LockedPackage): Component {
  const { distribution, release } = systemFacts(system);
  const namespace = deb.source === 'vendor' ? 'slapos' : distribution;
  const arguments_ = new URLSearchParams({ arch: deb.architecture, distro: `${distribution}-${release}` });
  return {
    type: 'library',
    'bom-ref': `${system}/${deb.name}@${deb.version}:${deb.architecture}`,
    name: deb.name,
    version: deb.version,
    purl: `pkg:deb/${namespace}/${encodeURIComponent(deb.name)}@${encodeURIComponent(deb.version)}?${arguments_}`,
    hashes: [{ alg: 'SHA-256', content: deb.sha256 }],
    externalReferences: [{ type: 'distribution', url: addressOf(deb.url) }],
    properties: [
      property('system', system),
      property('path', `debian/${system}/${deb.path}`),
      property('source', deb.source),
    ],
  };
}

const releaseComponents = (lock: SiteLock): readonly Component[] =>
  Object.entries(lock.releases).flatMap(([name, { url, entries }]) =>
    entries.map(({ system, sha512 }): Component => {
      const version = /\/(\d+\.\d+(?:\.\d+)*)\//.exec(url)?.[1];
      return {
        type: 'application',
        'bom-ref': `${system}/${name}`,
        name,
        ...(version === undefined ? {} : { version }),
        hashes: [{ alg: 'SHA-512', content: sha512 }],
        externalReferences: [{ type: 'source-distribution', url: addressOf(url) }],
        properties: [property('system', system), property('path', `bcache/${sha512}`)],
      };
    }),
  );

/** As an address that a strict reader takes too: of what is not in it already, blanks and brackets are written as numbers. */
const addressOf = (url: string): string => (URL.canParse(url) ? new URL(url).href : encodeURI(url));

/** A name-based UUID (RFC 9562, version 8) of the content. */
function serialOf(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  const variant = ((Number.parseInt(hex[16] ?? '0', 16) & 0x3) | 0x8).toString(16);
  return `urn:uuid:${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
