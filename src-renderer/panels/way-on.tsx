// From a problem to the step where it is settled, when that is another page than this one.
import { useTranslation } from 'react-i18next';
import { instanceKey, theSite } from '../../src-shared/step.ts';
import { useWords } from '../i18n/words.ts';
import { addressOf } from '../state/route.ts';
import { useStore } from '../state/store.ts';

const settledBy: Readonly<Record<string, string>> = {
  'medium-not-chosen': 'choose-medium',
  'medium-absent': 'choose-medium',
  'medium-swapped': 'choose-medium',
};

export const WayOn = ({ code }: { readonly code: string }) => {
  const { t } = useTranslation();
  const words = useWords();
  const site = useStore((state) => state.site);
  const route = useStore((state) => state.route);
  const step = settledBy[code];
  if (site === null || step === undefined || !('site' in route)) return null;
  const instance = instanceKey(step, theSite);
  if (site.view.instances[instance] === undefined || (route.page === 'step' && route.instance === instance))
    return null;
  return (
    <p>
      <a href={addressOf({ page: 'step', site: site.name, instance })}>
        {t('ui.problem.wayOn', { step: words.stepTitle(step) })}
      </a>
    </p>
  );
};
