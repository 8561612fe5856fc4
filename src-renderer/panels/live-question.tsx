// The question that a step has for the person, wherever it is shown: on the step's own page, or on the overview while a chapter
// runs from there. Answering goes on with the run that asked.
import type { InstanceView } from '../../src-shared/journal.ts';
import { answer, changeSettings } from '../state/actions.ts';
import { type LiveView, noLive } from '../state/live.ts';
import { runOf } from '../state/step-state.ts';
import { type OpenedSite, useStore } from '../state/store.ts';
import { QuestionPanel } from './question-panel.tsx';

interface Props {
  readonly site: OpenedSite;
  readonly instance: InstanceView;
}

/** A question outside a plan comes live; one inside a plan is in the record as well. */
export const LiveQuestion = ({ site, instance }: Props) => {
  const technician = useStore((state) => state.settings.technician);
  const live: LiveView = site.live[instance.key] ?? noLive;
  const question = live.question?.question ?? instance.waitingFor;
  if (question === null) return null;
  const asked = live.question?.run ?? runOf(site, instance.key) ?? '';
  return (
    <QuestionPanel
      key={question.id}
      question={question}
      technician={technician}
      onTechnician={(name) => void changeSettings({ technician: name })}
      onAnswer={(value) => void answer(site.name, instance.key, asked, question.id, value)}
    />
  );
};
