// A question to the person: compare something, type something, give a secret, choose. A secret is never shown again.
import { MessageCircleQuestion } from 'lucide-react';
import { type FormEvent, useEffect, useRef, useState } from 'react';
import { TextFieldContext } from 'react-aria-components';
import { useTranslation } from 'react-i18next';
import { technicianLength } from '../../src-shared/api.ts';
import type { Question } from '../../src-shared/step.ts';
import { useWords } from '../i18n/words.ts';
import { Button } from '../ui/button.tsx';
import { CopyButton } from '../ui/copy-button.tsx';
import { KeptInput, TextInput } from '../ui/field.tsx';
import styles from './question-panel.module.css';

/** What is answered by a button for each answer; null for what is typed. */
const answersOf = ({ kind, choices }: Question): readonly string[] | null =>
  kind === 'confirm' ? ['yes', 'no'] : kind === 'choice' ? choices : null;

interface Props {
  readonly question: Question;
  /** Who answers, as last typed on this laptop. */
  readonly technician: string;
  readonly onTechnician: (name: string) => void;
  readonly onAnswer: (value: string) => void;
}

export const QuestionPanel = ({ question, technician, onTechnician, onAnswer }: Props) => {
  const { t } = useTranslation();
  const words = useWords();
  const panel = useRef<HTMLElement>(null);
  // A question takes the focus once, so that nobody has to look for it.
  // biome-ignore lint/correctness/useExhaustiveDependencies: once for each question
  useEffect(() => {
    panel.current?.querySelector<HTMLElement>(answersOf(question) === null ? 'form input' : 'h2')?.focus();
  }, [question.id]);
  const hint = words.maybe(`${question.key}.hint`, question.params);
  return (
    <section ref={panel} className={styles.panel} aria-labelledby="question-title" data-question={question.id}>
      <h2 id="question-title" tabIndex={-1} className={styles.title}>
        <MessageCircleQuestion aria-hidden size={20} />
        {words.told({ key: `${question.key}.title`, params: question.params })}
      </h2>
      {hint !== null && <Hint text={hint} />}
      {question.show.length > 0 && (
        <dl className={styles.shown}>
          {question.show.map(({ label, value }) => (
            <Shown key={`${label} ${value}`} label={words.maybe(`ui.question.show.${label}`) ?? label} value={value} />
          ))}
        </dl>
      )}
      {question.kind !== 'secret' && (
        <TextFieldContext.Provider value={{ maxLength: technicianLength }}>
          <KeptInput
            label={t('ui.question.technician')}
            hint={t('ui.question.technicianHint')}
            required={false}
            value={technician}
            onKeep={onTechnician}
          />
        </TextFieldContext.Provider>
      )}
      <AnswerForm key={question.id} question={question} onAnswer={onAnswer} />
    </section>
  );
};

/** What to do, in paragraphs; lines that begin with their number are steps, one after the other. */
const Hint = ({ text }: { readonly text: string }) => {
  const lines = text.split('\n');
  const steps = lines.flatMap((line) => /^\d+\. (.*)$/.exec(line)?.[1] ?? []);
  if (steps.length !== lines.length) return lines.map((line) => <p key={line}>{line}</p>);
  return (
    <ol className={styles.steps}>
      {steps.map((step) => (
        <li key={step}>{step}</li>
      ))}
    </ol>
  );
};

/** A value to compare: large, in groups, copied without the gaps. */
const Shown = ({ label, value }: { readonly label: string; readonly value: string }) => {
  const { t } = useTranslation();
  if (value.includes('\n'))
    return (
      <>
        {/* Drawn of signs, for the eye alone: what is read out is the line above. */}
        <dt aria-hidden>{label}</dt>
        <dd aria-hidden>
          <pre className={styles.drawn} dir="ltr" translate="no">
            {value}
          </pre>
        </dd>
      </>
    );
  const [, kind = '', rest = ''] = /^(SHA256:|MD5:|)(.*)$/.exec(value) ?? [];
  // A key's own fingerprint has no word before it.
  const isPrint = kind !== '' || /^[0-9A-F]{40}$/.test(value);
  const groups = isPrint ? (rest.match(/.{1,4}/g) ?? []) : [value];
  return (
    <>
      <dt>{label}</dt>
      <dd>
        <span className={`${styles.value} ${isPrint ? styles.large : ''}`} dir="ltr" translate="no">
          {kind !== '' && <span className={styles.group}>{kind}</span>}
          {groups.map((group, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: groups have no identity but their place
            <span key={index} className={styles.group}>
              {group}
            </span>
          ))}
        </span>
        <CopyButton compact text={value} label={t('ui.copyOf', { what: label })} />
      </dd>
    </>
  );
};

const AnswerForm = ({ question, onAnswer }: Pick<Props, 'question' | 'onAnswer'>) => {
  const { t } = useTranslation();
  const words = useWords();
  const [value, setValue] = useState('');
  const [again, setAgain] = useState('');
  const [tried, setTried] = useState(false);
  const differs = question.twice === true && again !== value;
  const word = (choice: string): string =>
    words.maybe(`${question.key}.${choice}`, question.params) ??
    words.maybe(`ui.question.${choice}`, question.params) ??
    choice;
  const answers = answersOf(question);
  if (answers !== null) {
    return (
      <div className={styles.acts}>
        {answers.map((answer) => (
          // Of several answers none stands out: one of them is right, and the program does not know which.
          <Button
            key={answer}
            kind={question.kind === 'confirm' && answer === 'yes' ? 'act' : 'plain'}
            onPress={() => onAnswer(answer)}
          >
            {word(answer)}
          </Button>
        ))}
      </div>
    );
  }
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    if (value !== '' && !differs) onAnswer(value);
  };
  return (
    <form onSubmit={submit} className={styles.form}>
      <TextInput
        label={question.kind === 'secret' ? t('ui.question.secret') : t('ui.question.answer')}
        hint={question.kind === 'secret' ? t('ui.question.secretHint') : undefined}
        type={question.kind === 'secret' ? 'password' : 'text'}
        value={value}
        onChange={setValue}
      />
      {question.twice === true && (
        <TextInput
          label={t('ui.question.again')}
          type="password"
          value={again}
          onChange={setAgain}
          error={tried && differs ? t('ui.question.differ') : undefined}
        />
      )}
      <div className={styles.acts}>
        <Button kind="act" type="submit" isDisabled={value === ''}>
          {t('ui.question.give')}
        </Button>
      </div>
    </form>
  );
};
