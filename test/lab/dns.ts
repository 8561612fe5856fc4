/**
 * The DNS server of a lab: names below one domain have the addresses given, and nothing else has any. It listens at the host's
 * address on the lab's own bridge, where every machine of the lab reaches it. Called by tests of the frontend.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import { parseAddress } from '../../src-shared/address.ts';

export interface LabDns {
  /** Where it is asked. */
  readonly address: string;
  close(): Promise<void>;
}

/** A and AAAA. */
const kindOf = (address: string): number => (isIPv6(address) ? 28 : 1);

/** @param address one of the host's on the lab's bridge */
export async function startDns(address: string, domain: string, answers: readonly string[]): Promise<LabDns> {
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
  socket.on('message', (query, { port, address: from }) => {
    const asked = questionOf(query);
    if (asked === null) return;
    const known = asked.name.endsWith(`.${domain}`);
    const found = known ? answers.filter((one) => kindOf(one) === asked.kind) : [];
    const head = Buffer.from(query.subarray(0, 12));
    // An answer with authority; 3: there is no such name.
    head.writeUInt16BE(known ? 0x8580 : 0x8583, 2);
    [1, found.length, 0, 0].forEach((count, index) => {
      head.writeUInt16BE(count, 4 + 2 * index);
    });
    const records = found.map((one) => {
      const bytes = packed(one);
      const record = Buffer.alloc(12);
      // The name is the one at byte 12 of the message; class 1, a minute to live.
      for (const [at, value] of [0xc00c, asked.kind, 1, 0, 60, bytes.length].entries())
        record.writeUInt16BE(value, at * 2);
      return Buffer.concat([record, bytes]);
    });
    socket.send(Buffer.concat([head, query.subarray(12, asked.end), ...records]), port, from);
  });
  socket.bind(53, address);
  await once(socket, 'listening');
  return {
    address,
    close: async () => {
      socket.close();
      await once(socket, 'close');
    },
  };
}

/** The first question of a query: its name in small letters, the kind of record, and where it ends. */
function questionOf(query: Buffer): { readonly name: string; readonly kind: number; readonly end: number } | null {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at]; length !== 0; length = query[at]) {
    if (length === undefined || at + 1 + length > query.length) return null;
    labels.push(query.toString('latin1', at + 1, at + 1 + length).toLowerCase());
    at += 1 + length;
  }
  return at + 5 > query.length ? null : { name: labels.join('.'), kind: query.readUInt16BE(at + 1), end: at + 5 };
}

/** An address as the bytes of a record. */
function packed(text: string): Buffer {
  const address = parseAddress(text);
  if (address === null) throw new Error(`no address: ${text}`);
  return Buffer.from(address.value.toString(16).padStart(address.bits / 4, '0'), 'hex');
}
