// A turn that counts up whenever drives of the laptop have changed: plugged, pulled, mounted. Used by the pages about media.
import { useEffect, useState } from 'react';
import { call } from './bridge.ts';

export function useDrivesTurn(site: string): number {
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    let watching = true;
    const watch = async () => {
      for (let mark = ''; watching; ) {
        const now = await call('media.next', { site, mark });
        if (!watching || now.mark === mark) continue;
        if (mark !== '') setTurn((before) => before + 1);
        mark = now.mark;
      }
    };
    // A scan that fails shows where its result is asked for.
    watch().catch(() => undefined);
    return () => {
      watching = false;
    };
  }, [site]);
  return turn;
}
