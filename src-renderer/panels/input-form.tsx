// The form of a step, made from the fields its definition declares. Drafts are kept half a second after a change.
import { FolderOpen } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import type { FieldInfo } from '../../src-shared/step.ts';
import { useWords } from '../i18n/words.ts';
import type { StepInput } from '../state/actions.ts';
import { call } from '../state/bridge.ts';
import { Button } from '../ui/button.tsx';
import { CheckInput, ChoiceInput, TextInput } from '../ui/field.tsx';
import styles from './input-form.module.css';
import { MediumPicker } from './medium-picker.tsx';

interface Props {
  readonly step: string;
  readonly site: string;
  readonly fields: readonly FieldInfo[];
  readonly input: StepInput;
  /** Display names of picked paths, by token. */
  readonly names: Readonly<Record<string, string>>;
  readonly onChange: (name: string, value: string | number | boolean | null) => void;
  readonly onPicked: (token: string, display: string) => void;
}

export const InputForm = ({ step, site, fields, input, names, onChange, onPicked }: Props) => {
  const { t } = useTranslation();
  return (
    <section className={styles.form} aria-label={t('ui.step.input')}>
      {fields.map((field) => (
        <Field
          key={field.name}
          step={step}
          site={site}
          field={field}
          value={input[field.name] ?? field.initial}
          names={names}
          onChange={(value) => onChange(field.name, value)}
          onPicked={onPicked}
        />
      ))}
    </section>
  );
};

interface FieldProps {
  readonly step: string;
  readonly site: string;
  readonly field: FieldInfo;
  readonly value: unknown;
  readonly names: Props['names'];
  readonly onChange: (value: string | number | boolean | null) => void;
  readonly onPicked: Props['onPicked'];
}

const Field = ({ step, site, field, value, names, onChange, onPicked }: FieldProps) => {
  const { t } = useTranslation();
  const words = useWords();
  const base = `steps.${step}.input.${field.name}`;
  const label = words.maybe(`${base}.label`) ?? field.name;
  const hint = words.maybe(`${base}.hint`) ?? undefined;
  const text = typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';
  switch (field.kind) {
    case 'boolean':
      return <CheckInput label={label} hint={hint} checked={value === true} onChange={onChange} />;
    case 'choice':
      return (
        <ChoiceInput
          label={label}
          hint={hint}
          required={field.required}
          value={text === '' ? null : text}
          onChange={onChange}
          choices={field.choices.map((id) => ({ id, text: words.maybe(`${base}.${id}`) ?? id }))}
        />
      );
    case 'medium':
      return (
        <MediumPicker
          site={site}
          label={label}
          hint={hint}
          value={text === '' ? null : text}
          names={names}
          onChange={onChange}
          onPicked={onPicked}
        />
      );
    case 'path': {
      const pick = async () => {
        const folder = field.name.toLowerCase().includes('folder');
        const picked = await call('pick.path', { kind: folder ? 'folder' : 'file', title: label });
        if (picked === null) return;
        onPicked(picked.token, picked.display);
        onChange(picked.token);
      };
      return (
        <div className={styles.path}>
          <span className={styles.label}>{label}</span>
          {hint !== undefined && <span className="quiet small">{hint}</span>}
          <div className={styles.pathRow}>
            <code dir="ltr" translate="no">
              {text === '' ? t('ui.pick.none') : (names[text] ?? text)}
            </code>
            <Button
              onPress={() => void pick()}
              icon={<FolderOpen aria-hidden />}
              aria-label={`${t('ui.pick.choose')} ${label}`}
            >
              {t('ui.pick.choose')}
            </Button>
          </div>
        </div>
      );
    }
    default: {
      const numeric = field.kind === 'number';
      const wrong = numeric && text !== '' && !/^-?\d+(\.\d+)?$/.test(text);
      return (
        <TextInput
          label={label}
          hint={hint}
          required={field.required}
          type={field.kind === 'secret' ? 'password' : 'text'}
          mode={numeric ? 'numeric' : 'text'}
          value={text}
          error={wrong ? t('ui.step.notNumber') : undefined}
          onChange={(typed) =>
            onChange(numeric && /^-?\d+(\.\d+)?$/.test(typed) ? Number(typed) : typed === '' ? null : typed)
          }
        />
      );
    }
  }
};
