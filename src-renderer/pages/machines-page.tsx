// More machines into the site plan: one by hand, or those of a list that somebody has already. What would stand in the plan is shown
// machine by machine, with each problem at its machine or at the list's line, before anything is written.
import { FileText } from 'lucide-react';
import { type ChangeEvent, useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type ListKind, listKinds, type OutputOf } from '../../src-shared/api.ts';
import type { Json } from '../../src-shared/json.ts';
import { valueAt } from '../../src-shared/plan-form.ts';
import { type ProblemData, toProblemData } from '../../src-shared/problem.ts';
import { quoteArgv } from '../../src-shared/quote.ts';
import { type Role, roles } from '../../src-shared/site.ts';
import { Heading } from '../app/heading.tsx';
import { useWords } from '../i18n/words.ts';
import { ProblemPanel } from '../panels/problem-panel.tsx';
import { Terminal } from '../panels/terminal.tsx';
import { call } from '../state/bridge.ts';
import { go } from '../state/route.ts';
import type { OpenedSite } from '../state/store.ts';
import { Button } from '../ui/button.tsx';
import { CheckInput, ChoiceInput, TextInput } from '../ui/field.tsx';
import { Acts, ScrollPage } from '../ui/scroll-page.tsx';
import styles from './machines-page.module.css';

/** How long nobody types before the list is read again. */
const pauseMs = 300;
/** Fields for all machines that do not say them. */
const wishes = ['user', 'interface', 'jump'] as const;
/** A build machine is of the office, and there is one master. */
const offered = roles.filter((role) => role !== 'master');

type Preview = OutputOf<'machines.read'>;
type Way = 'one' | 'list';

export const MachinesPage = ({ site }: { readonly site: OpenedSite }) => {
  const { t } = useTranslation();
  const [way, setWay] = useState<Way>('one');
  const [one, setOne] = useState({ name: '', address: '' });
  const [list, setList] = useState({ text: '', name: '' });
  const [kind, setKind] = useState<ListKind | null>(null);
  const [chosen, setChosen] = useState<readonly string[] | null>(null);
  const [said, setSaid] = useState<Readonly<Record<(typeof wishes)[number], string>>>({
    user: '',
    interface: '',
    jump: '',
  });
  const [role, setRole] = useState<readonly Role[]>(['node']);
  const [preview, setPreview] = useState<Preview | null>(null);
  const [trouble, setTrouble] = useState<ProblemData | null>(null);
  const shared: Readonly<Record<string, Json>> = {
    roles: [...role],
    ...Object.fromEntries(wishes.flatMap((wish) => (said[wish] === '' ? [] : [[wish, said[wish]]]))),
  };
  const asked = {
    site: site.name,
    list: way === 'list' && list.text.trim() !== '' ? { ...list, kind } : null,
    one: way === 'one' && one.name !== '' && one.address !== '' ? one : null,
    chosen: chosen === null ? null : [...chosen],
    shared,
  };
  const question = JSON.stringify(asked);
  const latest = useRef(question);
  latest.current = question;
  const nothing = asked.list === null && asked.one === null;
  // biome-ignore lint/correctness/useExhaustiveDependencies: what is asked, by its text
  useEffect(() => {
    if (nothing) {
      setPreview(null);
      setTrouble(null);
      return;
    }
    const timer = setTimeout(() => {
      call('machines.read', asked).then(
        (answer) => {
          if (latest.current !== question) return;
          setPreview(answer);
          setTrouble(null);
        },
        (thrown: unknown) => {
          if (latest.current !== question) return;
          setPreview(null);
          setTrouble(toProblemData(thrown));
        },
      );
    }, pauseMs);
    return () => clearTimeout(timer);
  }, [question]);

  const count = preview?.chosen.length ?? 0;
  const ready = preview !== null && count > 0 && preview.plan.problems.length === 0;
  const save = async () => {
    if (preview === null) return;
    try {
      const answer = await call('site.savePlan', {
        site: site.name,
        text: preview.plan.text,
        base: preview.base,
      });
      if (answer.saved) go({ page: 'plan', site: site.name });
    } catch (thrown) {
      setTrouble(toProblemData(thrown));
    }
  };
  return (
    <ScrollPage>
      <Heading page={`machines ${site.name}`} title={t('ui.addMachines.title')} />
      <p className="quiet">{t('ui.addMachines.hint')}</p>
      <div className={styles.columns}>
        <div className={styles.form}>
          <ChoiceInput
            label={t('ui.addMachines.way.label')}
            value={way}
            choices={(['one', 'list'] as const).map((id) => ({ id, text: t(`ui.addMachines.way.${id}`) }))}
            onChange={(id) => setWay(id === 'list' ? 'list' : 'one')}
          />
          {way === 'one' ? (
            (['name', 'address'] as const).map((key) => (
              <TextInput
                key={key}
                mono
                label={t(`ui.planForm.machines.${key}.label`)}
                hint={t(`ui.planForm.machines.${key}.hint`)}
                value={one[key]}
                onChange={(value) => setOne({ ...one, [key]: value.trim() })}
              />
            ))
          ) : (
            <ListInput
              list={list}
              kind={kind ?? preview?.kind ?? 'csv'}
              onKind={setKind}
              onList={(next) => {
                setList(next);
                setChosen(null);
              }}
            />
          )}
          <fieldset className={styles.shared}>
            <legend>{t(way === 'one' ? 'ui.addMachines.its' : 'ui.addMachines.shared')}</legend>
            {offered.map((id) => (
              <CheckInput
                key={id}
                label={t(`ui.role.${id}`)}
                checked={role.includes(id)}
                onChange={(on) => setRole(roles.filter((item) => (item === id ? on : role.includes(item))))}
              />
            ))}
            {wishes.map((wish) => (
              <TextInput
                key={wish}
                mono
                required={false}
                label={t(`ui.planForm.machines.${wish}.label`)}
                hint={t(`ui.planForm.machines.${wish}.hint`, { defaultValue: '' })}
                value={said[wish]}
                onChange={(value) => setSaid({ ...said, [wish]: value.trim() })}
              />
            ))}
          </fieldset>
        </div>
        <section className={styles.preview} aria-labelledby="machines-preview" aria-live="polite">
          <h2 id="machines-preview">{t('ui.addMachines.preview')}</h2>
          {trouble !== null && <ProblemPanel problem={trouble} />}
          {preview === null && trouble === null && <p className="quiet">{t('ui.addMachines.nothing')}</p>}
          {preview !== null && (
            <Machines preview={preview} selectable={way === 'list'} onChoose={(names) => setChosen(names)} />
          )}
        </section>
      </div>
      <Acts>
        <Button kind="act" isDisabled={!ready} onPress={() => void save()}>
          {t('ui.addMachines.act', { count })}
        </Button>
        <Terminal command={commandOf(site.name, way, one, list.name, preview, role, said)} />
      </Acts>
    </ScrollPage>
  );
};

/** What a person types on a terminal for the same. */
function commandOf(
  site: string,
  way: Way,
  one: { readonly name: string; readonly address: string },
  file: string,
  preview: Preview | null,
  role: readonly Role[],
  said: Readonly<Record<(typeof wishes)[number], string>>,
): string {
  const what =
    way === 'one'
      ? [one.name || 'NAME', '--address', one.address || 'ADDRESS']
      : [
          ...(preview !== null && preview.chosen.length < preview.found.length ? preview.chosen : []),
          '--from',
          file === '' ? 'FILE' : file,
        ];
  const more = wishes.flatMap((wish) => (said[wish] === '' ? [] : [`--${wish}`, said[wish]]));
  const words = ['fieldkit', 'machines', 'add', ...what, '--role', ...role, ...more, '--site', site];
  return quoteArgv(words);
}

interface ListProps {
  readonly list: { readonly text: string; readonly name: string };
  readonly kind: ListKind;
  readonly onKind: (kind: ListKind) => void;
  readonly onList: (list: { readonly text: string; readonly name: string }) => void;
}

/** Chosen as a file, or put in by hand. The file is read here, in the page: only its text goes on. */
const ListInput = ({ list, kind, onKind, onList }: ListProps) => {
  const { t } = useTranslation();
  const input = useRef<HTMLInputElement>(null);
  const read = async (event: ChangeEvent<HTMLInputElement>) => {
    const [file] = event.target.files ?? [];
    if (file !== undefined) onList({ text: await file.text(), name: file.name });
    event.target.value = '';
  };
  return (
    <>
      <div className={styles.file}>
        <input ref={input} type="file" hidden onChange={(event) => void read(event)} />
        <Button kind="plain" icon={<FileText aria-hidden />} onPress={() => input.current?.click()}>
          {t('ui.addMachines.file')}
        </Button>
        <span className="quiet">{list.name}</span>
      </div>
      <TextInput
        lines
        mono
        label={t('ui.addMachines.text')}
        hint={t(`ui.addMachines.form.${kind}`)}
        value={list.text}
        onChange={(text) => onList({ ...list, text })}
      />
      <ChoiceInput
        label={t('ui.addMachines.kind')}
        value={kind}
        choices={listKinds.map((id) => ({ id, text: t(`ui.addMachines.kinds.${id}`) }))}
        onChange={(id) => onKind(listKinds.find((one) => one === id) ?? 'csv')}
      />
    </>
  );
};

interface MachinesProps {
  readonly preview: Preview;
  readonly selectable: boolean;
  readonly onChoose: (names: readonly string[]) => void;
}

/** Each machine as the plan would hold it, and what is wrong with it there. */
const Machines = ({ preview, selectable, onChoose }: MachinesProps) => {
  const { t } = useTranslation();
  const words = useWords();
  const { found, chosen, before, plan } = preview;
  const names = selectable ? found.map(({ name }) => name) : chosen;
  const others = plan.problems.filter(({ path }) => placeOf(path) === null || (placeOf(path) ?? 0) < before);
  return (
    <>
      <ul className={styles.machines}>
        {names.map((name) => {
          const at = chosen.indexOf(name);
          const place = before + at;
          const field = (key: string): string => {
            const value =
              at < 0
                ? found.find((item) => item.name === name)?.fields[key]
                : valueAt(plan.value, ['machines', place, key]);
            return Array.isArray(value) ? value.join(', ') : value === undefined || value === null ? '' : String(value);
          };
          const wrong = at < 0 ? [] : plan.problems.filter(({ path }) => placeOf(path) === place);
          const line = [field('address'), field('user'), field('interface'), field('jump')].filter(
            (text) => text !== '',
          );
          const label = (
            <span className={styles.machine}>
              <strong>{name}</strong> {at >= 0 && <span className={styles.roles}>{field('roles')}</span>}
              <span className={styles.line} dir="ltr" translate="no">
                {line.join(' · ')}
              </span>
            </span>
          );
          return (
            <li key={name}>
              {selectable ? (
                <CheckInput
                  label={label}
                  checked={at >= 0}
                  onChange={(on) => onChoose(names.filter((item) => (item === name ? on : chosen.includes(item))))}
                />
              ) : (
                label
              )}
              {wrong.map((fault) => (
                <p key={`${fault.path} ${fault.code}`} className={styles.wrong}>
                  <code translate="no">{fault.path.replace(/^machines\.\d+\.?/, '')}</code> {words.planFault(fault)}
                </p>
              ))}
            </li>
          );
        })}
      </ul>
      {others.map((fault) => (
        <p key={`${fault.path} ${fault.code}`} className={styles.wrong}>
          <code translate="no">{fault.path}</code> {words.planFault(fault)}
        </p>
      ))}
      <p className="quiet">{t('ui.addMachines.sum', { count: chosen.length, before })}</p>
    </>
  );
};

/** The machine a fault is about, by its place in the plan. */
const placeOf = (path: string): number | null => {
  const [, place] = /^machines\.(\d+)(?:\.|$)/.exec(path) ?? [];
  return place === undefined ? null : Number(place);
};
