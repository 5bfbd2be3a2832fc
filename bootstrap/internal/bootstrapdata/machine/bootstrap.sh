#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Turns this machine into a k0s node. A systemd unit runs it at every boot.
#
# The work is a list of steps. A step that is done leaves a file in the state
# directory, so a machine that loses power at any line goes on where it was.
# A step that fails ends the script, and the unit starts it again. When all is
# done the marker appears; from then on a boot only reports success.
#
# Nothing here is made from what users write: their values are read from the
# files beside this script, their commands are scripts of their own.
#
#   parameters     one name=value per line
#   k0s-arguments  the arguments of k0s, one per line
#   pre-k0s/*.sh   commands before k0s is installed, in order
#   post-k0s/*.sh  commands after the machine has joined, in order

set -eu
umask 022

here=${0%/*}
binary='' unit='' joined_file='' ask_k0s='' token_file='' state_dir='' marker='' sentinel='' log=''
permit='' pki_dir=''
download_url='' checksums_url='' checksums_name='' sha256='' sha256_listed=''

say() {
  echo "$(date -u +%Y-%m-%dT%H:%M:%SZ) $*"
}

fail() {
  say "error: $*"
  exit 1
}

# machine_arch prints the name that k0s releases have for this architecture.
machine_arch() {
  case $(uname -m) in
  x86_64 | amd64) echo amd64 ;;
  aarch64 | arm64) echo arm64 ;;
  arm*) echo arm ;;
  *) uname -m ;;
  esac
}

read_parameters() {
  while IFS= read -r line; do
    value=${line#*=}
    case ${line%%=*} in
    binary) binary=$value ;;
    unit) unit=$value ;;
    joined_file) joined_file=$value ;;
    ask_k0s) ask_k0s=$value ;;
    permit) permit=$value ;;
    pki_dir) pki_dir=$value ;;
    token_file) token_file=$value ;;
    state_dir) state_dir=$value ;;
    marker) marker=$value ;;
    sentinel) sentinel=$value ;;
    log) log=$value ;;
    download_url) download_url=$value ;;
    checksums_url) checksums_url=$value ;;
    checksums_name) checksums_name=$value ;;
    "sha256_$arch") sha256=$value sha256_listed=yes ;;
    sha256_*) sha256_listed=yes ;;
    *) fail "unknown parameter: $line" ;;
    esac
  done <"$here/parameters"
}

# remember makes $1 exist for good, and whatever was written before it.
remember() {
  sync
  : >"$1"
  sync
}

# once runs the command after the name $1, unless it was done before.
once() {
  step=$1
  shift
  [ ! -e "$state_dir/$step" ] || return 0
  say "$step: begins"
  "$@"
  remember "$state_dir/$step"
  say "$step: done"
}

run_commands() {
  for script in "$here/$1"/*.sh; do
    [ -e "$script" ] || continue
    name=${script##*/}
    once "$1-${name%.sh}" sh "$script"
  done
}

# with_arch prints $1 with every {arch} replaced.
with_arch() {
  rest=$1
  while [ "$rest" != "${rest#*\{arch\}}" ]; do
    printf '%s' "${rest%%\{arch\}*}$arch"
    rest=${rest#*\{arch\}}
  done
  printf '%s' "$rest"
}

# get downloads the URL $1 to the file $2. A transfer that stalls is given up.
get() {
  if command -v curl >/dev/null 2>&1; then
    curl --fail --silent --show-error --location --globoff \
      --connect-timeout 30 --speed-limit 1 --speed-time 60 --output "$2" "$1"
  elif command -v wget >/dev/null 2>&1; then
    wget -q -T 60 -O "$2" "$1"
  else
    say "neither curl nor wget is installed"
    return 1
  fi
}

# find_checksum sets sha256 from the checksums published beside the binary.
# Like everything that runs inside of a condition it cannot rely on set -e.
find_checksum() {
  get "$checksums_url" "$binary.sums" || return 1
  while read -r sum name; do
    [ "${name#\*}" != "$(with_arch "$checksums_name")" ] || sha256=$sum
  done <"$binary.sums"
  rm -f "$binary.sums"
  [ -n "$sha256" ] || {
    say "no checksum of $(with_arch "$checksums_name") in $checksums_url"
    return 1
  }
}

# download leaves a checked binary in $binary.new, or returns 1.
download() {
  [ -z "$checksums_url" ] || find_checksum || return 1
  say "downloading $(with_arch "$download_url")"
  get "$(with_arch "$download_url")" "$binary.new" || return 1
  [ -n "$sha256" ] || return 0
  sum=$(sha256sum "$binary.new") || return 1
  [ "${sum%% *}" = "$sha256" ] || {
    say "wrong checksum: the download has ${sum%% *}, expected is $sha256"
    return 1
  }
}

fetch_k0s() {
  if [ -n "$sha256_listed" ] && [ -z "$sha256" ]; then
    fail "no checksum for $arch is listed in downloadOptions.checksums"
  fi
  mkdir -p "${binary%/*}"
  delay=5
  until download; do
    rm -f "$binary.new"
    say "the download failed, next try in $delay s"
    sleep "$delay"
    delay=$((delay < 60 ? delay * 2 : 120))
  done
  chmod 0755 "$binary.new"
  sync
  mv -f "$binary.new" "$binary"
}

# protect_pki gives the directories of the certificates the modes that k0s gives
# them. They were made before any command ran: a disk that a command has mounted
# over them hides them, and then k0s would make certificates of its own.
protect_pki() {
  [ -d "$pki_dir" ] || fail "$pki_dir is gone: mount disks at directories below it, not above"
  chmod 0751 "$pki_dir"
  [ ! -d "$pki_dir/etcd" ] || chmod 0711 "$pki_dir/etcd"
}

install_k0s() {
  [ -x "$binary" ] || fail "$binary does not exist or is not executable"
  [ -z "$pki_dir" ] || protect_pki
  set --
  while IFS= read -r argument; do
    set -- "$@" "$argument"
  done <"$here/k0s-arguments"
  "$binary" "$@"
}

# start_k0s starts it. A controller without data creates a cluster or joins one,
# and may do so in one boot only: the permit does not outlive it, and the unit
# of k0s starts with the permit or with data. After a boot that ended between
# the two nobody knows how far k0s had come; another machine has to take over.
start_k0s() {
  if [ -n "$permit" ] && [ ! -e "$state_dir/first-start" ]; then
    mkdir -p "${permit%/*}"
    : >"$permit"
    remember "$state_dir/first-start"
  fi
  if [ -n "$permit" ] && [ ! -e "$permit" ] && [ ! -s "$joined_file" ]; then
    fail "k0s was started before, but $joined_file does not exist: delete the Machine, this one is not resumed"
  fi
  systemctl start "$unit"
}

# has_joined tells whether what k0s leaves behind is there, k0s runs, and, where
# it is asked, it says itself that it has come up.
has_joined() {
  [ -z "$joined_file" ] || [ -s "$joined_file" ] || return 1
  systemctl is-active --quiet "$unit" || return 1
  [ -z "$ask_k0s" ] || "$binary" status >/dev/null 2>&1
}

# wait_until_joined returns when the machine is part of the cluster. k0s retries
# by itself for as long as it takes.
wait_until_joined() {
  start_k0s
  say "waiting until the machine has joined"
  until has_joined; do
    sleep 2
  done
  # k0s does not read the token again once it has what it asked for with it.
  [ -z "$token_file" ] || rm -f "$token_file"
}

bootstrap() {
  mkdir -p "$state_dir"
  run_commands pre-k0s
  [ -z "$download_url" ] || once download fetch_k0s
  once install install_k0s
  once join wait_until_joined
  run_commands post-k0s
  remember "$marker"
  say "this machine is a k0s node"
}

# report_success tells Cluster API. The file is on a file system that does not
# outlive a boot.
report_success() {
  mkdir -p "${sentinel%/*}"
  echo success >"$sentinel"
}

arch=$(machine_arch)
read_parameters
# Commands may call k0s, wherever it is installed.
export PATH="$PATH:${binary%/*}"
(umask 077 && : >>"$log")
exec >>"$log" 2>&1
[ -e "$marker" ] || bootstrap
report_success
