#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Turns fresh namespaces into a host of its own and keeps them until it is killed.
#
#   node.sh <folder> <name> <address>
#
# The folder holds etc, bin and data, which become /etc, /usr/local/bin and /var/lib/k0s. All else is read-only, as in
# a pod, but for /run and /tmp.
set -eu
folder=$1 name=$2 address=$3

mount --make-rprivate /
hostname "$name"
ip link set lo up
if ! ip link show eth0 >/dev/null 2>&1; then
	ip link add eth0 type veth peer name peer0
	ip addr add "$address/24" dev eth0
	ip link set peer0 up
	ip link set eth0 up
fi
mount --bind "$folder/etc" /etc
mount --bind "$folder/bin" /usr/local/bin
mount -t tmpfs tmpfs /var/lib
mkdir /var/lib/k0s
mount --bind "$folder/data" /var/lib/k0s
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
mkdir -p /run/systemd/system
mount -o remount,bind,ro /var/lib
mount -o remount,bind,ro /
: >/run/prepared
exec sleep infinity
