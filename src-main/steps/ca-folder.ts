// How the folder of the certificate authority is shared: group, mode, access list. One definition for the step that makes it
// so and for the unit that keeps it so. Pure.

import type { KeptUnit } from './units.ts';

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

/**
 * Keeps the folder shared: the master makes files that only their maker may read, again at every pass and with every new
 * certificate. Must never follow a link out of the folder: partitions may write in it.
 */
export const caFolderUnit = (path: string): KeptUnit => ({
  name: 'fieldkit-ca-folder',
  description: 'SlapOS Field Kit keeps the certificate authority folder shared',
  program: `# Written by SlapOS Field Kit. What is made in the folder stays open to its group, and closed to all others.
set -u
cd '${path}' || exit 1
find . -mindepth 1 ! -type l ! -group ${caGroup} -exec chgrp -h ${caGroup} {} +
find . -mindepth 1 -type d ! -perm -2770 -exec chmod g+rwxs {} +
find . -mindepth 1 -type f ! -perm -g=rw -exec chmod g+rw {} +
find . -mindepth 1 ! -type l -perm /o=rwx -exec chmod o-rwx {} +
chmod ${caMode} .
`,
  // Even a link that is swapped in at the wrong moment leads nowhere it could write.
  limits: [
    `ReadWritePaths=${path}`,
    'CapabilityBoundingSet=CAP_CHOWN CAP_FOWNER CAP_FSETID CAP_DAC_OVERRIDE',
    'PrivateNetwork=yes',
  ],
});
