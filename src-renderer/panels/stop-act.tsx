// The way to stop an act that belongs to no step, with what stopping does said beforehand.
import { useTranslation } from 'react-i18next';
import { Button } from '../ui/button.tsx';
import { Acts } from '../ui/scroll-page.tsx';

interface Props {
  readonly stopping: boolean;
  readonly onStop: () => void;
  readonly hint: string;
}

export const StopAct = ({ stopping, onStop, hint }: Props) => {
  const { t } = useTranslation();
  return (
    <Acts>
      <Button kind="plain" shortcut="stop" isPending={stopping} onPress={onStop}>
        {t('ui.stop.button')}
      </Button>
      <span className="quiet">{hint}</span>
    </Acts>
  );
};
