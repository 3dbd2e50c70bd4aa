#!/bin/sh
# Receives all that PostgreSQL writes, as it writes it, into FOLDER: on another machine.
#
#   archive-wal.sh FOLDER
#
# Runs until it is stopped. Reaches the server by libpq's variables (PGHOST, PGPORT, PGUSER, ...), as a
# role that may replicate. With `synchronous_standby_names = 'FIRST 1 (pg_receivewal)'` a commit is
# answered only once it stands here, too: then a restore loses nothing that anybody was told is done.
set -eu
folder=${1:?"usage: archive-wal.sh FOLDER"}
mkdir -p "$folder"
pg_receivewal --slot=partner_tools_archive --create-slot --if-not-exists
exec pg_receivewal --directory="$folder" --slot=partner_tools_archive --synchronous --no-password
