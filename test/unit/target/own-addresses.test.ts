/** The shell text that finds a machine's own addresses, run by sh over what iproute2 prints. */
import { execFileSync } from 'node:child_process';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ownAddressesText } from '../../../src-main/target/own-addresses.ts';
import { scratch } from '../medium/scratch.ts';

const left = '\\       valid_lft 86183sec preferred_lft 14183sec';
const printed = {
  ip6: `2: eth0    inet6 fd5a:77:0:1:5054:ff:fe12:3456/64 scope global dynamic mngtmpaddr noprefixroute ${left}
2: eth0    inet6 fd5a:77:0:1:b1c3:77aa:1:2/64 scope global temporary dynamic ${left}
2: eth0    inet6 fd5a:77:0:1:9999:77aa:1:2/64 scope global temporary deprecated dynamic ${left}
2: eth0    inet6 fd5a:66::12/64 scope global deprecated dynamic mngtmpaddr ${left}
2: eth0    inet6 fd5a:77:0:1::9/64 scope global tentative ${left}
2: eth0    inet6 fd5a:77:0:1::8/64 scope global dadfailed tentative ${left}
2: eth0    inet6 fd5a:77:0:1::200/128 scope global ${left}
2: eth0    inet6 fd5a:77:0:1::11/64 metric 256 scope global ${left}
`,
  ip: `2: eth0    inet 192.168.32.11/24 brd 192.168.32.255 scope global dynamic eth0${left}
2: eth0    inet 10.0.3.4/32 scope global eth0${left}
2: eth0    inet 10.0.0.7/16 brd 10.0.255.255 scope global secondary eth0${left}
`,
};

it.each([
  ['ip6', ['fd5a:77:0:1:5054:ff:fe12:3456', 'fd5a:77:0:1::11']],
  ['ip', ['10.0.0.7', '192.168.32.11']],
] as const)('are those of %s that stay, in one order', async (family, own) => {
  const folder = await scratch();
  const lines = printed[family];
  for (const shown of [lines, lines.trimEnd().split('\n').reverse().join('\n')]) {
    await writeFile(join(folder, 'shown'), `${shown.trimEnd()}\n`);
    await writeFile(
      join(folder, 'ip'),
      `#!/bin/sh\n[ "$*" = "-${family === 'ip' ? 4 : 6} -o addr show dev eth0 scope global" ] && cat '${folder}/shown'\n`,
    );
    await chmod(join(folder, 'ip'), 0o755);
    const env = { ...process.env, PATH: `${folder}:${process.env.PATH}` };
    const out = execFileSync('sh', ['-c', `set -eu\n${ownAddressesText('eth0', family)}`], { env, encoding: 'utf8' });
    expect(out.trim().split('\n')).toEqual(own);
  }
});
