// All French texts of the window, as one file that is read in when they are shown.
import type { Tree } from './i18n.ts';

export const files = import.meta.glob<Tree>(['../../resources/locales/fr/*.json', '!**/cli.json'], {
  eager: true,
  import: 'default',
});
