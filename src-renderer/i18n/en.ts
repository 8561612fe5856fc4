// All English texts of the window, as one file that is read in when they are shown.
import type { Tree } from './i18n.ts';

// Those of the command line stay out: cli.json is the one file that begins with a c.
export const files = import.meta.glob<Tree>('../../resources/locales/en/[!c]*.json', {
  eager: true,
  import: 'default',
});
