#!/usr/bin/env bash
# Prints the figures beside the machine's own floors. Words name groups; without any all run.
set -eu
cd "$(dirname "$0")/.."
bash scripts/setup.sh test
exec node build/bench/main.js "$@"
