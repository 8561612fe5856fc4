// The title of a page: takes the focus when the page changes, and names the window.
import { type ReactNode, useEffect, useRef } from 'react';

interface Props {
  /** What identifies the page: a change of it is a change of page. */
  readonly page: string;
  readonly title: string;
  readonly children?: ReactNode;
}

const product = 'SlapOS Field Kit';

export const Heading = ({ page, title, children }: Props) => {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = title === product ? product : `${title} – ${product}`;
  }, [title]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the page's change is the reason, not its use
  useEffect(() => {
    heading.current?.focus({ preventScroll: true });
  }, [page]);
  return (
    <h1 ref={heading} tabIndex={-1}>
      {children ?? title}
    </h1>
  );
};
