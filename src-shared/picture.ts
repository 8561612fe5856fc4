// The site as a picture: the medium, the laptop, the machines, and what links them, as boxes and lines. The record's page and
// the window draw the same one. Pure.

interface Box {
  readonly kind: 'medium' | 'laptop' | 'machine';
  /** A machine's name; empty for the other two, which are named in the reader's language. */
  readonly name: string;
  /** Second line: roles and address. */
  readonly detail: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface SitePicture {
  readonly width: number;
  readonly height: number;
  readonly boxes: readonly Box[];
  readonly lines: readonly { readonly x1: number; readonly y1: number; readonly x2: number; readonly y2: number }[];
}

const box = { width: 210, height: 64 } as const;
const gap = { column: 56, row: 16 } as const;

/** Three columns: medium, laptop, machines below each other. */
export function sitePicture(
  machines: readonly { readonly name: string; readonly roles: readonly string[]; readonly address: string }[],
): SitePicture {
  const rows = Math.max(1, machines.length);
  const height = rows * box.height + (rows - 1) * gap.row;
  const middle = (height - box.height) / 2;
  const column = (index: number): number => index * (box.width + gap.column);
  const boxes: readonly Box[] = [
    { kind: 'medium', name: '', detail: '', x: column(0), y: middle, ...box },
    { kind: 'laptop', name: '', detail: '', x: column(1), y: middle, ...box },
    ...machines.map(
      ({ name, roles, address }, index): Box => ({
        kind: 'machine',
        name,
        detail: `${roles.join(', ')} · ${address}`,
        x: column(2),
        y: index * (box.height + gap.row),
        ...box,
      }),
    ),
  ];
  const centre = height / 2;
  return {
    width: column(2) + box.width,
    height,
    boxes,
    lines: [
      { x1: box.width, y1: centre, x2: column(1), y2: centre },
      ...machines.map((_, index) => ({
        x1: column(1) + box.width,
        y1: centre,
        x2: column(2),
        y2: index * (box.height + gap.row) + box.height / 2,
      })),
    ],
  };
}
