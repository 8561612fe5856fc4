// Outputs of the ordinary programs of a Debian machine, as data. Pure; used by the steps' reads.
import { z } from 'zod';

/** ID, VERSION_ID and VERSION_CODENAME of os-release(5); empty where it has none. */
export function parseOsRelease(text: string): {
  readonly id: string;
  readonly version: string;
  readonly codename: string;
} {
  const value = (key: string): string => new RegExp(`^${key}=(["']?)(.*)\\1$`, 'm').exec(text)?.[2] ?? '';
  return { id: value('ID'), version: value('VERSION_ID'), codename: value('VERSION_CODENAME') };
}

/** A number as programs print it, 0 for anything else; longer ones than any count we read are lies. */
export const wholeNumber = (text: string): number => Number(/^\s*(\d{1,15})\s*$/.exec(text)?.[1] ?? 0);

/** `ip -j addr show`, as far as anybody asks. */
export const ipAddresses = z.array(
  z.looseObject({
    ifname: z.string().optional(),
    addr_info: z
      .array(
        z.looseObject({
          local: z.string().optional(),
          prefixlen: z.number().optional(),
          temporary: z.boolean().optional(),
          tentative: z.boolean().optional(),
          dadfailed: z.boolean().optional(),
          dynamic: z.boolean().optional(),
          mngtmpaddr: z.boolean().optional(),
        }),
      )
      .default([]),
  }),
);

/**
 * `ip -j addr show`: addresses with their lengths; tentative ones are not there yet. Empty for anything else. `lent`: only those that
 * the network gives for a time, and gives again: by what a router announces, or DHCP.
 */
export function parseAddresses(text: string, which: 'all' | 'lent' = 'all'): readonly string[] {
  try {
    return ipAddresses
      .parse(JSON.parse(text))
      .flatMap((item) => item.addr_info)
      .flatMap(({ local, prefixlen, tentative, dynamic, mngtmpaddr }) =>
        local === undefined || tentative || (which === 'lent' && dynamic !== true && mngtmpaddr !== true)
          ? []
          : [`${local}/${prefixlen ?? 128}`],
      );
  } catch {
    return [];
  }
}

/**
 * Asks a server for one path, from the target itself, with what every Debian has: bash. Prints the status line.
 * @param host an address; the target's own loopback when absent
 */
export const httpStatusArgv = (port: number, method: 'HEAD' | 'GET', path: string, host = '127.0.0.1'): string[] => [
  'bash',
  '-c',
  'exec 3<>"/dev/tcp/$4/$1" && printf "%s %s HTTP/1.0\\r\\nHost: content\\r\\n\\r\\n" "$2" "$3" >&3 && head -n 1 <&3',
  'http',
  String(port),
  method,
  path,
  host,
];

const ask = 'exec 3<>"/dev/tcp/127.0.0.1/$1" && printf "%s %s HTTP/1.0\\r\\nHost: 127.0.0.1\\r\\n\\r\\n" "$2" "$3" >&3';

/** Asks a server on the target's loopback; prints the whole answer, headers first. */
export const httpGetArgv = (port: number, path: string): string[] => [
  'bash',
  '-c',
  `${ask} && cat <&3`,
  'http',
  String(port),
  'GET',
  path,
];

/** The status in a status line, 0 when there was none. */
export const httpStatus = (line: string): number => Number(/^HTTP\/1\.[01] (\d{3})/.exec(line)?.[1] ?? 0);

const askAt =
  'exec 3<>"/dev/tcp/$1/$2" && printf "GET %s HTTP/1.0\\r\\nHost: %s\\r\\n\\r\\n" "$3" "$1" >&3 && head -c 8192 <&3';

/** Asks a server at an address, from the target itself; prints the answer from its status line on, at most 8 KiB. */
export const httpAtArgv = (address: string, port: number, path: string): string[] => [
  'bash',
  '-c',
  askAt,
  'http',
  address,
  String(port),
  path,
];

/** What follows the headers of an answer. */
export const httpBody = (answer: string): string => answer.replace(/^[\s\S]*?\r?\n\r?\n/, '');

export interface Volume {
  readonly device: string;
  readonly uuid: string;
  readonly fileSystem: string;
  readonly label: string;
}

/** `blkid -o export`: volumes with a file system, one block of `NAME=value` lines each. */
export const parseVolumes = (text: string): readonly Volume[] =>
  text.split(/\n\s*\n/).flatMap((block) => {
    const value = (name: string): string => new RegExp(`^${name}=(.*)$`, 'm').exec(block)?.[1] ?? '';
    const device = value('DEVNAME');
    return device === '' || value('TYPE') === ''
      ? []
      : [{ device, uuid: value('UUID'), fileSystem: value('TYPE'), label: value('LABEL') }];
  });
