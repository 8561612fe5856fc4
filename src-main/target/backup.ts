// What a master cannot lose, and how it is taken and put back: the scripts that run on the machine, and nothing else. Used by the
// backup jobs and the restore step. Taking writes nothing but a copy of the database in memory (/run); putting back keeps what was
// there beside it. Not in it: the data inside the partitions (the master's own database has its own backups in srv/backup).
import { keptFolder } from './our-paths.ts';
import { slaposPythonPath } from './slapproxy.ts';

export const restoreFolder = '/run/fieldkit-restore';
/** Says which backup this machine was made from last: `NUMBER SHA256`. */
export const restoredMark = `${keptFolder}/restored`;

const database = '/opt/slapos/slapproxy.db';

/** A whole copy while slapproxy goes on: sqlite's own backup, one transaction. `FROM TO`. */
const copyDatabase = `import sqlite3, sys
source = sqlite3.connect("file:%s?mode=ro" % sys.argv[1], uri=True, timeout=60)
with sqlite3.connect(sys.argv[2], timeout=60) as target:
    source.backup(target)
assert target.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
`;

/** Prints a tar archive with owners by name, modes and access lists. `$1`: the authority's folder; `$2`: the program above. */
const takeScript = `# fieldkit-backup
set -eu
umask 077
work=$(mktemp -d /run/fieldkit-backup-XXXXXX)
trap 'rm -rf "$work"' EXIT
database=
# A node of a master has none; where slapproxy is configured, one that is gone is no backup.
if [ -e /etc/opt/slapos/slapos-proxy.cfg ]; then
  python=$(${slaposPythonPath})
  "$python" -c "$2" ${database} "$work/slapproxy.db"
  database=./slapproxy.db
fi
cd /
set -- "$1"
for path in /etc/opt/slapos /opt/slapos/slapos.xml /opt/slapos/slapos.xml.zip "$1" ${keptFolder} /etc/systemd/system/fieldkit-*.service /etc/systemd/system/fieldkit-*.timer; do
  [ -e "$path" ] && set -- "$@" ".$path"
done
shift
tar --create --acls --xattrs --sort=name -C "$work" $database -C / "$@"
`;

export const takeBackupArgv = (caFolder: string): string[] => ['sh', '-c', takeScript, 'sh', caFolder, copyDatabase];

/** Reads the archive on standard input into a folder in memory that only root may look into. */
const unpackScript = `# fieldkit-unpack
set -eu
umask 077
rm -rf ${restoreFolder}
mkdir -m 0700 ${restoreFolder}
tar --extract --preserve-permissions --same-owner --acls --xattrs -C ${restoreFolder}
[ -s ${restoreFolder}/slapproxy.db ]
`;
export const unpackArgv: readonly string[] = ['sh', '-c', unpackScript];

/** Puts the unpacked backup in place. `$1`: number and hash for the mark; `$2`: the program that copies the database; `$3`: the authority's folder. */
const restoreScript = `# fieldkit-restore
set -eu
cd ${restoreFolder}
python=$(${slaposPythonPath})
kept=.before-restore-$(date +%Y%m%d%H%M%S)
if [ -e /etc/opt/slapos ]; then cp -a /etc/opt/slapos /etc/opt/slapos$kept; fi
if [ -e ${database} ]; then (umask 077; "$python" -c "$2" ${database} ${database}$kept); fi
# The things themselves and no folder above them: /etc, /usr and the like keep their own modes.
for part in etc/opt/slapos opt/slapos/slapos.xml opt/slapos/slapos.xml.zip ".$3" .${keptFolder} etc/systemd/system/fieldkit-*; do
  [ -e "$part" ] || continue
  tar --create --acls --xattrs "./\${part#./}" | tar --extract --preserve-permissions --same-owner --acls --xattrs -C /
done
"$python" -c "$2" ${restoreFolder}/slapproxy.db ${database}
systemctl daemon-reload
for timer in /etc/systemd/system/fieldkit-*.timer; do
  [ -e "$timer" ] && systemctl enable --now "\${timer##*/}"
done
install -d -m 0755 ${keptFolder}
echo "$1" >${restoredMark}
sync
rm -rf ${restoreFolder}
`;
export const restoreArgv = (mark: string, caFolder: string): string[] => [
  'sh',
  '-c',
  restoreScript,
  'sh',
  mark,
  copyDatabase,
  caFolder,
];
