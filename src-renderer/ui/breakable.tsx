// A path or a command, broken where a reader expects it: after a slash, an equals sign, a comma. The text itself stays as it is.
import { Fragment } from 'react';

/** A text longer than this wraps anyhow: it is not cut into hundreds of pieces. */
const longest = 2000;

export const Breakable = ({ text }: { readonly text: string }) =>
  text.length > longest
    ? text
    : text.split(/(?<=[/=,;])/).map((part, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: parts have no identity but their place
        <Fragment key={index}>
          {index > 0 && <wbr />}
          {part}
        </Fragment>
      ));
