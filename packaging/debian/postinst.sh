#!/bin/sh
# Installs and upgrades. Tasks run in units of their own: a new daemon adopts those that the old one started.
set -e

case "$1" in
configure | abort-upgrade | abort-deconfigure | abort-remove) ;;
*) exit 0 ;;
esac

systemd-sysusers tswarm.conf
if [ ! -d /var/lib/swarmd ]; then
  mkdir -m 0711 /var/lib/swarmd
fi

for unit in tswarmd.service tswarm-manager.path; do
  deb-systemd-helper unmask "$unit" >/dev/null || :
  if deb-systemd-helper --quiet was-enabled "$unit"; then
    deb-systemd-helper enable "$unit" >/dev/null || :
  else
    deb-systemd-helper update-state "$unit" >/dev/null || :
  fi
done

if [ -d /run/systemd/system ]; then
  systemctl --system daemon-reload >/dev/null || :
  if [ -z "$2" ]; then
    deb-systemd-invoke start tswarm-manager.path tswarmd.service >/dev/null || :
  else
    # What a person has stopped stays so. The manager first, so that the agent finds it.
    for unit in tswarm-manager.service tswarm-manager.path tswarmd.service; do
      if systemctl --quiet is-active "$unit"; then
        deb-systemd-invoke restart "$unit" >/dev/null || :
      fi
    done
  fi
fi
