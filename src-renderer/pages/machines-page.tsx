// More machines into the site plan: one by hand, or those of a list that somebody has already. What would stand in the plan is shown
// machine by machine, with each problem at its machine or at the list's line, before anything is written.
import { FileText } from 'lucide-react';
import { type ChangeEvent, useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type ListKind, listKinds, machineListLimits, type OutputOf } from '../../src-shared/api.ts';
import { formatBytes } from '../../src-shared/format.ts';
import type { Json } from '../../src-shared/json.ts';
import { valueAt } from '../../src-shared/plan-form.ts';
import { type ProblemData, toProblemData } from '../../src-shared/problem.ts';
import { type Role, roles } from '../../src-shared/site.ts';
import { terminalForms } from '../../src-shared/terminal-forms.ts';
import { Heading } from '../app/heading.tsx';
import { useWords } from '../i18n/words.ts';
import { ProblemPanel } from '../panels/problem-panel.tsx';
import { SurveyPanel } from '../panels/survey-panel.tsx';
import { Terminal } from '../panels/terminal.tsx';
import { call } from '../state/bridge.ts';
import { go } from '../state/route.ts';
import { loadSite } from '../state/sites.ts';
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

/** An answer, and what it answers: the whole question, and the list alone. */
interface Answered {
  readonly question: string;
  readonly list: string;
  readonly preview: Preview;
}

export const MachinesPage = ({ site }: { readonly site: OpenedSite }) => {
  const { t } = useTranslation();
  const [way, setWay] = useState<Way>('one');
  const [one, setOne] = useState({ name: '', address: '' });
  const [list, setList] = useState({ text: '', name: '' });
  const [kind, setKind] = useState<ListKind | null>(null);
  const [chosen, setChosen] = useState<readonly number[] | null>(null);
  const [said, setSaid] = useState<Readonly<Record<(typeof wishes)[number], string>>>({
    user: '',
    interface: '',
    jump: '',
  });
  const [role, setRole] = useState<readonly Role[]>(['node']);
  const [answered, setAnswered] = useState<Answered | null>(null);
  const [saving, setSaving] = useState(false);
  const [trouble, setTrouble] = useState<ProblemData | null>(null);
  const shared: Readonly<Record<string, Json>> = {
    roles: [...role],
    ...Object.fromEntries(wishes.flatMap((wish) => (said[wish] === '' ? [] : [[wish, said[wish]]]))),
  };
  const asked = {
    site: site.name,
    list: way === 'list' && list.text.trim() !== '' && !tooLarge(list.text.length) ? { ...list, kind } : null,
    one: way === 'one' && one.name !== '' && one.address !== '' ? one : null,
    chosen: chosen === null ? null : [...chosen],
    shared,
  };
  const question = JSON.stringify(asked);
  const listAsked = JSON.stringify(asked.list);
  const latest = useRef(question);
  latest.current = question;
  const nothing = asked.list === null && asked.one === null;
  // biome-ignore lint/correctness/useExhaustiveDependencies: what is asked, by its text
  useEffect(() => {
    if (nothing) {
      setAnswered(null);
      setTrouble(null);
      return;
    }
    const timer = setTimeout(() => {
      call('machines.read', asked).then(
        (answer) => {
          if (latest.current !== question) return;
          setAnswered({ question, list: listAsked, preview: answer });
          setTrouble(null);
        },
        (thrown: unknown) => {
          if (latest.current !== question) return;
          setAnswered(null);
          setTrouble(toProblemData(thrown));
        },
      );
    }, pauseMs);
    return () => clearTimeout(timer);
  }, [question]);

  // What is shown may be of a moment ago; what is saved answers exactly what stands on the page.
  const preview = answered?.preview ?? null;
  const current = answered?.question === question;
  const reading = !nothing && !current && trouble === null;
  const count = preview?.added.length ?? 0;
  const ready = preview !== null && current && count > 0 && preview.plan.problems.length === 0;
  // The ticks are the page's own: each counts at once, whatever answer is on its way. On a list that is being replaced none does.
  const tick = (place: number, on: boolean) => {
    if (answered?.list !== listAsked) return;
    setChosen((now) => {
      const others = (now ?? answered.preview.chosen).filter((item) => item !== place);
      return on ? [...others, place] : others;
    });
  };
  const save = async () => {
    if (preview === null) return;
    setSaving(true);
    try {
      const answer = await call('site.savePlan', {
        site: site.name,
        text: preview.plan.text,
        base: preview.base,
      });
      if (!answer.saved) return;
      await loadSite(site.name);
      go({ page: 'plan', site: site.name });
    } catch (thrown) {
      setTrouble(toProblemData(thrown));
    } finally {
      setSaving(false);
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
              onKind={(next) => {
                setKind(next);
                setChosen(null);
              }}
              onList={(next) => {
                setList(next);
                setChosen(null);
              }}
            />
          )}
          <fieldset className={styles.shared}>
            <legend>{t(way === 'one' ? 'ui.addMachines.its' : 'ui.addMachines.shared')}</legend>
            <fieldset className={styles.roleChoices}>
              <legend>{t('ui.planForm.machines.roles.label')}</legend>
              {offered.map((id) => (
                <CheckInput
                  key={id}
                  label={t(`ui.role.${id}`)}
                  checked={role.includes(id)}
                  onChange={(on) => setRole(roles.filter((item) => (item === id ? on : role.includes(item))))}
                />
              ))}
            </fieldset>
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
        <section className={styles.preview} aria-labelledby="machines-preview" aria-live="polite" aria-busy={reading}>
          <h2 id="machines-preview">{t('ui.addMachines.preview')}</h2>
          {trouble !== null && <ProblemPanel problem={trouble} />}
          {nothing && trouble === null && <p className="quiet">{t('ui.addMachines.nothing')}</p>}
          {preview !== null && <Machines preview={preview} ticked={chosen ?? preview.chosen} onTick={tick} />}
          {reading && <p className="quiet">{t('ui.addMachines.reading')}</p>}
        </section>
      </div>
      <Acts>
        <Button kind="act" isPending={saving} isDisabled={!ready} onPress={() => void save()}>
          {t('ui.addMachines.act', { count })}
        </Button>
        <Terminal argv={commandOf(site.name, way, one, list.name, preview, role, said)} />
      </Acts>
      <SurveyPanel site={site} />
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
): readonly string[] {
  const what =
    way === 'one'
      ? [one.name || 'NAME', '--address', one.address || 'ADDRESS']
      : [
          ...(preview !== null && preview.chosen.length < preview.found.length ? preview.added : []),
          '--from',
          file === '' ? 'FILE' : file,
        ];
  const more = wishes.flatMap((wish) => (said[wish] === '' ? [] : [`--${wish}`, said[wish]]));
  return terminalForms.addMachines(site, [...what, ...role.flatMap((one) => ['--role', one]), ...more]);
}

interface ListProps {
  readonly list: { readonly text: string; readonly name: string };
  readonly kind: ListKind;
  readonly onKind: (kind: ListKind) => void;
  readonly onList: (list: { readonly text: string; readonly name: string }) => void;
}

const tooLarge = (size: number): boolean => size > machineListLimits.textLength;

/** Chosen as a file, or put in by hand. The file is read here, in the page: only its text goes on. */
const ListInput = ({ list, kind, onKind, onList }: ListProps) => {
  const { t, i18n } = useTranslation();
  const input = useRef<HTMLInputElement>(null);
  const [refused, setRefused] = useState<string | null>(null);
  const largeText = (name: string): string =>
    t('ui.addMachines.large', { name, limit: formatBytes(machineListLimits.textLength, i18n.language) });
  const give = (next: ListProps['list']) => {
    setRefused(null);
    onList(next);
  };
  const read = async ({ target }: ChangeEvent<HTMLInputElement>) => {
    const [file] = target.files ?? [];
    target.value = '';
    if (file === undefined) return;
    if (tooLarge(file.size)) return setRefused(largeText(file.name));
    try {
      give({ text: await file.text(), name: file.name });
    } catch {
      setRefused(t('ui.addMachines.unreadable', { name: file.name }));
    }
  };
  const typedTooLarge = tooLarge(list.text.length) ? largeText(t('ui.addMachines.text')) : undefined;
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
        onChange={(text) => give({ ...list, text })}
        error={refused ?? typedTooLarge}
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
  /** By their places in the list: two of it may have one name. */
  readonly ticked: readonly number[];
  readonly onTick: (place: number, on: boolean) => void;
}

/** Each machine as the plan would hold it, and what is wrong with it there. */
const Machines = ({ preview, ticked, onTick }: MachinesProps) => {
  const { t } = useTranslation();
  const { kind, added, before, plan } = preview;
  const rows = rowsOf(preview);
  const shown = new Set(rows.map(({ place }) => place));
  const others = plan.problems.filter(({ path }) => {
    const place = placeOf(path);
    return place === null || !shown.has(place);
  });
  return (
    <>
      <ul className={styles.machines}>
        {rows.map(({ name, fields, place }, index) => {
          const field = (key: string): string => {
            const value = place === null ? fields[key] : valueAt(plan.value, ['machines', place, key]);
            if (key === 'roles' && Array.isArray(value))
              return value.map((id) => t(`ui.role.${String(id)}`, { defaultValue: String(id) })).join(', ');
            return Array.isArray(value) ? value.join(', ') : value === undefined || value === null ? '' : String(value);
          };
          const wrong = place === null ? [] : plan.problems.filter(({ path }) => placeOf(path) === place);
          const line = [field('address'), field('user'), field('interface'), field('jump')].filter(
            (text) => text !== '',
          );
          const label = (
            <span className={styles.machine}>
              <strong>{name}</strong> {place !== null && <span className={styles.roles}>{field('roles')}</span>}
              <span className={styles.line} dir="ltr" translate="no">
                {line.join(' · ')}
              </span>
            </span>
          );
          return (
            // biome-ignore lint/suspicious/noArrayIndexKey: two machines of a list may have one name
            <li key={index}>
              {kind !== null ? (
                <CheckInput label={label} checked={ticked.includes(index)} onChange={(on) => onTick(index, on)} />
              ) : (
                label
              )}
              <Faults faults={wrong} />
            </li>
          );
        })}
      </ul>
      <Faults faults={others} whole />
      <p className="quiet">{t('ui.addMachines.sum', { count: added.length, before })}</p>
    </>
  );
};

/** The machines in the order of the list, each with its place in the plan, null for one that is not chosen. */
function rowsOf({ kind, found, chosen, added, before }: Preview) {
  if (kind === null) return added.map((name, index) => ({ name, fields: {} as Fields, place: before + index }));
  // They stand in the plan in the order of the list.
  const inOrder = [...chosen].sort((one, other) => one - other);
  return found.map(({ name, fields }, index) => {
    const at = inOrder.indexOf(index);
    return { name, fields, place: at < 0 ? null : before + at };
  });
}

type Fields = Preview['found'][number]['fields'];

interface FaultsProps {
  readonly faults: Preview['plan']['problems'];
  /** With their whole path, as they stand at no machine of the list. */
  readonly whole?: boolean;
}

const Faults = ({ faults, whole = false }: FaultsProps) => {
  const words = useWords();
  return faults.map((fault, index) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: faults have no identity but their place
    <p key={index} className={styles.wrong}>
      <code translate="no">{whole ? fault.path : fault.path.replace(/^machines\.\d+\.?/, '')}</code>{' '}
      {words.planFault(fault)}
    </p>
  ));
};

/** The machine a fault is about, by its place in the plan. */
const placeOf = (path: string): number | null => {
  const [, place] = /^machines\.(\d+)(?:\.|$)/.exec(path) ?? [];
  return place === undefined ? null : Number(place);
};
