#!/bin/sh
# Makes a data folder from a backup and the archive; PostgreSQL, started on it, replays the rest by itself.
#
#   restore.sh BACKUP ARCHIVE DATA
#
# BACKUP is a folder of back-up.sh, ARCHIVE that of archive-wal.sh, or - where it is lost, too: then what was
# committed after the backup is gone, and docs/operations/backup.md says what has to be done before
# anything is sent. DATA must not exist or be empty. Run it as the user that runs PostgreSQL.
set -eu
usage="usage: restore.sh BACKUP ARCHIVE DATA"
backup=${1:?"$usage"}
archive=${2:?"$usage"}
data=${3:?"$usage"}
if [ -e "$data" ] && [ -n "$(ls -A "$data")" ]; then
  echo "$data is not empty; move it away first: nothing is overwritten" >&2
  exit 1
fi
test -f "$backup/PG_VERSION" || { echo "$backup holds no backup" >&2; exit 1; }
mkdir -p "$data"
chmod 700 "$data"
cp -R "$backup/." "$data/"
rm -f "$data/postmaster.pid"
if [ "$archive" != - ]; then
  test -d "$archive" || { echo "$archive holds no archive" >&2; exit 1; }
  # The segment that was being written when the server died has a name of its own.
  echo "restore_command = 'cp \"$archive/%f\" \"%p\" 2>/dev/null || cp \"$archive/%f.partial\" \"%p\" 2>/dev/null'" \
    >>"$data/postgresql.auto.conf"
  touch "$data/recovery.signal"
fi
# Until the archive runs again, nobody would confirm a commit.
echo "synchronous_standby_names = ''" >>"$data/postgresql.auto.conf"
