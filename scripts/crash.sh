#!/usr/bin/env bash
# Kills a data plane at random points, 1,000 times unless CRASHES says otherwise; SEED chooses the points.
set -eu
cd "$(dirname "$0")/.."
# npm puts node_modules/.bin first on PATH, where other packages' programs hide the system's: there is an `nft` among them.
PATH="$(printf %s "$PATH" | tr ':' '\n' | grep -v '/node_modules/' | paste -sd: -):/usr/local/sbin:/usr/sbin:/sbin"
export PATH
bash scripts/setup.sh test
CRASHES="${CRASHES:-1000}" exec node_modules/.bin/ava --timeout=60m build/test/agent/crash/crash.test.js
