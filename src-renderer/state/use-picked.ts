// A medium that is being chosen on a page: its token, and how what was picked is shown.
import { useState } from 'react';

export function usePicked() {
  const [chosen, setChosen] = useState<string | null>(null);
  const [names, setNames] = useState<Readonly<Record<string, string>>>({});
  const picked = (token: string, display: string): void => setNames((now) => ({ ...now, [token]: display }));
  return { chosen, setChosen, names, picked, shown: chosen === null ? null : (names[chosen] ?? chosen) };
}
