// fieldkit keys export, import: a site's private keys as one encrypted file, so that another laptop can go on with its medium.
import { groupedFingerprint } from '../../../src-shared/format.ts';
import { exitCodes } from '../../../src-shared/problem.ts';
import type { CommonOptions, SiteSession } from '../session.ts';
import { withSite } from '../session.ts';

/** Asks for both passphrases, the vault's first; one that is new is typed twice. */
async function passphrases({ kit, bench, asker, signal }: SiteSession, newFile: boolean) {
  const ask = (id: string, key: string, twice: boolean): Promise<string> =>
    asker.answer('keys', { id, kind: 'secret', key, params: {}, show: [], choices: [], twice }, signal);
  const newVault = !newFile && !(await kit.parts.keys.vaultExists(bench.site));
  return {
    vault: await ask('passphrase', 'steps.make-keys.asks.passphrase', newVault),
    file: await ask('keys-passphrase', newFile ? 'cli.keys.asks.export' : 'cli.keys.asks.import', newFile),
  };
}

export const exportKeys = (file: string, options: CommonOptions): Promise<number> =>
  withSite(options, async (session) => {
    const { kit, bench, texts, print } = session;
    const made = await kit.parts.keys.exportTo(bench.site, file, await passphrases(session, true));
    print(made, [
      texts.say('cli.keys.exported', { site: bench.site.name, path: made.path }),
      `  ${groupedFingerprint(made.fingerprint)}`,
      texts.say('cli.keys.care'),
    ]);
    return exitCodes.done;
  });

export const importKeys = (file: string, options: CommonOptions): Promise<number> =>
  withSite(options, async (session) => {
    const { kit, bench, texts, print } = session;
    const read = await kit.parts.keys.importFrom(bench.site, file, await passphrases(session, false));
    print(read, [
      texts.say(read.changed ? 'cli.keys.imported' : 'cli.keys.here', { site: bench.site.name }),
      `  ${groupedFingerprint(read.fingerprint)}`,
    ]);
    return exitCodes.done;
  });
