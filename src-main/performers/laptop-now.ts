// What stands around the work and can change at any moment: is the site's medium plugged in, does the laptop run on its battery.
// Asked again and again while a site is shown. Called by compose. It only reads.
import type { OutputOf } from '../../src-shared/api.ts';
import { readBattery } from '../platform/battery.ts';
import type { OpenSite } from '../runbook/open-site.ts';
import { boundMedium, readBinding } from './bound-medium.ts';

export async function laptopNow(site: OpenSite): Promise<OutputOf<'laptop.now'>> {
  const [bound, battery] = await Promise.all([readBinding(site), readBattery()]);
  if (bound === null) return { medium: 'none', battery };
  // Another one in its place is as good as none: the steps say which of the two it is.
  const here = await boundMedium(site).then(
    () => true,
    () => false,
  );
  return { medium: here ? 'here' : 'away', battery };
}
