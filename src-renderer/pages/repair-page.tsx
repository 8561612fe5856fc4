// The file system of a stick that was pulled while it was written to: looked through, and repaired after a yes. What the repair does
// and may cost stands there before there is a button for it.
import { Stethoscope, Wrench } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import type { OutputOf } from '../../src-shared/api.ts';
import { instanceKey, theSite } from '../../src-shared/step.ts';
import { terminalForms } from '../../src-shared/terminal-forms.ts';
import { Heading } from '../app/heading.tsx';
import { BatteryNotice } from '../panels/battery-notice.tsx';
import { MediumPicker } from '../panels/medium-picker.tsx';
import { StopAct } from '../panels/stop-act.tsx';
import { Terminal } from '../panels/terminal.tsx';
import { repairMedium } from '../state/actions.ts';
import { mediumKey } from '../state/live.ts';
import { addressOf } from '../state/route.ts';
import type { OpenedSite } from '../state/store.ts';
import { useOutcome } from '../state/use-outcome.ts';
import { usePicked } from '../state/use-picked.ts';
import { Bar } from '../ui/bar.tsx';
import { Button } from '../ui/button.tsx';
import { Notice } from '../ui/notice.tsx';
import { Acts, ScrollPage } from '../ui/scroll-page.tsx';

export const RepairPage = ({ site }: { readonly site: OpenedSite }) => {
  const { t } = useTranslation();
  const { last, idle, stopping, stopped, stop } = useOutcome(site, 'media.repaired');
  const { chosen, setChosen, names, picked, shown } = usePicked();
  const live = site.live[mediumKey]?.repairing ?? null;
  return (
    <ScrollPage narrow>
      <Heading page={`repair ${site.name}`} title={t('ui.repair.title')} />
      <p className="quiet">{t('ui.repair.hint')}</p>
      <BatteryNotice site={site} act="long" />
      {live !== null && !idle ? (
        <>
          <Bar label={t(`ui.repair.${live.stage}`)} done={0} total={null} text={t('ui.progress.lengthUnknown')} />
          <Acts>
            <StopAct
              stopping={stopping}
              onStop={stop}
              hint={t(live.stage === 'looking' ? 'ui.repair.stopLook' : 'ui.repair.stopRepair')}
            />
          </Acts>
        </>
      ) : (
        <>
          <MediumPicker
            site={site.name}
            label={t('ui.repair.which')}
            value={chosen}
            names={names}
            onChange={setChosen}
            onPicked={picked}
            repair
          />
          <Acts>
            <Button
              kind="plain"
              icon={<Stethoscope aria-hidden />}
              isPending={!idle}
              isDisabled={chosen === null}
              onPress={() => chosen !== null && void repairMedium(site.name, chosen, false)}
            >
              {t('ui.repair.look')}
            </Button>
            <Terminal
              argv={terminalForms.repairMedium(shown ?? 'DEVICE', false)}
              also={[terminalForms.repairMedium(shown ?? 'DEVICE', true)]}
            />
          </Acts>
        </>
      )}
      <div role="status">
        {idle && last !== null && last.place === chosen && <Came site={site.name} came={last} />}
        {idle && stopped && <p>{t('ui.repair.stopped')}</p>}
      </div>
    </ScrollPage>
  );
};

interface CameProps {
  readonly site: string;
  readonly came: NonNullable<OutputOf<'media.repaired'>>;
}

const Came = ({ site, came }: CameProps) => {
  const { t } = useTranslation();
  const { place, device, health, repaired, mountPoint } = came;
  if (repaired)
    return (
      <Notice
        kind="good"
        title={
          mountPoint === null ? t('ui.repair.doneAway', { device }) : t('ui.repair.done', { device, path: mountPoint })
        }
      >
        <p>{t('ui.repair.next')}</p>
        <p>
          <a href={addressOf({ page: 'medium', site })}>{t('ui.menu.medium')}</a>
          {' · '}
          <a href={addressOf({ page: 'step', site, instance: instanceKey('choose-medium', theSite) })}>
            {t('ui.contents.choose')}
          </a>
        </p>
      </Notice>
    );
  if (health === 'whole') return <Notice kind="good" title={t('ui.repair.whole', { device })} />;
  return (
    <Notice kind="warn" title={t(`ui.repair.${health}`, { device })}>
      <p>{t('ui.repair.would')}</p>
      <ol>
        {(['unmounts', 'mends', 'mounts'] as const).map((what) => (
          <li key={what}>{t(`ui.repair.does.${what}`, { device })}</li>
        ))}
      </ol>
      <p>{t('ui.repair.cost')}</p>
      <Acts>
        <Button kind="act" icon={<Wrench aria-hidden />} onPress={() => void repairMedium(site, place, true)}>
          {t('ui.repair.act', { device })}
        </Button>
      </Acts>
    </Notice>
  );
};
