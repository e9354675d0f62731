#!/bin/sh
# Build Debian under the official name of the base image, for machines that cannot pull it.
#
# This machine's settings for installing packages (certificates, pip.conf, wheel folders) go into that
# substitute, so that the Dockerfile under test is the same everywhere.
set -eu
official=python:3.11-slim-bookworm
folder=${1:?a folder to work in}
port=${2:?a port where the folders of wheels are served on this machine}

docker image inspect "$official" >/dev/null 2>&1 && exit 0
docker pull -q "$official" >/dev/null 2>&1 && exit 0

echo "No $official can be pulled here: building a substitute with debootstrap…"
mkdir -p "$folder"
mirror=$(sed -n 's/^URIs: *//p; s/^deb \(http[^ ]*\) .*/\1/p' /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | head -1)
if [ ! -f "$folder/base.tar" ]; then
    debootstrap --variant=minbase --include=python3,python3-pip,python3-venv,ca-certificates \
        bookworm "$folder/base" "$mirror" >"$folder/debootstrap.log" 2>&1 || { tail -5 "$folder/debootstrap.log"; exit 1; }
    rm -rf "$folder"/base/var/cache/apt/archives/*.deb "$folder"/base/usr/share/doc "$folder"/base/usr/share/man
    tar -C "$folder/base" -cf "$folder/base.tar.part" . && mv "$folder/base.tar.part" "$folder/base.tar"
    rm -rf "$folder/base"
fi

# pip's settings, with folders on this machine turned into addresses that a build can reach.
{
    echo "[global]"
    pip config list | sed -n "s/^global\.\(find-links\|index-url\|extra-index-url\)='\(.*\)'\$/\1 = \2/p" |
        sed -e "s#file:///#http://127.0.0.1:$port/#g" -e "s#= /#= http://127.0.0.1:$port/#"
} >"$folder/pip.conf"
cp /etc/ssl/certs/ca-certificates.crt "$folder/ca-certificates.crt"
cp /etc/apt/apt.conf.d/*check* "$folder/" 2>/dev/null || true
cat >"$folder/Dockerfile" <<'DOCKERFILE'
FROM scratch
ADD base.tar /
COPY pip.conf /etc/pip.conf
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
RUN ln -s /usr/bin/python3 /usr/local/bin/python && rm -f /usr/lib/python3.11/EXTERNALLY-MANAGED
ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt
CMD ["python3"]
DOCKERFILE
docker build -q -t "$official" "$folder"
