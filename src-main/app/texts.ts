// The few sentences that the system shows for us: dialogs, notifications. From the same files as the window's.
import english from '../../resources/locales/en/ui.json' with { type: 'json' };
import french from '../../resources/locales/fr/ui.json' with { type: 'json' };
import type { Settings } from '../../src-shared/api.ts';

export type Texts = typeof english;

export const texts = (language: Settings['language']): Texts => (language === 'fr' ? (french as Texts) : english);
