// What an HTTPS server shows at an address: asked on a machine with the openssl that every machine of ours has. Pure.

/** Asks `place` (`10.0.0.1:443`, `[fd00::1]:443`) for a name; prints the certificate's fingerprint and the status line. */
const askScript = `told=$(printf 'GET / HTTP/1.0\\r\\nHost: %s\\r\\nConnection: close\\r\\n\\r\\n' "$2" |
  timeout 15 openssl s_client -ign_eof -connect "$1" -servername "$2" 2>/dev/null)
printf '%s\\n' "$told" | openssl x509 -noout -fingerprint -sha256 2>/dev/null
printf '%s\\n' "$told" | grep -am 1 '^HTTP/'
exit 0
`;

export const httpsSightArgv = (address: string, port: number, name: string): string[] => [
  'sh',
  '-c',
  askScript,
  'https',
  `${address.includes(':') ? `[${address}]` : address}:${port}`,
  name,
];

/** sha256 of the certificate shown, lower-case hex, empty when none was; and the answer's status, 0 when there was none. */
export function parseHttpsSight(text: string): { fingerprint: string; status: number } {
  const [, fingerprint = ''] = /^sha256 Fingerprint=([0-9A-F:]{95})\s*$/im.exec(text) ?? [];
  const [, status = '0'] = /^HTTP\/\d(?:\.\d)? (\d{3})/m.exec(text) ?? [];
  return { fingerprint: fingerprint.replaceAll(':', '').toLowerCase(), status: Number(status) };
}
