// The closed list of what can go wrong, and the one error that is thrown.
// Used by every room. A problem carries a code and parameters, never a sentence: texts live in resources/locales
// (`problems.<code>.title|cause|untouched|next`), so that wizard, command line, journal and dossier say the same.
// Never put a secret into a parameter.

/** Process exit codes of the command line twin. Stable: scripts depend on them. */
export const exitCodes = {
  done: 0,
  internal: 1,
  usage: 2,
  input: 3,
  blocked: 4,
  connection: 5,
  target: 6,
  medium: 7,
  trust: 8,
  busy: 9,
  unanswered: 10,
  cancelled: 11,
  network: 12,
} as const;

export type ExitName = keyof typeof exitCodes;

/**
 * How much a problem weighs when it is found by a check.
 * `strict`: cannot be skipped. `skippable`: a person may go on, and the record says so. `warning`: shown only.
 */
export type Severity = 'strict' | 'skippable' | 'warning';

interface Definition {
  readonly severity: Severity;
  /** Trying the same act again can help without anything else changing. */
  readonly retryable: boolean;
  readonly exit: ExitName;
  /** Names of the parameters its texts may use. */
  readonly params: readonly string[];
}

const define = <const P extends readonly string[]>(
  exit: ExitName,
  params: P,
  more: { severity?: Severity; retryable?: boolean } = {},
): Definition & { readonly params: P } => ({
  severity: more.severity ?? 'strict',
  retryable: more.retryable ?? false,
  exit,
  params,
});

/** Every problem the program knows. Keep groups together; the page docs/problems.md is generated from here. */
export const problems = {
  // the program itself
  internal: define('internal', ['detail']),
  'usage-wrong': define('usage', ['detail']),
  cancelled: define('cancelled', ['what'], { retryable: true }),
  'question-unanswered': define('unanswered', ['question'], { retryable: true }),
  'not-confirmed': define('unanswered', ['step'], { retryable: true }),
  'folder-not-writable': define('input', ['path', 'detail']),
  'program-missing': define('input', ['program', 'remedy']),
  'command-failed': define('target', ['command', 'exit', 'machine', 'detail'], { retryable: true }),
  'command-killed': define('target', ['command', 'signal', 'machine', 'detail'], { retryable: true }),
  'command-cut-off': define('target', ['command', 'machine', 'detail'], { retryable: true }),
  'command-timed-out': define('target', ['command', 'machine', 'limit'], { retryable: true }),
  'plan-changed': define('blocked', ['step'], { retryable: true }),
  'step-not-settled': define('blocked', ['step', 'machine'], { retryable: true }),
  'step-before-missing': define('blocked', ['step', 'before']),
  'nothing-to-show': define('blocked', ['step']),
  'undo-impossible': define('blocked', ['step']),
  'undo-others-first': define('blocked', ['step', 'others']),
  'too-many-nodes-failed': define(
    'target',
    ['failed', 'begun', 'names', 'left', 'stopAfterFailed', 'stopAbovePercent'],
    { retryable: true },
  ),
  'leaves-for-network': define('blocked', ['step', 'url']),
  'wait-too-long': define('target', ['awaited', 'limit', 'machine'], { retryable: true }),
  'cache-not-used': define('target', ['machine', 'url'], { retryable: true }),
  'software-install-failed': define('target', ['machine', 'url'], { retryable: true }),
  'file-changed-meanwhile': define('target', ['path', 'machine'], { retryable: true }),

  // the site
  'site-plan-missing': define('input', ['path']),
  'site-plan-invalid': define('input', ['path', 'place', 'fault', 'value', 'other']),
  'machine-list-invalid': define('input', ['path', 'line', 'detail']),
  'nothing-to-export': define('input', ['site']),
  'site-plan-changed': define('input', ['path']),
  'site-name-taken': define('input', ['name', 'path']),
  'site-unknown': define('input', ['name']),
  'site-in-use': define('busy', ['site', 'owner', 'since'], { retryable: true }),
  'run-under-way': define('busy', ['site'], { retryable: true }),
  'site-went-on-elsewhere': define('busy', ['site', 'path', 'owner', 'at']),
  'site-not-on-medium': define('medium', ['path']),
  'site-histories-differ': define('busy', ['site', 'path', 'relation']),
  'journal-damaged': define('input', ['path', 'line']),
  'lock-damaged': define('input', ['path', 'detail']),
  'step-unknown': define('usage', ['step']),
  'ranges-identical': define('input', ['first', 'second', 'range']),
  'ranges-overlap': define('input', ['first', 'second'], { severity: 'warning' }),

  // secrets and keys
  'passphrase-wrong': define('input', [], { retryable: true }),
  'vault-damaged': define('input', ['path']),
  'vault-in-use': define('busy', ['path', 'owner'], { retryable: true }),
  'key-missing': define('trust', ['key']),
  'keys-file-unfit': define('input', ['path', 'detail']),
  'keys-of-another-site': define('trust', ['path', 'site', 'expected', 'found']),
  'backup-missing': define('input', ['machine', 'number']),
  'backup-damaged': define('trust', ['path']),
  'new-master-unconfigured': define('target', ['machine', 'persons', 'projects'], {
    severity: 'skippable',
    retryable: true,
  }),
  'master-never-backed-up': define('target', ['machine'], { severity: 'warning' }),
  'fingerprint-differs': define('trust', ['what', 'expected', 'found']),

  // the medium
  'medium-not-chosen': define('medium', []),
  'medium-absent': define('medium', ['path'], { retryable: true }),
  'medium-swapped': define('medium', ['path', 'expected', 'found']),
  'medium-read-only': define('medium', ['path']),
  'medium-needs-repair': define('medium', ['path']),
  'medium-repair-failed': define('medium', ['drive', 'detail']),
  'medium-full': define('medium', ['path', 'needed', 'free']),
  'medium-file-size-unknown': define('medium', ['path', 'fileSystem', 'file'], { severity: 'skippable' }),
  'medium-file-too-large': define('medium', ['path', 'fileSystem', 'file', 'size']),
  'medium-slow': define('medium', ['medium', 'writeBytes', 'readBytes', 'gigabyteMs'], { severity: 'warning' }),
  'medium-is-system': define('medium', ['path', 'reason']),
  'medium-is-same': define('medium', ['path']),
  'medium-holds-other': define('medium', ['path', 'file', 'count']),
  'medium-drive-unusable': define('medium', ['drive', 'reason']),
  'medium-write-failed': define('medium', ['file', 'detail'], { retryable: true }),
  'medium-file-damaged': define('medium', ['file', 'offset']),
  'medium-file-missing': define('medium', ['file']),
  'medium-file-unlisted': define('medium', ['file'], { severity: 'warning' }),
  'generation-unknown': define('medium', ['path', 'generation', 'kept']),
  'room-short': define('medium', ['path', 'needed', 'free', 'drop']),
  'medium-unsealed': define('medium', ['path']),
  'medium-manifest-invalid': define('trust', ['path', 'detail']),
  'medium-rolled-back': define('trust', ['path', 'was', 'now']),
  'medium-unmount-failed': define('medium', ['path', 'detail'], { retryable: true }),
  'medium-incomplete': define('medium', ['count', 'first']),
  'medium-mount-failed': define('medium', ['drive', 'detail'], { retryable: true }),
  'medium-name-unfit': define('medium', ['file', 'fileSystem']),
  'copy-source-differs': define('trust', ['file', 'expected', 'found']),
  'format-drive-changed': define('medium', ['drive']),
  'format-name-differs': define('medium', ['name', 'typed']),
  'format-label-unfit': define('medium', ['label']),
  'format-failed': define('medium', ['drive', 'detail'], { retryable: true }),
  'drives-unreadable': define('medium', ['detail'], { retryable: true }),
  'laptop-full': define('input', ['path', 'needed', 'free']),

  // the network at the office
  'authority-unusable': define('input', ['path', 'detail']),
  'proxy-login-refused': define('network', ['url'], { retryable: true }),
  'proxy-script-unreachable': define('network', ['script', 'detail'], { retryable: true }),
  'proxy-script-failed': define('network', ['script', 'url', 'detail'], { retryable: true }),
  'proxy-kind-unusable': define('network', ['script', 'url', 'answer'], { retryable: true }),
  'download-failed': define('network', ['url', 'detail'], { retryable: true }),
  'download-stalled': define('network', ['url', 'seconds'], { retryable: true }),
  'source-silent': define('network', ['url', 'seconds'], { retryable: true }),
  'download-wrong-hash': define('trust', ['url', 'expected', 'found']),
  'download-wrong-size': define('trust', ['url', 'expected', 'found']),

  // the record of a site
  'record-missing': define('input', ['path']),
  'record-damaged': define('trust', ['path', 'file']),
  'record-newer': define('input', ['path', 'found', 'known']),
  'machine-behind-medium': define('blocked', ['machine', 'count', 'first', 'step'], { severity: 'warning' }),
  'site-differs': define('blocked', ['number', 'count', 'first'], { severity: 'skippable', retryable: true }),

  // packages
  'release-unsigned': define('trust', ['url']),
  'release-signature-bad': define('trust', ['url', 'detail']),
  'release-key-unknown': define('trust', ['url', 'key']),
  'release-expired': define('trust', ['url', 'until']),
  'signer-changed': define('trust', ['what', 'was', 'now'], { retryable: true }),
  'release-rolled-back': define('trust', ['url', 'was', 'now']),
  'index-tampered': define('trust', ['file', 'expected', 'found']),
  'index-malformed': define('trust', ['file', 'detail']),
  'deb-tampered': define('trust', ['file', 'expected', 'found']),
  'deb-malformed': define('input', ['file', 'detail']),
  'package-not-found': define('input', ['package', 'version', 'system']),
  'survey-unusable': define('input', ['machine', 'path', 'detail']),
  'package-unsolvable': define('input', ['package', 'detail', 'system']),
  'package-conflict': define('input', ['package', 'with', 'system']),
  'archive-key-missing': define('trust', ['name']),

  // software releases
  'entry-malformed': define('trust', ['url', 'detail']),
  'entry-signature-bad': define('trust', ['url']),
  'entry-not-for-target': define('input', ['url', 'wanted', 'found']),
  'entry-of-another-release': define('trust', ['url', 'found']),
  'release-not-in-cache': define('input', ['url', 'address']),
  'cache-certificate-unnamed': define('trust', []),
  'cache-certificate-unusable': define('trust', ['name', 'detail']),
  'release-archive-missing': define('input', ['release', 'path']),
  'release-archive-malformed': define('input', ['path', 'detail']),
  'release-archive-wrong-folder': define('input', ['path', 'expected', 'found']),
  'release-archive-shared-parts': define('input', ['path']),
  'release-archive-unsafe-name': define('input', ['path', 'name']),
  'release-archive-owner-not-name': define('input', ['path', 'name', 'owner']),
  'release-archive-incomplete': define('input', ['path', 'missing']),
  'release-archive-special-file': define('input', ['path', 'name', 'kind']),

  // the connection
  'host-unreachable': define('connection', ['machine', 'address', 'detail'], { retryable: true }),
  'host-name-unknown': define('connection', ['machine', 'address']),
  'host-key-unknown': define('connection', ['machine', 'fingerprint']),
  'host-key-changed': define('connection', ['machine', 'expected', 'found', 'since']),
  'login-refused': define('connection', ['machine', 'user'], { retryable: true }),
  'handshake-failed': define('connection', ['machine', 'detail']),
  'private-key-locked': define('connection', ['path']),
  'private-key-passphrase-wrong': define('connection', ['path']),
  'private-key-unreadable': define('connection', ['path', 'detail']),
  'connection-lost': define('connection', ['machine', 'detail'], { retryable: true }),
  'sudo-missing': define('target', ['machine', 'user']),
  'sudo-refused': define('target', ['machine', 'user'], { retryable: true }),
  'forwarding-forbidden': define('target', ['machine']),
  'forward-port-taken': define('target', ['machine', 'port', 'holder']),
  'medium-not-plugged': define('medium', ['machine', 'volumes'], { retryable: true }),
  'content-unreachable': define('target', ['machine', 'url'], { retryable: true }),
  'content-copy-unreachable': define('target', ['machine', 'url', 'holder'], { retryable: true }),
  'upload-differs': define('target', ['machine', 'path'], { retryable: true }),

  // the target machine
  'target-other-system': define('target', ['machine', 'expected', 'found']),
  'target-other-architecture': define('target', ['machine', 'expected', 'found']),
  'target-not-systemd': define('target', ['machine']),
  'laptop-clock-behind': define('target', ['behindMs', 'least'], { severity: 'skippable' }),
  'target-clock-off': define('target', ['machine', 'awayMs'], { severity: 'skippable' }),
  'facts-unreadable': define('target', ['machine', 'detail'], { retryable: true }),
  'target-kernel-old': define('target', ['machine', 'kernel', 'oldest'], { severity: 'skippable' }),
  'target-in-container': define('target', ['machine', 'kind'], { severity: 'warning' }),
  'target-memory-small': define('target', ['machine', 'free', 'needed'], { severity: 'skippable' }),
  'target-reboot-required': define('target', ['machine'], { severity: 'warning' }),
  'target-selinux-enforcing': define('target', ['machine'], { severity: 'skippable' }),
  'target-umask-strict': define('target', ['machine', 'umask'], { severity: 'skippable' }),
  'target-disk-small': define('target', ['machine', 'path', 'folders', 'needed', 'free']),
  'target-disk-full': define('target', ['machine', 'command', 'detail'], { retryable: true }),
  'target-inodes-few': define('target', ['machine', 'path', 'count', 'wanted'], { severity: 'skippable' }),
  'target-read-only': define('target', ['machine', 'path']),
  'target-no-exec': define('target', ['machine', 'path']),
  'target-tmp-no-exec': define('target', ['machine'], { severity: 'warning' }),
  'target-file-system-unfit': define('target', ['machine', 'path', 'fileSystem']),
  'target-disk-errors': define('target', ['machine', 'detail'], { severity: 'skippable' }),
  'target-apt-busy': define('target', ['machine', 'holder'], { severity: 'skippable', retryable: true }),
  'target-upgrades-automatic': define('target', ['machine'], { severity: 'warning' }),
  'target-packages-held': define('target', ['machine', 'count', 'first'], { severity: 'skippable' }),
  'target-packages-newer': define('target', ['machine', 'count', 'first', 'installed', 'carried'], {
    severity: 'skippable',
  }),
  'target-sources-foreign': define('target', ['machine', 'hosts'], { severity: 'warning' }),
  'target-cron-stopped': define('target', ['machine']),
  'target-firewalld': define('target', ['machine']),
  'target-apt-broken': define('target', ['machine', 'detail']),
  'target-interface-missing': define('target', ['machine', 'interface', 'present']),
  'target-interface-down': define('target', ['machine', 'interface'], { retryable: true }),
  'target-addresses-fleeting': define('target', ['machine', 'interface', 'addresses'], { severity: 'skippable' }),
  'target-prefix-long': define('target', ['machine', 'interface', 'length']),
  'target-address-lent': define('target', ['machine', 'interface', 'address'], { severity: 'warning' }),
  'target-address-duplicate': define('target', ['machine', 'interface', 'address']),
  'target-network-overlaps': define('target', ['machine', 'network', 'interface', 'address'], {
    severity: 'skippable',
  }),
  'target-route-black-hole': define('target', ['machine', 'route'], { severity: 'skippable' }),
  'target-localhost-unknown': define('target', ['machine']),
  'target-own-name-unknown': define('target', ['machine'], { severity: 'warning' }),
  'target-proxy-set': define('target', ['machine', 'setting'], { severity: 'skippable' }),
  'target-firewall-active': define('target', ['machine', 'firewall'], { severity: 'skippable' }),
  'target-port-taken': define('target', ['machine', 'port', 'holder']),
  'target-frontend-port-taken': define('target', ['machine', 'protocol', 'port', 'holder'], { severity: 'skippable' }),
  'target-web-port-taken': define('target', ['machine', 'holder'], { severity: 'skippable' }),
  'target-sessions-few': define('target', ['machine', 'count', 'wanted']),
  'target-slapos-foreign': define('target', ['machine']),
  'target-slapos-other-version': define('target', ['machine', 'installed', 'carried'], { severity: 'skippable' }),
  'target-slapproxy-left': define('target', ['machine'], { severity: 'skippable' }),
  'target-users-left': define('target', ['machine', 'count'], { severity: 'warning' }),
  'target-tunnel-missing': define('target', ['machine'], { severity: 'skippable' }),
  'target-ipv6-disabled': define('target', ['machine', 'interface']),
  'target-addresses-unmanaged': define('target', ['machine', 'interface']),
  'target-no-ipv4': define('target', ['machine', 'interface']),
  'frontend-certificate-unusable': define('input', ['path', 'detail']),
  'frontend-certificate-key': define('input', ['certificate', 'key']),
  'frontend-certificate-domain': define('input', ['path', 'domain', 'names']),
  'frontend-certificate-dates': define('input', ['path', 'from', 'until', 'now'], { retryable: true }),
  'frontend-certificate-clock': define('input', ['machine', 'path', 'from', 'until', 'now'], { retryable: true }),
  'frontend-certificate-not-ready': define(
    'input',
    ['fault', 'path', 'detail', 'certificate', 'key', 'domain', 'names', 'from', 'until', 'now'],
    { severity: 'skippable', retryable: true },
  ),
  'frontend-certificate-ends': define('input', ['until', 'days'], { severity: 'warning' }),
  'frontend-not-listening': define('target', ['machine', 'port'], { retryable: true }),
  'resolver-unmanaged': define('target', ['machine', 'detail']),
  'frontend-name-elsewhere': define('target', ['machine', 'name', 'found', 'wanted'], {
    severity: 'warning',
    retryable: true,
  }),
  'name-resolves-elsewhere': define('target', ['machine', 'name', 'dns', 'found', 'wanted'], { retryable: true }),
  'target-name-lookup-slow': define('target', ['machine', 'seconds'], { severity: 'skippable' }),
  'target-already-configured': define('target', ['machine', 'detail']),
  'machine-held': define('busy', ['machine', 'owner', 'program', 'since', 'silentMs'], { retryable: true }),
  'machine-taken': define('busy', ['machine', 'owner', 'program', 'since', 'silentMs']),
  'guard-undone': define('target', ['machine', 'seconds'], { retryable: true }),

  // slapos
  'slapos-not-configured': define('target', ['machine']),
  'slapos-config-malformed': define('target', ['machine', 'path', 'detail']),
  'slapos-config-duplicate-section': define('target', ['machine', 'path', 'section', 'first', 'second']),
  'slapos-proxy-silent': define('target', ['machine'], { retryable: true }),
  'partitions-below-master': define('target', ['machine', 'count', 'wanted'], { severity: 'warning' }),
  'partitions-too-few': define('target', ['machine', 'expected', 'found'], { retryable: true }),
  'release-other-address': define('target', ['machine', 'url', 'held', 'asked', 'carried'], { retryable: true }),
  'cache-entry-unusable': define('target', ['machine', 'url', 'detail']),
  'software-folder-poisoned': define('target', ['machine', 'path'], { severity: 'warning' }),
  'master-unpublished': define('target', ['machine'], { retryable: true }),
  'master-unreachable': define('target', ['machine', 'url'], { retryable: true }),
  'token-missing': define('unanswered', ['machine', 'step']),
  'master-cannot-sign': define('target', ['machine', 'url'], { retryable: true }),
  'token-refused': define('input', ['machine'], { retryable: true }),
  'node-name-taken': define('input', ['machine', 'name'], { retryable: true }),
  'node-not-registered': define('target', ['machine']),
  'node-certificate-unfit': define('target', ['machine']),
  'node-holds-parts': define('target', ['machine', 'names']),
  'node-holds-foreign': define('target', ['machine', 'computer', 'names']),
  'leaving-cannot-ask': define('target', ['machine', 'detail'], { retryable: true }),
  'node-not-emptied': define('target', ['machine'], { retryable: true }),
  'machine-unknown': define('usage', ['machine', 'known']),
  'machine-in-use': define('input', ['machine', 'computer']),
  'client-user-missing': define('target', ['machine', 'user']),
  'client-files-left': define('target', ['machine', 'user', 'path']),
  'client-not-configured': define('target', ['machine', 'user']),
  'account-certificate-active': define('input', ['machine'], { retryable: true }),
  'node-cannot-ask': define('target', ['machine', 'detail'], { retryable: true }),
  'service-refused': define('target', ['machine', 'name']),
  'service-unanswered': define('target', ['machine', 'name'], { retryable: true }),
  'software-folder-in-the-way': define('target', ['machine', 'path']),
  're6st-tunnels-impossible': define('target', ['machine']),
  're6st-registry-silent': define('target', ['machine'], { retryable: true }),
  're6st-registry-unreachable': define('target', ['machine', 'url'], { retryable: true }),
  're6st-network-differs': define('target', ['machine', 'wanted', 'found']),
  're6st-token-refused': define('input', ['machine'], { retryable: true }),
  're6st-old-address-left': define('target', ['machine', 'path', 'count'], { severity: 'warning' }),
  'promises-failing': define('target', ['machine', 'count', 'first'], { severity: 'skippable', retryable: true }),
} as const satisfies Record<string, Definition>;

export type ProblemCode = keyof typeof problems;
export type ParamsOf<C extends ProblemCode> = Readonly<Record<(typeof problems)[C]['params'][number], string | number>>;
export type Params = Readonly<Record<string, string | number>>;

/** A problem as data: what crosses to the window, the journal and the report. */
export interface ProblemData {
  readonly code: ProblemCode;
  readonly params: Params;
  readonly severity: Severity;
  readonly retryable: boolean;
  /** Redacted technical detail for the evidence fold (a log tail, a stack); empty when there is none. */
  readonly evidence: string;
}

/** The one error thrown on purpose. Anything else that is thrown is a fault of the program (`internal`). */
export class Problem extends Error {
  readonly data: ProblemData;
  constructor(data: ProblemData, cause?: unknown) {
    super(`${data.code} ${JSON.stringify(data.params)}`, cause === undefined ? undefined : { cause });
    this.name = 'Problem';
    this.data = data;
  }
  get code(): ProblemCode {
    return this.data.code;
  }
}

/** Makes a problem; the parameters are checked against the catalogue by the compiler. */
export function problem<C extends ProblemCode>(
  code: C,
  params: ParamsOf<C>,
  more: { evidence?: string; cause?: unknown } = {},
): Problem {
  const { severity, retryable } = problems[code];
  return new Problem(
    { code, params: params as Params, severity, retryable, evidence: more.evidence ?? '' },
    more.cause,
  );
}

/** The error again, from data that crossed a line. */
export const problemFrom = (data: ProblemData): Problem => new Problem(data);

/** Any thrown thing as problem data; what is not a Problem becomes `internal` with its stack as evidence. */
export function toProblemData(thrown: unknown): ProblemData {
  if (thrown instanceof Problem) return thrown.data;
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const { severity, retryable } = problems.internal;
  return { code: 'internal', params: { detail: error.message }, severity, retryable, evidence: error.stack ?? '' };
}

/** Exit code of the command line for a problem. */
export const exitCodeOf = (code: ProblemCode): number => exitCodes[problems[code].exit];
