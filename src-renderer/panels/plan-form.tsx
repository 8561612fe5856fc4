// The site plan as a form beside its text. Every field is derived from the plan's schema; a value is set in the text when
// its field is left, so that both sides are always the same plan.
import { Plus, Trash2 } from 'lucide-react';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import type { PlanReading } from '../../src-shared/api.ts';
import type { Json } from '../../src-shared/json.ts';
import {
  anotherLike,
  type FormField,
  type FormNode,
  type FormPath,
  labelPath,
  planForm,
  valueAt,
} from '../../src-shared/plan-form.ts';
import { useWords } from '../i18n/words.ts';
import { Button } from '../ui/button.tsx';
import { CheckInput, ChoiceInput, KeptInput } from '../ui/field.tsx';
import { Fold } from '../ui/fold.tsx';
import styles from './plan-form.module.css';

interface Props {
  readonly reading: PlanReading;
  /** Sets a value in the text; null takes it out. */
  readonly set: (path: FormPath, value: Json) => void;
}

/** What a further machine or release must have of its own. */
const own = ['address', 'addresses', 'hostKey', 'url', 'archives'];

/** A site keeps its name; keys are compared and pinned where they are shown. */
const shown = ({ key }: FormField): boolean => key !== 'name' && key !== 'trust';

export const PlanForm = ({ reading, set }: Props) => {
  const form = useMemo(planForm, []);
  return (
    <div className={styles.form}>
      {form.fields.filter(shown).map((field) => (
        <Section key={field.key} field={field} reading={reading} set={set} />
      ))}
    </div>
  );
};

interface FieldProps extends Props {
  readonly field: FormField;
}

const Section = ({ field, reading, set }: FieldProps) => {
  const { t } = useTranslation();
  const path = [field.key];
  const title = t(`ui.planForm.${field.key}.title`);
  const used = valueAt(reading.value, path) !== undefined;
  const faulty = reading.problems.some((item) => item.path.startsWith(field.key));
  const inside = <Field field={field} path={path} reading={reading} set={set} />;
  if (field.required) {
    return (
      <section className={styles.section} aria-label={t('ui.planForm.section', { title })}>
        <h2>{title}</h2>
        {inside}
      </section>
    );
  }
  return (
    <section className={styles.section} aria-label={t('ui.planForm.section', { title })}>
      <Fold title={title} open={used || faulty}>
        {inside}
      </Fold>
    </section>
  );
};

interface PlacedProps extends FieldProps {
  readonly path: FormPath;
}

const Field = ({ field, path, reading, set }: PlacedProps) => {
  const { t } = useTranslation();
  const words = useWords();
  const { node } = field;
  const texts = `ui.planForm.${labelPath(path)}`;
  if (node.kind === 'group') return <Group node={node} path={path} reading={reading} set={set} />;
  if (node.kind === 'groups') return <Groups node={node} path={path} reading={reading} set={set} />;
  const value = valueAt(reading.value, path);
  const fault = reading.problems.find((item) => item.path === path.join('.'));
  const error = fault === undefined ? undefined : words.planFault(fault);
  const common = { label: t(`${texts}.label`), required: field.required, error };
  const hint = (fallback: string | number | null): string =>
    [
      t(`${texts}.hint`, { defaultValue: '' }),
      fallback === null || fallback === '' ? '' : t('ui.planForm.fallback', { fallback }),
    ]
      .filter((text) => text !== '')
      .join(' ');
  switch (node.kind) {
    case 'choice':
      return (
        <ChoiceInput
          {...common}
          hint={hint(node.fallback)}
          value={typeof value === 'string' ? value : node.fallback}
          choices={node.options.map((id) => ({ id, text: id }))}
          onChange={(chosen) => set(path, chosen)}
        />
      );
    case 'choices': {
      const chosen = Array.isArray(value) ? (value as readonly Json[]) : [];
      return (
        <fieldset className={styles.choices}>
          <legend>{common.label}</legend>
          {node.options.map((option) => (
            <CheckInput
              key={option}
              label={t(`ui.role.${option}`, { defaultValue: option })}
              checked={chosen.includes(option)}
              onChange={(on) =>
                set(
                  path,
                  node.options.filter((item) => (item === option ? on : chosen.includes(item))),
                )
              }
            />
          ))}
          {error !== undefined && <p className={styles.error}>{error}</p>}
        </fieldset>
      );
    }
    case 'flag':
      return (
        <CheckInput
          label={common.label}
          hint={hint(null)}
          checked={typeof value === 'boolean' ? value : node.fallback}
          onChange={(on) => set(path, on)}
        />
      );
    case 'texts':
      return (
        <KeptInput
          {...common}
          mono
          hint={[hint(null), t('ui.planForm.commas')].filter((text) => text !== '').join(' ')}
          value={Array.isArray(value) ? value.join(', ') : ''}
          onKeep={(text) => {
            const items = text.split(/[\s,]+/).filter((item) => item !== '');
            set(path, items.length === 0 ? null : items);
          }}
        />
      );
    case 'pairs':
      return (
        <KeptInput
          {...common}
          mono
          lines
          hint={[hint(null), t('ui.planForm.pairs')].filter((text) => text !== '').join(' ')}
          value={Object.entries(value ?? {})
            .map(([key, item]) => `${key}: ${String(item)}`)
            .join('\n')}
          onKeep={(text) => {
            const pairs = text.split('\n').flatMap((line) => {
              const [, key, item] = /^\s*([^:\s]+)\s*:\s*(.*\S)\s*$/.exec(line) ?? [];
              return key === undefined || item === undefined ? [] : [[key, item] as const];
            });
            set(path, pairs.length === 0 ? null : Object.fromEntries(pairs));
          }}
        />
      );
    case 'number':
      return (
        <KeptInput
          {...common}
          mode="numeric"
          hint={hint(node.fallback)}
          value={value === undefined || value === null ? '' : String(value)}
          onKeep={(text) => set(path, text === '' ? null : /^\d+$/.test(text) ? Number(text) : text)}
        />
      );
    case 'text':
      return (
        <KeptInput
          {...common}
          mono
          hint={hint(node.fallback)}
          value={value === undefined || value === null ? '' : String(value)}
          onKeep={(text) => set(path, text === '' ? null : text)}
        />
      );
  }
};

interface GroupProps extends Props {
  readonly node: Extract<FormNode, { kind: 'group' }>;
  readonly path: FormPath;
}

const Group = ({ node, path, reading, set }: GroupProps) => (
  <div className={styles.group}>
    {node.fields.map((field) => (
      <Field key={field.key} field={field} path={[...path, field.key]} reading={reading} set={set} />
    ))}
  </div>
);

interface GroupsProps extends Props {
  readonly node: Extract<FormNode, { kind: 'groups' }>;
  readonly path: FormPath;
}

const Groups = ({ node, path, reading, set }: GroupsProps) => {
  const { t } = useTranslation();
  const value = valueAt(reading.value, path);
  const items = Array.isArray(value) ? (value as readonly Json[]) : [];
  const texts = `ui.planForm.${labelPath(path)}`;
  return (
    <div className={styles.items}>
      {items.map((item, index) => {
        const name = valueAt(item, ['name']);
        const title = typeof name === 'string' ? name : t(`${texts}.untitled`, { number: index + 1 });
        return (
          // biome-ignore lint/suspicious/noArrayIndexKey: an item is its place in the list
          <fieldset key={index} className={styles.item} aria-label={title}>
            <header>
              <h3>{title}</h3>
              <Button
                kind="quiet"
                icon={<Trash2 aria-hidden />}
                aria-label={t('ui.planForm.remove', { name: title })}
                onPress={() => set([...path, index], null)}
              />
            </header>
            <Group node={node.item} path={[...path, index]} reading={reading} set={set} />
          </fieldset>
        );
      })}
      <div>
        <Button
          kind="plain"
          icon={<Plus aria-hidden />}
          onPress={() => set([...path, items.length], anotherLike(items, own))}
        >
          {t(`${texts}.add`)}
        </Button>
      </div>
    </div>
  );
};
