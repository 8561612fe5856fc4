// Shell that finds addresses on a machine: its own on a device, and those of the partitions where a frontend listens. Used by the
// steps and by the units they leave, and known to the practice machine. Nothing of it writes anything.

/** Where a frontend's partition listens, for plain and for encrypted requests. */
export const frontendPorts = { plain: 8080, encrypted: 4443 } as const;

/**
 * Prints the addresses of partitions that listen on a port, one a line, lowest first. A partition is told by its resource file:
 * whatever else listens on that port is not one of them.
 */
export const listeningText = (port: number): string => `ss -Hltn "sport = :${port}" | while read -r _ _ _ local _; do
  one=\${local%:*} one=\${one#[} one=\${one%]}
  grep -qsF "\\"$one\\"" /srv/slapgrid/slappart*/.slapos-resource && echo "$one"
done | sort -u`;
export const frontendAddressesText = listeningText(frontendPorts.encrypted);

/** How `ip` shows addresses of a family, and the length of a single one. */
const forms = {
  ip: { version: '-4', word: 'inet', digits: '0-9.', single: '32' },
  ip6: { version: '-6', word: 'inet6', digits: '0-9a-f:', single: '128' },
} as const;

/**
 * Text for sh that prints a device's own addresses, one a line, sorted: neither single ones nor those of partitions, and none that
 * comes and goes by itself, as RFC 8981's temporary ones do, or that is not usable yet.
 */
export const ownAddressesText = (device: string, family: 'ip' | 'ip6'): string => {
  const { version, word, digits, single } = forms[family];
  return `ip ${version} -o addr show dev '${device}' scope global |
  sed '/ scope global .*\\(temporary\\|deprecated\\|tentative\\|dadfailed\\) /d' |
  sed -n 's|.* ${word} \\([${digits}]*\\)/\\([0-9]*\\) .*|\\1/\\2|p' | sed '/\\/${single}$/d; s|/.*||' |
  LC_ALL=C sort | while read -r one; do
    grep -qsF "\\"$one\\"" /srv/slapgrid/slappart*/.slapos-resource || echo "$one"
  done`;
};
