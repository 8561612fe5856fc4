// Keys that press a button of the page from anywhere on it, for hands that stay on the keyboard. Never for what destroys.
import { type RefObject, useEffect } from 'react';

export const shortcuts = {
  /** The next act of the page. */
  act: { key: 'Enter', shown: 'Ctrl ⏎', named: 'Control+Enter' },
  stop: { key: '.', shown: 'Ctrl .', named: 'Control+.' },
} as const;
export type Shortcut = keyof typeof shortcuts;

/** A menu or a box that lies over the page has the keyboard to itself. */
const covered = (): boolean => document.querySelector('[role=dialog], [role=menu], [role=listbox]') !== null;

export function useShortcut(button: RefObject<HTMLButtonElement | null>, shortcut: Shortcut | undefined): void {
  useEffect(() => {
    if (shortcut === undefined) return;
    const { key, named } = shortcuts[shortcut];
    const shown = button.current;
    shown?.setAttribute('aria-keyshortcuts', named);
    const listen = (event: KeyboardEvent): void => {
      if (event.key !== key || !(event.ctrlKey || event.metaKey) || event.repeat || covered()) return;
      event.preventDefault();
      event.stopPropagation();
      button.current?.click();
    };
    // Before whatever has the focus takes the key for itself: a button is pressed by Enter.
    window.addEventListener('keydown', listen, true);
    return () => {
      window.removeEventListener('keydown', listen, true);
      shown?.removeAttribute('aria-keyshortcuts');
    };
  }, [button, shortcut]);
}
