// Sentences that come as keys and parameters, and names of instances. One place, so that all pages say the same.
import { useTranslation } from 'react-i18next';
import type { InstanceView } from '../../src-shared/journal.ts';
import type { PlanFaultSaid } from '../../src-shared/plan-fault.ts';
import type { Params } from '../../src-shared/problem.ts';
import { readableParams } from '../../src-shared/readable.ts';
import { type Subject, subjectName, type Told } from '../../src-shared/step.ts';

type Part = 'title' | 'cause' | 'untouched' | 'next';

export interface Words {
  /** A told sentence. */
  readonly told: (told: Told) => string;
  /** A part of a problem's text. */
  readonly problem: (code: string, part: Part, params: Params) => string;
  /** What is wrong in a site plan. */
  readonly planFault: (fault: PlanFaultSaid) => string;
  readonly stepTitle: (step: string) => string;
  /** Step and subject, for sentences that stand alone. */
  readonly instanceTitle: (instance: Pick<InstanceView, 'step' | 'subject'>) => string;
  /** The subject alone, empty for the site. */
  readonly subject: (subject: Subject) => string;
  /** A text when it exists, else null. */
  readonly maybe: (key: string, params?: Params) => string | null;
}

export function useWords(): Words {
  const { t, i18n } = useTranslation();
  const readable = (params: Params): Params => readableParams(params, i18n.language);
  const subject = (of: Subject): string => subjectName(of);
  const stepTitle = (step: string): string => t(`steps.${step}.title`);
  return {
    told: ({ key, params }) => t(key, readable(params)),
    problem: (code, part, params) => t(`problems.${code}.${part}`, readable(params)),
    planFault: ({ code, value, other }) => t(`problems.site-plan-invalid.faults.${code}`, { value, other }),
    stepTitle,
    instanceTitle: (instance) => {
      const name = subject(instance.subject);
      return name === ''
        ? stepTitle(instance.step)
        : t('ui.stepFor', { step: stepTitle(instance.step), subject: name });
    },
    subject,
    maybe: (key, params = {}) => (i18n.exists(key) ? t(key, readable(params)) : null),
  };
}
