#!/usr/bin/env bash
# backup.sh FILE: dump the database at DATABASE_URL, encrypted and authenticated with the passphrase
# in the file PASSPHRASE_FILE. Nothing readable touches the disk; FILE appears when it is whole.
set -euo pipefail
: "${DATABASE_URL:?is missing}" "${PASSPHRASE_FILE:?is missing}" "${1:?: name the file to write}"
umask 077
home=$(mktemp -d)
trap 'gpgconf --homedir "$home" --kill all 2>/dev/null || true; rm -rf "$home" "$1.part"' EXIT
pg_dump --format=custom --dbname="$DATABASE_URL" |
  gpg --homedir "$home" --batch --yes --quiet --pinentry-mode loopback \
    --passphrase-file "$PASSPHRASE_FILE" --symmetric --cipher-algo AES256 --output "$1.part"
mv "$1.part" "$1"
