#!/bin/sh
# Write the passwords that docker-compose.cluster.yml needs into a folder; none that is there is changed.
# Usage: tools/make_secrets.sh [folder]
set -eu
folder=${1:-secrets}
umask 022 # the containers' users read them; the folder keeps other users of this machine out
mkdir -p "$folder"
chmod 700 "$folder"
random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
[ -e "$folder/postgres_password" ] || printf %s "$(random)" >"$folder/postgres_password"
[ -e "$folder/database_url" ] ||
    printf 'postgresql://docent:%s@postgres/docent\n' "$(cat "$folder/postgres_password")" >"$folder/database_url"
[ -e "$folder/model_key" ] || : >"$folder/model_key" # of a model server that asks for one
echo "The secrets are in $folder: docker compose -f docker-compose.cluster.yml up -d"
