// Where a build machine keeps which revisions of the new master were brought into a release: written when that was done, read to
// know whether it still stands, and part of what tells one state of a compiled release from another.

/** @param md5 of the release's address */
export const newMasterMark = (md5: string): string => `/var/lib/fieldkit/new-master-${md5}`;
