#!/usr/bin/env bash
# Prints the figures beside the machine's own floors. Words name groups; without any all run.
set -eu
cd "$(dirname "$0")/.."
# npm puts node_modules/.bin first on PATH, where other packages' programs hide the system's: there is an `nft` among them.
PATH="$(printf %s "$PATH" | tr ':' '\n' | grep -v '/node_modules/' | paste -sd: -):/usr/local/sbin:/usr/sbin:/sbin"
export PATH
bash scripts/setup.sh test
exec node build/bench/main.js "$@"
