// Machines by steps: one row a machine, one column a step that machines have, each cell its state and the way to it.
import { memo } from 'react';
import { useTranslation } from 'react-i18next';
import type { InstanceView } from '../../src-shared/journal.ts';
import { useWords } from '../i18n/words.ts';
import { machinesOf } from '../state/progress.ts';
import { addressOf } from '../state/route.ts';
import type { OpenedSite } from '../state/store.ts';
import { StateIcon, useStateWord } from '../ui/state-mark.tsx';
import styles from './machine-table.module.css';

type Props = Pick<OpenedSite, 'name' | 'view' | 'steps'>;

export const MachineTable = memo(({ name: site, view, steps: all }: Props) => {
  const { t } = useTranslation();
  const words = useWords();
  const machines = machinesOf(view);
  if (machines.length < 2) return null;
  const present = new Set(machines.flatMap(({ instances }) => instances.map(({ step }) => step)));
  const steps = all.filter(({ id }) => present.has(id));
  return (
    <div className={styles.section}>
      <h2 id="machines-title">{t('ui.machines.title')}</h2>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
      <section className={styles.scroll} tabIndex={0} aria-labelledby="machines-title">
        <table className={styles.table}>
          <thead>
            <tr>
              <th scope="col">{t('ui.machines.machine')}</th>
              {steps.map(({ id }) => (
                <th key={id} scope="col" className={styles.step}>
                  <span>{words.stepTitle(id)}</span>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {machines.map(({ name, instances }) => (
              <tr key={name}>
                <th scope="row">
                  <a
                    className={styles.name}
                    href={addressOf({ page: 'machine', site, machine: name })}
                    aria-label={t('ui.machine.about', { name })}
                  >
                    {name}
                  </a>
                </th>
                {steps.map(({ id }) => {
                  const instance = instances.find((item) => item.step === id);
                  return (
                    <td key={id}>
                      {instance === undefined ? (
                        <span className="unseen">{t('ui.machines.none')}</span>
                      ) : (
                        <Cell site={site} instance={instance} />
                      )}
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </div>
  );
});

interface CellProps {
  readonly site: string;
  readonly instance: InstanceView;
}

const Cell = memo(({ site, instance }: CellProps) => {
  const words = useWords();
  const word = useStateWord();
  return (
    <a
      className={styles.cell}
      href={addressOf({ page: 'step', site, instance: instance.key })}
      aria-label={`${words.instanceTitle(instance)}: ${word(instance.state)}`}
      title={`${words.stepTitle(instance.step)}: ${word(instance.state)}`}
    >
      <StateIcon state={instance.state} />
    </a>
  );
});
