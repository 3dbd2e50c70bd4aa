#!/bin/sh
# Copies the whole PostgreSQL cluster, all databases as of one moment, into FOLDER, and verifies the copy.
#
#   back-up.sh FOLDER
#
# FOLDER must be new or empty. Reaches the server by libpq's variables, as a role that may replicate.
# Nothing stops meanwhile. pg_dump is no substitute: it sees one database at a time, and six dumps are six
# moments.
set -eu
folder=${1:?"usage: back-up.sh FOLDER"}
pg_basebackup --pgdata="$folder" --format=plain --wal-method=stream --checkpoint=fast --no-password
pg_verifybackup --quiet "$folder"
