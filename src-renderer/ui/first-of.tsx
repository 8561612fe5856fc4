// The first of many things as a list, and how many more there are: what is long is never cut off in silence.
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';

interface Props<T> {
  readonly items: readonly T[];
  /** So many say enough. */
  readonly most: number;
  readonly className: string | undefined;
  readonly keyOf?: (item: T) => string;
  readonly children: (item: T) => ReactNode;
}

export const FirstOf = <T,>({ items, most, className, keyOf = String, children }: Props<T>) => {
  const { t } = useTranslation();
  return (
    <ul className={className}>
      {items.slice(0, most).map((item) => (
        <li key={keyOf(item)}>{children(item)}</li>
      ))}
      {items.length > most && <li>{t('ui.contents.more', { count: items.length - most })}</li>}
    </ul>
  );
};
