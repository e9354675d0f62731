#!/bin/sh
# One file with the images and the language model, for a machine without a network.
# Usage: tools/bundle.sh pack FILE | unpack FILE        (make bundle, make unbundle)
set -eu
cd "$(dirname "$0")/.."
what=${1:-} file=${2:-docent-bundle.tar}
compose() { if docker compose version >/dev/null 2>&1; then docker compose "$@"; else docker-compose "$@"; fi; }
project=${COMPOSE_PROJECT_NAME:-$(basename "$PWD" | tr 'A-Z' 'a-z' | tr -cd 'a-z0-9_-')}
models=${project}_models
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The volume of models is read and written by tar in the app's own image, which is there anyway.
app() { compose config | awk '/^  app:$/ {here = 1} here && $1 == "image:" {print $2; exit}'; }

case $what in
pack)
    images=$(compose config | sed -n 's/^ *image: *//p' | sort -u)
    docker volume inspect "$models" >/dev/null 2>&1 || {
        echo "The language model has not been fetched yet. Run once: docker compose up" >&2
        exit 1
    }
    echo "Packing $(echo $images)…"
    docker save -o "$work/images.tar" $images
    docker run --rm --network none --user 0 --entrypoint tar -v "$models:/models:ro" "$(app)" -C /models -cf - . >"$work/models.tar"
    tar -cf "$file.part" -C "$work" images.tar models.tar && mv "$file.part" "$file"
    echo "$file holds the images and the model ($(du -h "$file" | cut -f1)). Copy it with this folder; there: make unbundle"
    ;;
unpack)
    [ -f "$file" ] || { echo "There is no $file. Name the bundle: make unbundle FILE=…" >&2; exit 1; }
    tar -xf "$file" -C "$work"
    docker load -i "$work/images.tar"
    docker volume create --label "com.docker.compose.project=$project" --label com.docker.compose.volume=models "$models" >/dev/null
    docker run --rm -i --network none --user 0 --entrypoint tar -v "$models:/models" "$(app)" -C /models -xf - <"$work/models.tar"
    echo "Images and model are here. Start with: docker compose up --no-build"
    ;;
*)
    sed -n '2,3p' "$0"
    exit 2
    ;;
esac
