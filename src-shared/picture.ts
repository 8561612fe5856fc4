// The site as a picture: the medium, the laptop, the machines, and what links them, as boxes and lines. The record's page and
// the window draw the same one. Pure.
import type { Role } from './site.ts';

/** A machine as the picture needs it. */
export interface DrawnMachine {
  readonly name: string;
  readonly roles: readonly string[];
  readonly address: string;
}

interface Box {
  readonly kind: 'medium' | 'laptop' | 'machine';
  /** A machine's name; empty for the other two, which are named in the reader's language. */
  readonly name: string;
  /** Base line of the name. */
  readonly nameY: number;
  /** Lines below the name with their base lines: roles, and address. */
  readonly details: readonly { readonly text: string; readonly y: number }[];
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** `usb` and `ssh` lead to and from the laptop; `re6st` is the rail that joins the machines of its network. */
interface Line {
  readonly kind: 'usb' | 'ssh' | 're6st';
  /** The machine it leads to; empty for the medium's and for the rail itself. */
  readonly to: string;
  readonly x1: number;
  readonly y1: number;
  readonly x2: number;
  readonly y2: number;
}

interface SitePicture {
  readonly width: number;
  readonly height: number;
  readonly boxes: readonly Box[];
  readonly lines: readonly Line[];
}

const box = { width: 210, height: 76 } as const;
const gap = { column: 56, row: 16, rail: 24 } as const;

/** A box with its texts in its middle. */
function boxAt(kind: Box['kind'], name: string, lines: readonly string[], x: number, y: number): Box {
  const nameY = y + box.height / 2 + 5 - lines.length * 9;
  return {
    kind,
    name,
    nameY,
    details: lines.map((text, index) => ({ text, y: nameY + 19 * (index + 1) })),
    x,
    y,
    ...box,
  };
}

const has = ({ roles }: Pick<DrawnMachine, 'roles'>, role: Role): boolean => roles.includes(role);

/** The machines of the site that re6st joins: all of them, once one is its registry. A build machine stays at the office. */
export const joinedByRe6st = <M extends Pick<DrawnMachine, 'roles'>>(machines: readonly M[]): readonly M[] =>
  machines.some((item) => has(item, 'registry')) ? machines.filter((item) => !has(item, 'builder')) : [];

/** Three columns: medium, laptop, machines below each other; re6st is a rail beside them. */
export function sitePicture(machines: readonly DrawnMachine[]): SitePicture {
  const rows = Math.max(1, machines.length);
  const height = rows * box.height + (rows - 1) * gap.row;
  const middle = (height - box.height) / 2;
  const column = (index: number): number => index * (box.width + gap.column);
  const centreOf = (item: DrawnMachine): number => machines.indexOf(item) * (box.height + gap.row) + box.height / 2;
  const centre = height / 2;
  const right = column(2) + box.width;
  const joined = joinedByRe6st(machines);
  const [first, last] = [joined[0], joined.at(-1)];
  const rail = right + gap.rail;
  return {
    width: joined.length > 0 ? rail : right,
    height,
    boxes: [
      boxAt('medium', '', [], column(0), middle),
      boxAt('laptop', '', [], column(1), middle),
      ...machines.map((item) =>
        boxAt('machine', item.name, [item.roles.join(', '), item.address], column(2), centreOf(item) - box.height / 2),
      ),
    ],
    lines: [
      { kind: 'usb', to: '', x1: box.width, y1: centre, x2: column(1), y2: centre },
      ...machines.map(
        (item): Line => ({
          kind: 'ssh',
          to: item.name,
          x1: column(1) + box.width,
          y1: centre,
          x2: column(2),
          y2: centreOf(item),
        }),
      ),
      ...joined.map(
        (item): Line => ({ kind: 're6st', to: item.name, x1: right, y1: centreOf(item), x2: rail, y2: centreOf(item) }),
      ),
      ...(first === undefined || last === undefined
        ? []
        : [{ kind: 're6st', to: '', x1: rail, y1: centreOf(first), x2: rail, y2: centreOf(last) } as const]),
    ],
  };
}
