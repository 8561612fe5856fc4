// @ts-check
/**
 * What single test stages need beyond the packages: a display, a Chromium, the programs of the lab. Brought with apt
 * when we are root. Called by tools/test.mjs and tools/lab.mjs. Each answers `missing` with one line when it cannot.
 */
import { existsSync, readFileSync } from 'node:fs';
import { ask, findProgram, isRoot, packageCommand, run, say } from './process.mjs';
import { toolNode } from './setup.mjs';
import { ensureSystemPackages } from './system.mjs';

/** The programs test/lab and test/integration call on the host. */
const labPackages = [
  'apt-utils',
  'debootstrap',
  'dnsmasq-base',
  'dpkg-dev',
  'gnupg',
  'gpgv',
  'iproute2',
  'iptables',
  'nftables',
  'openssh-client',
  'openssh-server',
  'python3-venv',
  'qemu-system-x86',
  'qemu-utils',
  'strace',
  'systemd-container',
  'xz-utils',
];

/** What the integration stage uses when it is there; its tests skip with a reason when it is not. */
const integrationPackages = [
  'apt-utils',
  'dpkg-dev',
  'gnupg',
  'gpgv',
  'openssh-client',
  'openssh-server',
  'openssl',
  'sudo',
  'xz-utils',
];

/**
 * The system's Chromium, else the one Playwright can download.
 * @returns {Promise<{ executable: string } | { missing: string }>}
 */
export async function ensureChromium() {
  const found = findChromium();
  if (found) return { executable: found };
  if (ask('apt-cache', ['policy', 'chromium'])?.match(/Candidate: \d/) || isFreshDebian()) {
    const problem = await ensureSystemPackages('the ui stage needs Chromium', ['chromium', 'fonts-dejavu-core']);
    const installed = findChromium();
    if (installed) return { executable: installed };
    if (problem) return { missing: problem };
  }
  say('ui', 'this system packages no Chromium; asking Playwright for one');
  const result = await run(toolNode(), [packageCommand('@playwright/test', 'playwright'), 'install', 'chromium'], {
    timeoutMs: 300_000,
  });
  const { chromium } = await import('@playwright/test');
  if (result.code === 0 && existsSync(chromium.executablePath())) return { executable: chromium.executablePath() };
  return { missing: 'no Chromium here: install chromium or google-chrome' };
}

function findChromium() {
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
  return names.map(findProgram).find((file) => file && !isSnapLauncher(file));
}

/** Ubuntu's chromium-browser is a script that only installs a snap. @param {string} file */
function isSnapLauncher(file) {
  const start = readFileSync(file).subarray(0, 4096).toString('latin1');
  return start.startsWith('#!') && start.includes('snap');
}

/** A Debian whose package lists were never fetched knows no candidate yet. */
function isFreshDebian() {
  return existsSync('/etc/os-release') && /^ID=debian$/m.test(readFileSync('/etc/os-release', 'utf8'));
}

/**
 * A screen for Electron: one of our own (Xvfb), so that no window of a test lands on the person's desktop.
 * @returns {Promise<{ prefix: readonly string[] } | { missing: string }>} what to put before a command
 */
export async function ensureScreen() {
  if (process.platform !== 'linux') return { prefix: [] };
  if (!findProgram('xvfb-run') || !findProgram('Xvfb') || !findProgram('xauth')) {
    const problem = await ensureSystemPackages('the e2e stage needs a virtual screen', ['xvfb', 'xauth']);
    if (problem) return process.env.DISPLAY ? { prefix: [] } : { missing: problem };
  }
  return { prefix: ['xvfb-run', '--auto-servernum', '--server-args=-screen 0 1600x1200x24'] };
}

/** @returns {Promise<{ missing?: string | undefined }>} */
export async function ensureLabHost() {
  if (process.platform !== 'linux')
    return { missing: 'the lab boots machines with systemd-nspawn, which only Linux has' };
  if (!isRoot) return { missing: 'the lab boots machines with systemd-nspawn: run it as root' };
  if (!findProgram('apt-get'))
    return { missing: 'the lab builds Debian machines from the apt sources of its host: run it on Debian' };
  return { missing: await ensureSystemPackages('the lab', labPackages) };
}

/** As root the programs the integration tests talk to are brought; else those tests skip and say what they lack. */
export async function ensureIntegrationHost() {
  if (isRoot && findProgram('apt-get')) {
    const problem = await ensureSystemPackages('the integration stage', integrationPackages);
    if (problem) say('system', problem);
  }
}
