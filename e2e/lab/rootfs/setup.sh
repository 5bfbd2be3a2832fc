#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Runs inside the new root file system, once, after the packages are configured.
set -eu

# k0s runs a containerd of its own. The timers would wake up a machine that has nothing to do.
systemctl disable containerd.service e2scrub_reap.service systemd-pstore.service \
    apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer
systemctl mask console-getty.service getty@tty1.service

# Programs where an operator would put them, and where k0s looks them up.
for program in /usr/bin/ctr /usr/bin/containerd /usr/bin/containerd-shim-runc-v2 /usr/sbin/runc; do
    ln -s "$program" /usr/local/bin/
done
mkdir -p /opt/cni/bin /etc/k0s/containerd.d /lib/modules
ln -s /usr/lib/cni/* /opt/cni/bin/

# Every machine gets its own.
rm -f /etc/hostname /etc/resolv.conf /etc/machine-id
: > /etc/machine-id
rm -rf /var/cache/apt/archives/*.deb /var/lib/apt/lists/*
