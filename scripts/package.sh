#!/usr/bin/env bash
# Builds the Debian package: npm run package [-- --output FOLDER --revision N]. Says its path on the last line.
set -euo pipefail
cd "$(dirname "$0")/.."
# npm puts node_modules/.bin first on PATH, where other packages' programs hide the system's.
PATH="$(printf %s "$PATH" | tr ':' '\n' | grep -v '/node_modules/' | paste -sd: -):/usr/local/sbin:/usr/sbin:/sbin"
export PATH
command -v dpkg-deb >/dev/null || { echo "package: there is no dpkg-deb; packages are built on Debian and its like" >&2; exit 1; }
bash scripts/setup.sh demo </dev/null
exec node build/scripts/package/main.js "$@"
