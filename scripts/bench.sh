#!/usr/bin/env bash
# Prints the figures beside the machine's own floors. Words name groups; without any all run.
set -eu
cd "$(dirname "$0")/.."
# npm puts node_modules/.bin first on PATH, where other packages' programs hide the system's: there is an `nft` among them.
PATH="$(printf %s "$PATH" | tr ':' '\n' | grep -v '/node_modules/' | paste -sd: -):/usr/local/sbin:/usr/sbin:/sbin"
export PATH
bash scripts/setup.sh test

# The peer of the group "raft": unpacked, not installed, so that no service of it is ever started on this machine.
if ! command -v etcd >/dev/null; then
  if [ ! -x build/etcd/usr/bin/etcd ]; then
    echo "bench: fetches Debian's etcd-server"
    mkdir -p build/etcd
    (cd build/etcd && apt-get download -qq etcd-server && dpkg -x etcd-server_*.deb . && rm etcd-server_*.deb)
  fi
  PATH="$PATH:$PWD/build/etcd/usr/bin"
fi
exec node build/bench/main.js "$@"
