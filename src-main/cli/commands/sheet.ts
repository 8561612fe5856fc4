// fieldkit sheet: what is printed before leaving, as text, or as a page for a printer.
import { resolve } from 'node:path';
import { exitCodes, problem } from '../../../src-shared/problem.ts';
import { sheetPage, sheetText } from '../../../src-shared/sheet-page.ts';
import { type CommonOptions, chosenSite, withSession } from '../session.ts';

/** Text on the terminal, or into a new file; a name that ends with .html makes the page. */
export const showSheet = (options: CommonOptions & { readonly output?: string }): Promise<number> =>
  withSession(options, async ({ kit, texts, print }) => {
    const sheet = await kit.parts.sheet(await chosenSite(kit, options.site));
    const page = sheetPage(sheet, texts);
    if (options.output === undefined) {
      print(sheet, sheetText(page).split('\n'));
      return exitCodes.done;
    }
    const path = resolve(options.output);
    if (!/\.(html?|txt)$/.test(path)) throw problem('usage-wrong', { detail: '--output NAME.html, NAME.txt' });
    await kit.saveSheet(page, path);
    print({ path }, [texts.say('cli.sheet.saved', { path })]);
    return exitCodes.done;
  });
