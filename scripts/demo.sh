#!/usr/bin/env bash
# The main job on this machine: installs what is missing, builds, and shows three hosts with a port that answers on each.
set -eu
cd "$(dirname "$0")/.."
bash scripts/setup.sh demo
exec node build/scripts/demo/main.js "$@"
