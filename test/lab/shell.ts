/**
 * `npm run lab -- shell`: a bare machine to play with, and a vendor repository to prepare a medium from. Runs until Ctrl-C, then
 * takes everything down. Run by tools/lab.mjs with plain Node, not imported by anything.
 */
import { Lab, labUnavailable, masterRelease, startVendorRepository } from './index.ts';

async function run(): Promise<number> {
  const reason = labUnavailable();
  if (reason !== null) {
    console.error(`The lab cannot run here: ${reason}.`);
    return 1;
  }
  const asked = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve());
  });
  const lab = await Lab.open();
  try {
    const vendor = await startVendorRepository();
    const release = await masterRelease();
    const [root, sudo] = await Promise.all([
      lab.bootMachine({ name: 'master' }),
      lab.bootMachine({ name: 'second', login: 'sudo' }),
    ]);
    console.log(`
Two bare Debian 12 machines without a route or a name server:

  master   ssh -i ${lab.keyPath} root@${root.address}
           ${root.addresses.ipv4}  ${root.addresses.ipv6}  interface host0
           host key ${await root.hostKeyFingerprint()}

  second   ssh -i ${lab.keyPath} ${sudo.login.user}@${sudo.address}
           the password, also for sudo, made for this run: ${sudo.login.password}
           ${sudo.addresses.ipv4}  ${sudo.addresses.ipv6}  interface host0
           host key ${await sudo.hostKeyFingerprint()}

To prepare a medium from:

  vendor repository   ${vendor.url}  (Debian_12)
  its key             ${vendor.keyFingerprint}
  release             ${release.url}
  its archive         ${release.archivePath}

Ctrl-C takes everything down.
`);
    await asked;
    console.log('Taking everything down.');
    await vendor.close();
    return 0;
  } finally {
    await lab.close();
  }
}

process.exitCode = await run();
