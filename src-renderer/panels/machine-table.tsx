// Machines by steps: one row a machine, one column a step that machines have, each cell its state and the way to it.
import { useTranslation } from 'react-i18next';
import { useWords } from '../i18n/words.ts';
import { machinesOf } from '../state/progress.ts';
import { addressOf } from '../state/route.ts';
import type { OpenedSite } from '../state/store.ts';
import { StateIcon, useStateWord } from '../ui/state-mark.tsx';
import styles from './machine-table.module.css';

export const MachineTable = ({ site }: { readonly site: OpenedSite }) => {
  const { t } = useTranslation();
  const words = useWords();
  const word = useStateWord();
  const machines = machinesOf(site.view);
  if (machines.length < 2) return null;
  const steps = site.steps.filter(({ id }) =>
    machines.some(({ instances }) => instances.some((item) => item.step === id)),
  );
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
                    href={addressOf({ page: 'machine', site: site.name, machine: name })}
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
                        <a
                          className={styles.cell}
                          href={addressOf({ page: 'step', site: site.name, instance: instance.key })}
                          aria-label={`${words.instanceTitle(instance)}: ${word(instance.state)}`}
                          title={`${words.stepTitle(id)}: ${word(instance.state)}`}
                        >
                          <StateIcon state={instance.state} />
                        </a>
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
};
