#!/bin/bash
# Run in new namespaces of all kinds but user: becomes systemd on a throw-away layer above this machine's files.
#   boot.sh ROOT SHARED NODE PROJECT      SHARED is to be seen as /bed, what was written to the layer as /written
set -e
root=$1 shared=$2 node=$3 project=$4
mount --make-rprivate /
mount -t tmpfs tmpfs "$root"
mkdir "$root/upper" "$root/work" "$root/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$root/upper,workdir=$root/work" "$root/root"
cd "$root/root"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
for folder in run tmp; do mount -t tmpfs tmpfs $folder; done
mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero full random urandom tty; do
  touch dev/$device
  mount --bind /dev/$device dev/$device
done
mkdir dev/pts dev/shm bed written
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount --bind "$shared" bed
mount --bind "$root/upper" written
# It may be a mount of its own, which the layer does not show.
mkdir -p "./$project"
mount --bind "$project" "./$project"
# Nothing of what this machine starts; its policy on starting is none of ours; programs look for node where packages put it.
rm -rf etc/systemd/system usr/sbin/policy-rc.d
mkdir etc/systemd/system
[ -e usr/bin/node ] || ln -s "$node" usr/bin/node
cat >etc/systemd/system/bed.target <<'UNIT'
[Unit]
Wants=systemd-journald.service systemd-journald.socket systemd-tmpfiles-setup.service
After=systemd-tmpfiles-setup.service
UNIT
mkdir .old
pivot_root . .old
umount -l /.old
rmdir /.old
# As systemd itself has it, but not in what it takes for a container.
mount --make-rshared /
export container=tswarm-bed
exec chroot . /lib/systemd/systemd --unit=bed.target --log-target=null --show-status=no </dev/null
