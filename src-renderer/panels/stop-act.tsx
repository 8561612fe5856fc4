// The way to stop what is under way, beside its other acts, with what stopping does said beforehand: the same wherever something runs.
import { Square } from 'lucide-react';
import { useId } from 'react';
import { useTranslation } from 'react-i18next';
import { Button } from '../ui/button.tsx';

interface Props {
  /** It was asked for already. */
  readonly stopping?: boolean;
  readonly onStop: () => void;
  readonly hint: string;
}

export const StopAct = ({ stopping = false, onStop, hint }: Props) => {
  const { t } = useTranslation();
  const id = useId();
  return (
    <>
      <Button
        kind="plain"
        shortcut="stop"
        icon={<Square aria-hidden />}
        isPending={stopping}
        onPress={onStop}
        aria-describedby={id}
      >
        {t('ui.stop.button')}
      </Button>
      <span id={id} className="quiet">
        {hint}
      </span>
    </>
  );
};
