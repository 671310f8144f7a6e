#!/usr/bin/env bash
# Simulates clusters of managers, each from a seed, and checks what must be true of them. See scripts/sim/main.ts for the flags.
set -eu
cd "$(dirname "$0")/.."
# npm puts node_modules/.bin first on PATH, where other packages' programs hide the system's: there is an `nft` among them.
PATH="$(printf %s "$PATH" | tr ':' '\n' | grep -v '/node_modules/' | paste -sd: -):/usr/local/sbin:/usr/sbin:/sbin"
export PATH
bash scripts/setup.sh test
exec node build/scripts/sim/main.js "$@"
