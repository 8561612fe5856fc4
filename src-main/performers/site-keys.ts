// The names of a site's private keys in the vault: one definition for the jobs that sign and for the file of keys.

export interface KeyNames {
  readonly cache: string;
  readonly repository: string;
  readonly manifest: string;
}

export const keyNames = (site: string): KeyNames => ({
  cache: `${site}/cache`,
  repository: `${site}/repository`,
  manifest: `${site}/manifest`,
});
