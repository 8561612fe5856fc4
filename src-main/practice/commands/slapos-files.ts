// The files that slapos-node writes on a simulated machine: its configuration with the stock cache section, the proxy's
// configuration, a partition's resources. Pure texts; used by the slapos commands. The sections and keys are those of
// slapos.core 1.10 to 1.24.

export interface Configured {
  readonly interface: string;
  readonly partitions: number;
  readonly ipv4Network: string;
  /** PEM texts, one after the other. */
  readonly stockCertificates: string;
  /** Of a registered node; null: slapproxy on the machine itself. */
  readonly master: { readonly url: string; readonly computer: string } | null;
}

export const slaposConfig = ({
  interface: device,
  partitions,
  ipv4Network,
  stockCertificates,
  master,
}: Configured): string =>
  `[slapos]
software_root = /opt/slapgrid
instance_root = /srv/slapgrid
master_url = ${master?.url ?? 'http://127.0.0.1:8080'}
computer_id = ${master?.computer ?? 'local_computer'}
${master === null ? '' : certificateFiles}
[slapformat]
interface_name = ${device}
create_tap = false
partition_amount = ${partitions}
computer_xml = /opt/slapos/slapos.xml
log_file = /opt/slapos/log/slapos-node-format.log
partition_base_name = slappart
user_base_name = slapuser
tap_base_name = slaptap
ipv4_local_network = ${ipv4Network}

[networkcache]
# Define options for binary cache, used to download already compiled software.
download-binary-cache-url = http://shacache.nxdcdn.com
download-cache-url = https://shacache.nxdcdn.com
download-binary-dir-url = http://shadir.nxdcdn.com
download-dir-url = https://shadir.nxdcdn.com

# Configuration to Upload Configuration for Binary cache
#upload-binary-cache-url =
#upload-binary-dir-url =

# List of signatures of uploaders we trust:
signature-certificate-list =
${indented(stockCertificates)}

# List of URL(s) which shouldn't be downloaded from binary cache.
download-from-binary-cache-url-blacklist =
  https://lab.nexedi.com/nexedi/slapos/raw/master
  https://lab.nexedi.com/nexedi/slapos/raw/1.0/
  /

[disabled-firewall]
firewalld_service = firewalld
log_file = /opt/slapos/log/slapos-node-format.log
`;

const certificateFiles = `key_file = /etc/opt/slapos/ssl/key
cert_file = /etc/opt/slapos/ssl/certificate
`;

/** Continuation lines of a value are deeper than their key. */
const indented = (text: string): string =>
  text
    .trim()
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n');

export const proxyConfig = `[slapos]
instance_root = /srv/slapgrid
software_root = /opt/slapgrid
computer_id = local_computer

[slapproxy]
host = 127.0.0.1
port = 8080
database_uri = /opt/slapos/slapproxy.db
`;

/** `.slapos-resource` of a partition, spaced as Python's json writes it. */
export const partitionResource = (ipv4: string, ipv6: string): string =>
  `{"address_list": [{"addr": "${ipv4}", "netmask": "255.255.255.255"}, ` +
  `{"addr": "${ipv6}", "netmask": "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}], "tap": {}}`;
