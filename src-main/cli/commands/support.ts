// fieldkit support: what to hand to somebody who helps; shown, or written into a folder.
import { exitCodes } from '../../../src-shared/problem.ts';
import { siteFolder } from '../../runbook/sites.ts';
import { saveSupport, supportText } from '../../runbook/support.ts';
import { type CommonOptions, chosenSite, withSession } from '../session.ts';

export interface SupportCommandOptions extends CommonOptions {
  readonly hideAddresses?: boolean;
  readonly output?: string;
}

export const tellSupport = (options: SupportCommandOptions): Promise<number> =>
  withSession(options, async ({ kit, texts, print }) => {
    const { dataFolder, program, clock } = kit.parts;
    const site = await chosenSite(kit, options.site);
    const now = clock.now();
    const folder = await siteFolder(dataFolder, site);
    const text = await supportText(folder, { program, now, hideAddresses: options.hideAddresses === true });
    if (options.output === undefined) print({ text }, text.split('\n'));
    else {
      const path = await saveSupport(text, options.output, site, now);
      print({ path }, [texts.say('cli.support.saved', { path })]);
    }
    return exitCodes.done;
  });
