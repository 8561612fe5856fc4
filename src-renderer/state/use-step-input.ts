// The input of a step while it is typed: kept as a draft half a second after the last change, and on leaving.
import { useCallback, useEffect, useRef, useState } from 'react';
import type { InstanceView } from '../../src-shared/journal.ts';
import type { FieldInfo } from '../../src-shared/step.ts';
import { type StepInput, saveDraft } from './actions.ts';
import { draftOf, startingInput } from './step-state.ts';
import type { OpenedSite } from './store.ts';

const draftDelayMs = 500;

export interface TypedInput {
  readonly input: StepInput;
  readonly change: (name: string, value: string | number | boolean | null) => void;
  /** Display names of picked paths, by token. */
  readonly names: Readonly<Record<string, string>>;
  readonly rememberName: (token: string, display: string) => void;
}

export function useStepInput(site: OpenedSite, instance: InstanceView, fields: readonly FieldInfo[]): TypedInput {
  const [input, setInput] = useState<StepInput>(() => startingInput(site, instance, fields));
  const [names, setNames] = useState<Readonly<Record<string, string>>>({});
  const unsaved = useRef<StepInput | null>(null);
  const save = useCallback(() => {
    if (unsaved.current === null) return;
    saveDraft(site.name, instance.key, draftOf(fields, unsaved.current));
    unsaved.current = null;
  }, [site.name, instance.key, fields]);
  const saveNow = useRef(save);
  saveNow.current = save;

  // biome-ignore lint/correctness/useExhaustiveDependencies: each change starts the delay anew
  useEffect(() => {
    const timer = setTimeout(() => saveNow.current(), draftDelayMs);
    return () => clearTimeout(timer);
  }, [input]);
  useEffect(() => () => saveNow.current(), []);

  const change = useCallback((name: string, value: string | number | boolean | null) => {
    setInput((was) => {
      const { [name]: _old, ...rest } = was;
      const now = value === null ? rest : { ...rest, [name]: value };
      unsaved.current = now;
      return now;
    });
  }, []);
  const rememberName = useCallback(
    (token: string, display: string) => setNames((was) => ({ ...was, [token]: display })),
    [],
  );
  return { input, change, names, rememberName };
}
