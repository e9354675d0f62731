#!/bin/sh
# Make the database of POSTGRES_USER, POSTGRES_DB and POSTGRES_PASSWORD_FILE if there is none, and serve it.
set -eu
data=/var/lib/postgresql/data
chown postgres:postgres $data && chmod 700 $data
as() { setpriv --reuid=postgres --regid=postgres --clear-groups "$@"; }
if [ ! -s $data/PG_VERSION ]; then
    cp "$POSTGRES_PASSWORD_FILE" /tmp/password && chmod 644 /tmp/password
    as initdb -D $data -U "$POSTGRES_USER" -A scram-sha-256 --pwfile=/tmp/password -E UTF8 --locale=C.UTF-8 >/dev/null
    rm /tmp/password
    printf "local all all trust\nhost all all all scram-sha-256\n" >$data/pg_hba.conf
    as pg_ctl start -w -D $data -o "-c listen_addresses= -k /tmp" >/dev/null
    as psql -q -h /tmp -U "$POSTGRES_USER" -d postgres -c "CREATE DATABASE $POSTGRES_DB"
    as pg_ctl stop -w -D $data >/dev/null
fi
exec setpriv --reuid=postgres --regid=postgres --clear-groups postgres -D $data -c listen_addresses='*' -k /tmp
