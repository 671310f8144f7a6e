#!/usr/bin/env bash
# The main job on this machine: installs what is missing, builds, and shows three hosts with a port that answers on each.
set -eu
cd "$(dirname "$0")/.."
# npm puts node_modules/.bin first on PATH, where other packages' programs hide the system's: there is an `nft` among them.
PATH="$(printf %s "$PATH" | tr ':' '\n' | grep -v '/node_modules/' | paste -sd: -):/usr/local/sbin:/usr/sbin:/sbin"
export PATH
bash scripts/setup.sh demo
exec node build/scripts/demo/main.js "$@"
