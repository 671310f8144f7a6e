#!/bin/sh
set -e

if [ -d /run/systemd/system ]; then
  systemctl --system daemon-reload >/dev/null || :
fi

[ "$1" = purge ] || exit 0

for unit in tswarmd.service tswarm-manager.path; do
  if command -v deb-systemd-helper >/dev/null; then
    deb-systemd-helper purge "$unit" >/dev/null || :
    deb-systemd-helper unmask "$unit" >/dev/null || :
  fi
done
# A node's own file system, where /run is on a disk.
umount --lazy /run/tswarm/* 2>/dev/null || :
rm -rf /var/lib/swarmd /run/tswarm
# Of ip(8) as well: only when nothing is in it.
if [ -d /run/netns ] && [ -z "$(ls -A /run/netns)" ]; then
  umount /run/netns 2>/dev/null || :
  rmdir /run/netns 2>/dev/null || :
fi
if command -v userdel >/dev/null && getent passwd tswarm-manager >/dev/null; then
  userdel tswarm-manager || echo "tswarm: the user tswarm-manager could not be removed" >&2
fi
if command -v groupdel >/dev/null && getent group tswarm-manager >/dev/null; then
  groupdel tswarm-manager || echo "tswarm: the group tswarm-manager could not be removed" >&2
fi
