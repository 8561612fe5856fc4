// What an act came to that belongs to no step: asked for whenever the site is at rest, so that a reload shows it too. With the way to stop
// it, and whether it was stopped here before anything came of it.
import { useEffect, useRef, useState } from 'react';
import type { InputOf, OutputOf } from '../../src-shared/api.ts';
import { cancel } from './actions.ts';
import { call } from './bridge.ts';
import type { OpenedSite } from './store.ts';

type Outcome =
  | 'media.rehearsal'
  | 'media.verified'
  | 'media.cloned'
  | 'media.restored'
  | 'media.repaired'
  | 'machines.surveyed';

interface UseOutcome<N extends Outcome> {
  readonly last: OutputOf<N> | null;
  /** Nothing is under way on the site. */
  readonly idle: boolean;
  readonly stopping: boolean;
  readonly stopped: boolean;
  readonly stop: () => void;
}

export function useOutcome<N extends Outcome>(site: OpenedSite, name: N): UseOutcome<N> {
  const [last, setLast] = useState<OutputOf<N> | null>(null);
  const [stopping, setStopping] = useState(false);
  const [stopped, setStopped] = useState(false);
  const asked = useRef(false);
  const idle = site.runs.length === 0;
  useEffect(() => {
    setStopping(false);
    if (!idle) return;
    let current = true;
    const wasAsked = asked.current;
    asked.current = false;
    // All of them are asked with the site alone.
    call(name, { site: site.name } as InputOf<N>).then(
      (answer) => {
        if (!current) return;
        setLast(answer);
        setStopped(wasAsked && answer === null);
      },
      () => undefined,
    );
    return () => {
      current = false;
    };
  }, [site.name, name, idle]);
  const stop = (): void => {
    const under = site.runs[0]?.run;
    if (under === undefined) return;
    setStopping(true);
    asked.current = true;
    void cancel(site.name, under);
  };
  return { last, idle, stopping, stopped, stop };
}
