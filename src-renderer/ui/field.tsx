// Fields of a form: label, hint, error; one look for all.

import { Check, ChevronDown } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import {
  Checkbox as AriaCheckbox,
  Button,
  FieldError,
  Input,
  Label,
  ListBox,
  ListBoxItem,
  Popover,
  Select,
  SelectValue,
  Text,
  TextArea,
  TextField,
} from 'react-aria-components';
import { useTranslation } from 'react-i18next';
import styles from './field.module.css';

interface FieldProps {
  readonly label: ReactNode;
  readonly hint?: string | undefined;
  readonly error?: string | undefined;
  readonly required?: boolean;
}

const FieldLabel = ({ label, required }: { readonly label: ReactNode; readonly required: boolean }) => {
  const { t } = useTranslation();
  return (
    <Label className={styles.label}>
      {label}
      {!required && <span className={styles.optional}> {t('ui.optional')}</span>}
    </Label>
  );
};

interface TextProps extends FieldProps {
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly type?: 'text' | 'password';
  readonly mode?: 'text' | 'numeric';
  readonly mono?: boolean;
  /** Several lines instead of one. */
  readonly lines?: boolean;
  readonly onBlur?: () => void;
}

export const TextInput = (props: TextProps) => {
  const { label, hint, error, required = true, value, onChange, type = 'text', mode = 'text' } = props;
  const look = `${styles.input} ${props.mono ? styles.mono : ''} ${props.lines ? styles.lines : ''}`;
  return (
    <TextField
      className={styles.field ?? ''}
      value={value}
      onChange={onChange}
      type={type}
      inputMode={mode}
      isInvalid={error !== undefined}
      isRequired={required}
      validationBehavior="aria"
      autoComplete="off"
      {...(props.onBlur === undefined ? {} : { onBlur: props.onBlur })}
    >
      <FieldLabel label={label} required={required} />
      {props.lines === true ? (
        <TextArea className={look} rows={Math.min(8, Math.max(2, value.split('\n').length))} spellCheck={false} />
      ) : (
        <Input className={look} spellCheck={false} />
      )}
      {hint !== undefined && hint !== '' && (
        <Text slot="description" className={styles.hint ?? ''}>
          {hint}
        </Text>
      )}
      <FieldError className={styles.error ?? ''}>{error}</FieldError>
    </TextField>
  );
};

interface KeptProps extends Omit<TextProps, 'onChange' | 'onBlur'> {
  readonly onKeep: (value: string) => void;
}

/** A text that counts when its field is left. A value that changes from outside takes the draft's place. */
export const KeptInput = ({ value, onKeep, ...rest }: KeptProps) => {
  const [draft, setDraft] = useState(value);
  const [from, setFrom] = useState(value);
  if (from !== value) {
    setFrom(value);
    setDraft(value);
  }
  return <TextInput {...rest} value={draft} onChange={setDraft} onBlur={() => draft !== value && onKeep(draft)} />;
};

interface ChoiceProps extends FieldProps {
  readonly value: string | null;
  readonly onChange: (value: string) => void;
  readonly choices: readonly { readonly id: string; readonly text: string }[];
}

export const ChoiceInput = ({ label, hint, error, required = true, value, onChange, choices }: ChoiceProps) => (
  <Select
    className={styles.field ?? ''}
    selectedKey={value}
    onSelectionChange={(key) => onChange(String(key))}
    isInvalid={error !== undefined}
    validationBehavior="aria"
  >
    <FieldLabel label={label} required={required} />
    <Button className={`${styles.input} ${styles.choice}`}>
      <SelectValue>{({ selectedText }) => selectedText}</SelectValue>
      <ChevronDown aria-hidden size={18} />
    </Button>
    {hint !== undefined && hint !== '' && (
      <Text slot="description" className={styles.hint ?? ''}>
        {hint}
      </Text>
    )}
    <FieldError className={styles.error ?? ''}>{error}</FieldError>
    <Popover className={styles.popover ?? ''}>
      <ListBox className={styles.list ?? ''}>
        {choices.map(({ id, text }) => (
          <ListBoxItem key={id} id={id} textValue={text} className={styles.item ?? ''}>
            {({ isSelected }) => (
              <>
                <Check aria-hidden size={18} visibility={isSelected ? 'visible' : 'hidden'} />
                {text}
              </>
            )}
          </ListBoxItem>
        ))}
      </ListBox>
    </Popover>
  </Select>
);

interface CheckProps {
  readonly label: ReactNode;
  readonly checked: boolean;
  readonly onChange: (checked: boolean) => void;
  readonly hint?: string | undefined;
}

export const CheckInput = ({ label, checked, onChange, hint }: CheckProps) => (
  <AriaCheckbox className={styles.check ?? ''} isSelected={checked} onChange={onChange}>
    <span className={styles.box}>{checked && <Check aria-hidden size={16} strokeWidth={3} />}</span>
    <span>
      {label}
      {hint !== undefined && hint !== '' && <span className={styles.checkHint}>{hint}</span>}
    </span>
  </AriaCheckbox>
);
