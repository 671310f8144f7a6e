#!/bin/bash
# The first process inside User-Mode Linux: makes the machine usable, runs one command, and switches off.
#
# From the kernel's command line:
#   BED_SHARE    folder of the host, the only one that can be written: holds `run` (the command, a shell script) and takes
#                `status` (its exit status) and whatever it writes
#   BED_PROJECT  where the command runs
# The root is the host's, read-only. What is written elsewhere goes to memory.
set -u
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mountpoint -q /dev || mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/shm /dev/pts
ln -s /proc/self/fd /dev/fd
ln -s fd/0 /dev/stdin
ln -s fd/1 /dev/stdout
ln -s fd/2 /dev/stderr
mount -t tmpfs tmpfs /dev/shm
mount -t devpts devpts /dev/pts
for folder in /run /tmp /var/tmp /var/lib; do mount -t tmpfs -o mode=1777 tmpfs $folder; done
mkdir -p /run/lock /run/netns /run/share

# hostfs shows a folder of the host at any place: the share, and the project where the memory file systems hide it.
mount -t hostfs -o "$BED_SHARE" hostfs /run/share
if [ ! -d "$BED_PROJECT" ]; then
  mkdir -p "$BED_PROJECT"
  mount -t hostfs -o ro,"$BED_PROJECT" hostfs "$BED_PROJECT"
fi
if [ -d "$BED_PROJECT/node_modules/.cache" ]; then mount -t tmpfs tmpfs "$BED_PROJECT/node_modules/.cache"; fi

modules=$(echo /usr/lib/uml/modules/*)
mount -t tmpfs tmpfs /lib/modules || echo "bed: there is no folder /lib/modules on this machine: scripts/setup.sh test makes it"
mkdir "/lib/modules/$(uname -r)"
mount --bind "$modules" "/lib/modules/$(uname -r)"

# cgroup v1, one mount per controller, as older hosts have it.
mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
while read -r controller _ _ enabled; do
  case $controller in '#'*) continue ;; esac
  if [ "$enabled" = 1 ]; then
    mkdir "/sys/fs/cgroup/$controller"
    mount -t cgroup -o "$controller" cgroup "/sys/fs/cgroup/$controller"
  fi
done </proc/cgroups

# This kernel knows only the old iptables: it gets the plain names, as on a host that has no other.
mkdir /run/bin
for name in iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore; do
  ln -s "$(command -v xtables-legacy-multi)" "/run/bin/$name"
done
export PATH="/run/bin:$PATH"

hostname bed
ip link set lo up
for module in veth bridge br_netfilter vxlan tun ip_vs ip_vs_rr ip_vs_wrr nf_conntrack nf_conntrack_netlink \
  iptable_mangle iptable_nat iptable_filter xt_mark xt_connmark xt_conntrack xt_multiport xt_addrtype xt_comment xt_MASQUERADE \
  ipt_REJECT ip6table_mangle ip6table_filter ip6t_REJECT esp4 xfrm_user sctp; do
  modprobe "$module" || echo "bed: module $module cannot be loaded"
done
sysctl -qw net.bridge.bridge-nf-call-iptables=0 net.ipv4.ip_forward=1

cd "$BED_PROJECT" || exit 1
bash /run/share/run
echo $? >/run/share/status
# -d: no entry in wtmp, which belongs to the host.
poweroff -f -d
