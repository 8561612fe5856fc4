// The practice distribution: a few dozen packages with the names, versions and dependencies that slapos-node meets on a real
// Debian 12, holding next to nothing. A table, read by the writer of the practice archives and by the simulated machine. Pure.

export interface PracticePackage {
  readonly name: string;
  readonly version: string;
  /** `required` also means essential here. */
  readonly priority: 'required' | 'important' | 'optional';
  readonly depends: string;
  readonly provides?: string;
  readonly architecture?: 'all';
  /** Size of the made-up content. */
  readonly kilobytes: number;
}

const of = (
  name: string,
  version: string,
  depends: string,
  kilobytes: number,
  more: Partial<PracticePackage> = {},
): PracticePackage => ({ name, version, depends, kilobytes, priority: 'optional', ...more });

const required = { priority: 'required' } as const;
const important = { priority: 'important' } as const;
const forAll = { architecture: 'all' } as const;

/** What a bare machine has: the base, and what makes it answer SSH. */
export const basePackages: readonly PracticePackage[] = [
  of('base-files', '12.4+deb12u12', 'awk', 12, required),
  of('bash', '5.2.15-2+b8', 'base-files (>= 2.1.12), libc6 (>= 2.36)', 40, required),
  of('coreutils', '9.1-1', 'libc6 (>= 2.34)', 60, required),
  of('dash', '0.5.12-2', 'libc6 (>= 2.36)', 10, required),
  of('debconf', '1.5.82', '', 20, { ...required, ...forAll }),
  of('dpkg', '1.21.22', 'libc6 (>= 2.34), tar (>= 1.28-1)', 60, required),
  of('libc6', '2.36-9+deb12u13', 'libgcc-s1', 80, required),
  of('libgcc-s1', '12.2.0-14+deb12u1', 'gcc-12-base (= 12.2.0-14+deb12u1)', 10, required),
  of('gcc-12-base', '12.2.0-14+deb12u1', '', 10, required),
  of('mawk', '1.3.4.20200120-3.1', 'libc6 (>= 2.29)', 10, { ...required, provides: 'awk' }),
  of('perl-base', '5.36.0-7+deb12u3', 'libc6 (>= 2.36), dpkg (>= 1.17.17)', 60, required),
  of('tar', '1.34+dfsg-1.2+deb12u1', 'libc6 (>= 2.34)', 20, required),
  of('util-linux', '2.38.1-5+deb12u3', 'libc6 (>= 2.34)', 40, required),
  of('apt', '2.6.1', 'libc6 (>= 2.34), debconf', 40, important),
  of('iproute2', '6.1.0-3', 'libc6 (>= 2.34), debconf (>= 0.5)', 30, important),
  of('systemd', '252.39-1~deb12u1', 'libc6 (>= 2.36), util-linux (>= 2.27.1)', 80, important),
];

const compiler = '12.2.0-14+deb12u1';
const python = '3.11.2-6+deb12u6';

/** What slapos-node brings along on a bare machine. */
const carriedPackages: readonly PracticePackage[] = [
  of('acl', '2.3.1-3', 'libc6 (>= 2.34)', 16),
  of('binutils', '2.40-2', 'libc6 (>= 2.36)', 160),
  of('ca-certificates', '20230311+deb12u1', 'openssl (>= 1.1.1), debconf (>= 0.5)', 60, forAll),
  of('cpp', '4:12.2.0-3', 'cpp-12 (>= 12.2.0-1~)', 8),
  of('cpp-12', compiler, `gcc-12-base (= ${compiler}), libc6 (>= 2.36)`, 300),
  of('cron', '3.0pl1-162', 'cron-daemon-common, libc6 (>= 2.36)', 24, { provides: 'cron-daemon' }),
  of('cron-daemon-common', '3.0pl1-162', '', 8, forAll),
  of('g++', '4:12.2.0-3', 'gcc (= 4:12.2.0-3), g++-12 (>= 12.2.0-1~)', 8, { provides: 'c++-compiler' }),
  of('g++-12', compiler, `gcc-12 (= ${compiler}), libstdc++-12-dev (= ${compiler})`, 320),
  of('gcc', '4:12.2.0-3', 'cpp (= 4:12.2.0-3), gcc-12 (>= 12.2.0-1~)', 8, { provides: 'c-compiler' }),
  of('gcc-12', compiler, `cpp-12 (= ${compiler}), binutils (>= 2.40), libgcc-12-dev (= ${compiler})`, 420),
  of('libc6-dev', '2.36-9+deb12u13', 'libc6 (= 2.36-9+deb12u13), linux-libc-dev', 120),
  of('libgcc-12-dev', compiler, `gcc-12-base (= ${compiler})`, 80),
  of('libssl3', '3.0.17-1~deb12u2', 'libc6 (>= 2.34)', 120),
  of('libstdc++-12-dev', compiler, `gcc-12-base (= ${compiler}), libc6-dev (>= 2.13-0ubuntu6)`, 120),
  of('linux-libc-dev', '6.1.148-1', '', 80),
  of('lm-sensors', '1:3.6.0-7.1', 'perl-base, libc6 (>= 2.34)', 20),
  of('make', '4.3-4.1', 'libc6 (>= 2.34)', 40),
  of('nftables', '1.0.6-2+deb12u2', 'libc6 (>= 2.34)', 40),
  of('openssl', '3.0.17-1~deb12u2', 'libc6 (>= 2.34), libssl3 (>= 3.0.17)', 80),
  of('patch', '2.7.6-7', 'libc6 (>= 2.33)', 16),
  of('procps', '2:4.0.2-3', 'libc6 (>= 2.34)', 40),
  of('python3', '3.11.2-1+b1', 'python3.11 (>= 3.11.2-1~)', 10),
  of('python3.11', python, 'libc6 (>= 2.36), libssl3 (>= 3.0.0)', 260),
];

/** Of other software, so that solving has something to leave out. */
const otherPackages: readonly PracticePackage[] = [
  of('firewalld', '1.3.3-1~deb12u1', 'python3', 20, forAll),
  of('gawk', '1:5.2.1-2', 'libc6 (>= 2.36)', 30, { provides: 'awk' }),
  of('nginx-light', '1.22.1-9+deb12u3', 'libc6 (>= 2.36), libssl3', 60),
];

export const distributionPackages: readonly PracticePackage[] = [...basePackages, ...carriedPackages, ...otherPackages];

/** The vendor's repository: two versions, of which the newer is taken. */
export const vendorPackages: readonly PracticePackage[] = ['1.22.0+1.0.494+0-1', '1.22.1+1.0.499+0-1'].map((version) =>
  of(
    'slapos-node',
    version,
    'python3 (>= 3.11), debconf, cron | cron-daemon, gawk | mawk, libc6-dev, gcc, g++, make, patch, iproute2, procps, lm-sensors, util-linux, openssl',
    900,
  ),
);

/** What slapos-node of the practice vendor brings: version of slapos.core and of the Python inside. */
export const practiceSlapos = { core: '1.22.1', python: '3.9.23' } as const;

export const practiceSystem = 'debian-12-amd64';
export const practiceMultiarch = 'x86_64-linux-gnu';
/** The release of the practice site that comes from the simulated software cache. */
export const practiceMirroredUrl = 'https://lab.nexedi.com/nexedi/slapos/raw/1.0.499/software/re6stnet/software.cfg';
/** The release of the practice site that its build machine compiles. */
export const practiceBuiltUrl = 'https://lab.nexedi.com/nexedi/slapos/raw/1.0.499/software/rapid-cdn/software.cfg';
/** The address of the release on the practice site: only a key, never fetched. */
export const practiceReleaseUrl =
  'https://lab.nexedi.com/nexedi/slapos/raw/1.0.499/software/slapos-master/software.cfg';
