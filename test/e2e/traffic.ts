/**
 * What a user's processes send beyond the loopback, counted by the kernel and stopped there: nothing leaves while it
 * counts. Asking for names counts as well where the resolver lives on this machine. Needs root and nft; the table is its own.
 */
import { spawnSync } from 'node:child_process';
import { whyWithout, whyWithoutRoot } from '../unless.ts';

const table = 'fieldkit_test_traffic';

function nft(script: string): string {
  const { stdout, stderr, status } = spawnSync('nft', ['-j', script], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`nft: ${stderr}`);
  return stdout;
}

interface Watch {
  /** Packets so far. */
  readonly packets: () => number;
  readonly end: () => void;
}

/** Begins to count, or says why it cannot: what is sent on purpose first must be seen, else the count would mean nothing. */
export function watchTraffic(user: number): Watch | string {
  const lacking = whyWithoutRoot('counting the packets of a user') ?? whyWithout('nft');
  if (lacking !== null) return lacking;
  const end = (): void => {
    // Not there is fine: `destroy` is younger than Debian 12.
    spawnSync('nft', ['delete', 'table', 'inet', table]);
  };
  end();
  try {
    nft(`table inet ${table} {
    counter outside { }
    chain out {
      type filter hook output priority 0;
      meta skuid ${user} th dport 53 counter name outside drop
      meta skuid ${user} oifname != "lo" counter name outside drop
    }
  }`);
  } catch (error) {
    return (error as Error).message;
  }
  const packets = (): number => {
    const told = JSON.parse(nft(`list counter inet ${table} outside`)) as {
      readonly nftables: readonly { readonly counter?: { readonly packets: number } }[];
    };
    return told.nftables.find(({ counter }) => counter !== undefined)?.counter?.packets ?? Number.NaN;
  };
  spawnSync('setpriv', [
    `--reuid=${user}`,
    `--regid=${user}`,
    '--clear-groups',
    'bash',
    '-c',
    'echo > /dev/udp/192.0.2.1/9',
  ]);
  if (packets() === 0) {
    end();
    return 'this machine has no way out that could be watched';
  }
  nft(`reset counter inet ${table} outside`);
  return { packets, end };
}
