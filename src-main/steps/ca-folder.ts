// How the folder of the certificate authority is shared: group, mode, access list. One definition for the step that makes it
// so and for the unit that keeps it so. Pure.

export const caGroup = 'slapcommon';
/** Setgid: what is made in it belongs to the group. Nothing for others. */
export const caMode = '2770';

const entries = (prefix: string): readonly string[] => [
  `${prefix}user::rwx`,
  `${prefix}group::rwx`,
  `${prefix}group:${caGroup}:rwx`,
  `${prefix}mask::rwx`,
  `${prefix}other::---`,
];

/** As getfacl prints them, sorted. The default ones are given to whatever is made in the folder. */
export const caAccessEntries: readonly string[] = [...entries(''), ...entries('default:')].sort();

/** As setfacl takes them. */
export const caAccessList = [...entries(''), ...entries('default:')].join(',');
