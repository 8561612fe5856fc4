// Asks main again and again while somebody may be looking: for what changes without an event, such as a stick that is pulled.
import { useEffect } from 'react';

/** How often somebody with a stick in the hand is looked after. */
const everyMs = 4000;

/**
 * One look after the other: a drive that hangs holds back the next. What fails is asked again; an answer that comes after
 * `key` changed is dropped.
 * @param key what the question is about
 */
export function useRepeated<T>(key: string, ask: () => Promise<T>, tell: (answer: T) => void): void {
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key says when the question is another one
  useEffect(() => {
    let current = true;
    let timer: ReturnType<typeof setTimeout>;
    const look = async (): Promise<void> => {
      if (!document.hidden) {
        const answer = await ask().catch(() => null);
        if (!current) return;
        if (answer !== null) tell(answer);
      }
      timer = setTimeout(() => void look(), everyMs);
    };
    void look();
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [key]);
}
