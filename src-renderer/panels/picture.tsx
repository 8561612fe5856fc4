// The site as a picture: medium, laptop, machines and the links between, each with its state and leading to its steps.
// A list to screen readers; the lines are only for the eye.
import { Box, Globe, Hammer, Laptop, type LucideIcon, Server, Usb, Waypoints } from 'lucide-react';
import { memo } from 'react';
import { useTranslation } from 'react-i18next';
import type { InstanceState, InstanceView } from '../../src-shared/journal.ts';
import { joinedByRe6st } from '../../src-shared/picture.ts';
import { mediumWord } from '../state/laptop.ts';
import { countDone, machinesOf, mediumOf, nextOf, stateOf } from '../state/progress.ts';
import { addressOf } from '../state/route.ts';
import { type OpenedSite, useStore } from '../state/store.ts';
import { StateMark } from '../ui/state-mark.tsx';
import styles from './picture.module.css';

type Props = Pick<OpenedSite, 'name' | 'view' | 'steps'> & { readonly drawn: OpenedSite['machines'] };

export const Picture = memo(({ name: site, view, steps, drawn }: Props) => {
  const { t } = useTranslation();
  const medium = mediumOf(view);
  const laptopNow = useStore(({ laptop }) => laptop);
  const mediumState = mediumWord(medium, laptopNow);
  const laptop = Object.values(view.instances).filter((item) => item.subject.kind !== 'machine');
  const machines = machinesOf(view);
  /** A machine's link is there once its connection was made in this session: a lease is open, or connecting was done. */
  const linked = (instances: readonly InstanceView[]): boolean =>
    instances.some((item) => item.step === 'connect' && item.state === 'done');
  const rolesOf = (name: string): readonly string[] => drawn.find((item) => item.name === name)?.roles ?? [];
  const joined = joinedByRe6st(drawn).map(({ name }) => name);
  const railOf = (name: string, instances: readonly InstanceView[]): string => {
    if (!joined.includes(name)) return '';
    const stands = instances.some((item) => item.step === 'join-re6st' && item.state === 'done');
    const end = name === joined[0] ? styles.first : name === joined.at(-1) ? styles.last : '';
    return `${styles.rail} ${stands ? styles.linked : ''} ${end}`;
  };
  return (
    <section aria-label={t('ui.picture.title')}>
      <ul className={styles.picture}>
        <li className={styles.medium}>
          <Element
            site={site}
            icon={Usb}
            name={t('ui.picture.medium')}
            detail={t(`ui.medium.${mediumState}`)}
            state={medium?.state ?? 'unread'}
            target={medium}
          />
          <span
            aria-hidden
            className={`${styles.link} ${mediumState === 'here' || mediumState === 'bound' ? styles.linked : ''}`}
          />
        </li>
        <li className={styles.laptop}>
          <Element
            site={site}
            icon={Laptop}
            name={t('ui.picture.laptop')}
            detail={t('ui.overview.chapterSum', { done: countDone(laptop), total: laptop.length })}
            state={stateOf(laptop)}
            target={laptop.find((item) => item.state !== 'done') ?? laptop[0] ?? null}
          />
        </li>
        <li className={`${styles.machines} ${machines.length > 5 ? styles.many : ''}`}>
          <ul>
            {machines.map(({ name, instances }) => (
              <li key={name} className={styles.machine}>
                <span aria-hidden className={`${styles.link} ${linked(instances) ? styles.linked : ''}`} />
                <Element
                  site={site}
                  icon={iconOf(rolesOf(name))}
                  name={name}
                  roles={rolesOf(name).map((role) => t(`ui.role.${role}`))}
                  detail={t('ui.overview.chapterSum', { done: countDone(instances), total: instances.length })}
                  state={stateOf(instances)}
                  target={nextOf({ ...view, order: instances.map((item) => item.key) }, steps) ?? instances[0] ?? null}
                />
                {railOf(name, instances) !== '' && <span aria-hidden className={railOf(name, instances)} />}
              </li>
            ))}
          </ul>
          {joined.length > 0 && <p className={`${styles.mesh} small`}>{t('ui.picture.re6st')}</p>}
        </li>
      </ul>
    </section>
  );
});

/** The role that says most of a machine, as a picture. */
const iconOf = (roles: readonly string[]): LucideIcon =>
  roles.includes('builder')
    ? Hammer
    : roles.includes('master')
      ? Server
      : roles.includes('frontend')
        ? Globe
        : roles.includes('registry')
          ? Waypoints
          : Box;

interface ElementProps {
  readonly site: string;
  readonly icon: LucideIcon;
  readonly name: string;
  /** What the machine is, in the reader's language; none for the others. */
  readonly roles?: readonly string[];
  readonly detail: string;
  readonly state: InstanceState;
  readonly target: InstanceView | null;
}

const Element = ({ site, icon: Icon, name, roles = [], detail, state, target }: ElementProps) => (
  <a
    className={styles.element}
    href={addressOf(target === null ? { page: 'site', site } : { page: 'step', site, instance: target.key })}
  >
    <Icon aria-hidden size={28} strokeWidth={1.5} />
    <span className={styles.name}>
      {name}
      {roles.length > 0 && <span className={styles.roles}> {roles.join(', ')}</span>}
    </span>
    <span className={`${styles.detail} quiet small`}>{detail}</span>
    <StateMark state={state} />
  </a>
);
