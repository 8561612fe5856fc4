// fieldkit export: what was done on a site's machines, as a shell runbook or as an Ansible inventory and playbook.
import { exportKinds } from '../../../src-shared/api.ts';
import { exitCodes, problem } from '../../../src-shared/problem.ts';
import { saveExport } from '../../runbook/exports/save.ts';
import { siteFolder } from '../../runbook/sites.ts';
import { type CommonOptions, chosenSite, withSession } from '../session.ts';

export const exportSite = (word: string, folder: string, options: CommonOptions): Promise<number> =>
  withSession(options, async ({ kit, texts, print }) => {
    const kind = exportKinds.find((one) => one === word);
    if (kind === undefined) throw problem('usage-wrong', { detail: word });
    const site = await chosenSite(kit, options.site);
    const { dataFolder, clock } = kit.parts;
    const exported = await saveExport(kind, await siteFolder(dataFolder, site), folder, clock.now());
    print(exported, [texts.say('cli.export.saved', { path: exported.path, count: exported.steps })]);
    return exitCodes.done;
  });
