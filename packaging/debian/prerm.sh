#!/bin/sh
# An upgrade touches nothing that runs. A removal ends the node's tasks and takes its networks out of the kernel, while the programs
# that can do that are still there; what the node is in its cluster stays in /var/lib/swarmd until the package is purged.
set -e

[ "$1" = remove ] || exit 0

if [ -d /run/systemd/system ]; then
  for unit in tswarm-manager.path tswarm-manager.service tswarmd.service tswarm.slice; do
    deb-systemd-invoke stop "$unit" >/dev/null || :
  done
fi
if ! /usr/lib/tswarm/build/src/daemon/remove.js /var/lib/swarmd; then
  echo "tswarm: not all of the node's networks could be removed from the kernel; a reboot does it" >&2
fi
