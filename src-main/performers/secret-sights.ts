// What this session knows of one-time secrets, for steps that must not plan with one that is gone. Registered in compose.
// Never tells a value.
import { z } from 'zod';
import { type Sight, sight } from './jobs.ts';

export const secretSights: Readonly<Record<string, Sight>> = {
  /** `held`: it is at hand now. `spent`: one by this name was handed over at some time. */
  secret: sight(z.strictObject({ id: z.string() }), async ({ id }, { site }) => ({
    held: site.secrets.get(id) !== undefined,
    spent: site.view.spent.includes(id),
  })),
  /** A command of this session was to bring it, and did not. */
  'secret-missed': sight(z.strictObject({ id: z.string() }), async ({ id }, { site }) => site.secrets.missed(id)),
};
