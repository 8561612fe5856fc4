/** Certificates for frontends of tests, made with the host's openssl. Called by tests of the frontend; nothing here is kept. */
import { join } from 'node:path';
import { mustRun } from './command.ts';

export interface MadePair {
  /** PEM files. */
  readonly certificate: string;
  readonly key: string;
}

/** A certificate signed by itself, valid from `from` for a month; names are DNS names. */
export async function makePair(
  folder: string,
  name: string,
  dnsNames: readonly string[],
  validity: readonly string[] = ['-days', '30'],
): Promise<MadePair> {
  const pair = { certificate: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) };
  const names = dnsNames.map((one) => `DNS:${one}`).join(',');
  await mustRun([
    ...['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
    ...[...validity, '-subj', `/CN=${dnsNames[0]}`, '-addext', `subjectAltName=${names}`],
    ...['-keyout', pair.key, '-out', pair.certificate],
  ]);
  return pair;
}
