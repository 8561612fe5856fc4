// What all slapos commands of a simulated machine share: where the configuration is, and how a log line looks. Pure.
import { type Config, parseConfig } from '../../target/slapos-config.ts';
import type { Call, Outcome } from '../machine.ts';
import { fileText } from '../reading.ts';
import type { MachineState } from '../state.ts';

export const configPath = '/etc/opt/slapos/slapos.cfg';
/** Where the practice site leaves the certificates that its slapos-node trusts from the start. */
export const stockCertificatesPath = '/opt/slapos/share/practice/stock-certificates.pem';

const stamp = (nowMs: number): string => new Date(nowMs).toISOString().slice(0, 19).replace('T', ' ');

export const log = ({ nowMs }: Call, level: string, text: string): string =>
  `${stamp(nowMs)} slapos[2042] ${level} ${text}\n`;

/** slapos.cfg as slapos reads it; null when there is none. */
export function configOf(state: MachineState): Config | null {
  const text = fileText(state, configPath);
  return text === null ? null : parseConfig(text, { machine: '', path: configPath });
}

export const notConfigured = (call: Call): Outcome => ({
  exit: 1,
  err: log(call, 'ERROR', `ConfigError: Configuration file does not exist: ${configPath}`),
});
