// Where a person finds the master's pages: port 80 of the machine's own IPv4 address leads to its web server, whatever address the
// program itself reaches the machine at. One definition for every step that shows a page or asks one.
import { type Machine, masterOf } from '../../src-shared/site.ts';
import type { Answer, AnyContext, Probe, World } from '../runbook/define.ts';
import { ownAddresses } from './redirect.ts';

/** Asks the master's machine for its own IPv4 addresses. */
export const webAddressProbe = ({ interface: device }: Machine): Probe => ({
  id: 'own',
  kind: 'run',
  argv: ['ip', '-j', '-4', 'addr', 'show', 'dev', device, 'scope', 'global'],
});

/** All of them, in order; the first is the one that is shown. */
export const webAddresses = (answers: Readonly<Record<string, Answer>>): readonly string[] =>
  ownAddresses(answers.own?.out ?? '');

/** The one that is shown, asked from a step for another machine; empty when there is none. */
export async function masterWebAddress(world: World, { site }: Pick<AnyContext, 'site'>): Promise<string> {
  const master = masterOf(site);
  if (master === undefined) return '';
  return webAddresses(await world.probe(master.name, [webAddressProbe(master)]))[0] ?? '';
}

/** A page below the master's site, or the site itself. */
export const masterPage = (address: string, { site }: Pick<AnyContext, 'site'>, page = ''): string =>
  `http://${address}/${site.master.siteId}/${page}`;
