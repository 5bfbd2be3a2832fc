#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Boots one machine and becomes its supervisor (systemd-nspawn).
#
# First it enters the machine's cgroups, then it runs itself again in a mount namespace of its own: the overlay and the
# cgroup mounts are made there and so vanish with the machine, whatever kills it. On a cgroup v1 host it also gets a
# cgroup namespace, in which the machine's cgroups are the root of those mounts.
#
# LOWER UPPER WORK   the overlay: shared root file system, this machine's changes, scratch
# ROOT               where the overlay is mounted
# ENTER              the files through which a process enters the machine's cgroups
# HIERARCHIES        lines of "<folder> <type> <options>": the cgroup hierarchies of a cgroup v1 host, mounted again as
#                    seen from the machine's cgroups; empty on a pure cgroup v2 host, where systemd-nspawn does it
# Arguments          what follows "systemd-nspawn --directory ROOT"
set -eu

if [ -z "${ENTERED:-}" ]; then
    for procs in $ENTER; do
        echo $$ > "$procs"
    done
    export ENTERED=1
    exec unshare --mount ${HIERARCHIES:+--cgroup} --propagation private -- sh "$0" "$@"
fi

mount -t overlay overlay -o "lowerdir=$LOWER,upperdir=$UPPER,workdir=$WORK" "$ROOT"

if [ -n "$HIERARCHIES" ]; then
    mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
    echo "$HIERARCHIES" | while read -r folder type options; do
        mkdir -p "/sys/fs/cgroup/$folder"
        mount -t "$type" -o "$options" cgroup "/sys/fs/cgroup/$folder"
    done
    set -- --bind=/sys/fs/cgroup "$@"
fi

# systemd-nspawn leaves lock files in /run/systemd when it is killed. Nothing else of the host's is needed there.
mkdir -p /run/systemd
mount -t tmpfs -o mode=755 tmpfs /run/systemd

exec systemd-nspawn --directory "$ROOT" "$@"
