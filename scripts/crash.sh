#!/usr/bin/env bash
# Kills a data plane at random points, 1,000 times unless CRASHES says otherwise; SEED chooses the points.
set -eu
cd "$(dirname "$0")/.."
bash scripts/setup.sh test
CRASHES="${CRASHES:-1000}" exec npx ava --timeout=60m build/test/agent/crash/crash.test.js
