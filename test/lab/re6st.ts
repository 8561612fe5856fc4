/**
 * What a test does with a re6st network that is no work of the program: giving the registry tokens, as the panel does, and asking
 * whether machines reach each other through the network.
 */
import { expect } from 'vitest';
import type { LabMachine } from './machine.ts';

/** The whole network; each node gets a /64 of it. */
export const re6stNetwork = 'fdbb:eb3c:1b95::/48';

const tokenProgram = `import logging, re, subprocess, sys
logging.trace = logging.debug
from re6st.registry import RegistryClient
listening = subprocess.run(["ss", "-ltnH", "sport = :9026"], stdout=subprocess.PIPE).stdout.decode()
client = RegistryClient("http://[%s]:9026/" % re.search(r"\\[([0-9a-f:]+)\\]:9026", listening).group(1))
for token in sys.argv[1:]:
    client.addToken("lab@example.invalid", token)`;

/** Makes tokens known to the registry that runs on the machine: it takes them from its own addresses and nowhere else. */
export async function addTokens(machine: LabMachine, tokens: readonly string[]): Promise<void> {
  await machine.mustShell(`/opt/re6st/bin/python -c '${tokenProgram}' ${tokens.join(' ')}`);
}

const pingProgram = `import socket, sys
own, other = sys.argv[1:]
with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as line:
    line.settimeout(2)
    line.bind((own, 0))
    # An echo request; the kernel fills in the checksum.
    line.sendto(bytes([128, 0, 0, 0, 70, 75, 0, 1]), (other, 0))
    while True:
        data, sender = line.recvfrom(2048)
        if data[0] == 129 and sender[0] == other:
            break`;

/** Whether an address answers an echo request from another address of the machine. A bare machine has no ping of its own. */
export async function answersPing(machine: LabMachine, own: string, other: string): Promise<boolean> {
  return (await machine.shell(`/opt/re6st/bin/python -c '${pingProgram}' ${own} ${other}`)).code === 0;
}

/** Every machine answers every other one through the network, from its own address there to the other's. */
export async function allReach<Name extends string>(
  machines: Readonly<Record<NoInfer<Name>, LabMachine>>,
  addresses: Readonly<Record<Name, string>>,
): Promise<void> {
  const names = Object.keys(addresses) as Name[];
  const pairs = names.flatMap((from) => names.filter((to) => to !== from).map((to) => ({ from, to })));
  const silent = async () => {
    const answers = await Promise.all(
      pairs.map(({ from, to }) => answersPing(machines[from], addresses[from], addresses[to])),
    );
    return pairs.filter((_pair, index) => !answers[index]).map(({ from, to }) => `${from} ${to}`);
  };
  await expect.poll(silent, { timeout: 300_000, interval: 1000 }).toEqual([]);
}

/** The IPv6 addresses of a machine's partitions, as slapos recorded them. */
export async function partitionAddresses(machine: LabMachine): Promise<readonly string[]> {
  const resources = await machine.mustShell('cat /srv/slapgrid/slappart*/.slapos-resource');
  return [...resources.matchAll(/"addr": "([0-9a-f:]*:[0-9a-f:]*)"/g)].map(([, address = '']) => address);
}
