// How the steps call slapos and where its files are: one definition for all of them. Facts: slapos.core 1.10 to 1.26.

export const slaposPaths = {
  config: '/etc/opt/slapos/slapos.cfg',
  proxyConfig: '/etc/opt/slapos/slapos-proxy.cfg',
  softwareRoot: '/opt/slapgrid',
  softwareLog: '/opt/slapos/log/slapos-node-software.log',
} as const;

/** The slapos command with the environment that it needs under sudo and in units: HOME decides where it looks for files. */
export const slapos = (...words: readonly string[]): string[] => [
  'env',
  'HOME=/root',
  'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  'slapos',
  ...words,
];

/** Folder of an installed release; its name is the md5 of the URL. */
export const releaseFolder = (md5: string): string => `${slaposPaths.softwareRoot}/${md5}`;
