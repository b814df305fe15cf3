#!/usr/bin/env bash
# restore.sh FILE: read a file of backup.sh into the empty database at DATABASE_URL, whose roles were
# made by roles.sql; sign in as the owner. A file that was changed, or a wrong passphrase, restores nothing.
set -euo pipefail
: "${DATABASE_URL:?is missing}" "${PASSPHRASE_FILE:?is missing}" "${1:?: name the file to read}"
umask 077
home=$(mktemp -d)
trap 'gpgconf --homedir "$home" --kill all 2>/dev/null || true; rm -rf "$home"' EXIT
decrypt() {
  gpg --homedir "$home" --batch --quiet --pinentry-mode loopback \
    --passphrase-file "$PASSPHRASE_FILE" --decrypt "$1"
}
decrypt "$1" >/dev/null # the seal is checked at the end of the file: first of all, read it to there
decrypt "$1" | pg_restore --exit-on-error --single-transaction --no-owner --no-privileges --dbname="$DATABASE_URL"
