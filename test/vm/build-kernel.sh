#!/bin/bash
# Builds the kernel that the machine runs, as far as it is not in the cache, and prints the folder of its build: the
# source of Debian's kernel, made into a program (User-Mode Linux, ARCH=um), with kernel/config and kernel/changes.patch.
#
#   build-kernel.sh CACHE     called by build-image.sh, which has the lock and has installed the tools
set -euo pipefail

readonly KERNEL=6.12
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
cache=$1
tree=$cache/linux-$(cat "$here/build-kernel.sh" "$here"/kernel/* | sha256sum | cut -c1-16)

# What this kernel does not compile, left out to spare time and room; not the Kconfig files there, as all of them are read.
readonly UNUSED=('drivers/gpu/*.[ch]' 'drivers/net/*/*.[ch]' 'drivers/media/*.[ch]' 'drivers/scsi/*.[ch]'
  'drivers/staging/*.[ch]' 'drivers/usb/*.[ch]' 'drivers/infiniband/*.[ch]' 'sound/*.[ch]' 'fs/xfs/*.[ch]'
  'fs/btrfs/*.[ch]' 'tools/testing/*' 'tools/perf/*' '*.dts' '*.dtsi' '*.rst')

main() {
  if [[ ! -e $tree/built ]]; then
    fetch_source
    build
  fi
  touch "$tree"
  find "$cache" -maxdepth 1 -name 'linux-*' -mtime +14 -exec rm -rf {} +
  printf '%s\n' "$tree"
}

say() { printf 'build-kernel: %s\n' "$*" >&2; }
fail() { say "$@" && exit 1; }

fetch_source() {
  [[ ! -e $cache/stamp/source ]] || return 0
  say 'fetch the source of the kernel'
  rm -rf "$cache/source"
  mkdir -p "$cache/source"
  # Run as root in a folder of root's, apt says that it could not become its own user: no news.
  (cd "$cache/source" && apt-get -qq download "linux-source-$KERNEL" 2>"$cache/download.log") ||
    (apt-get update -qq >&2 && cd "$cache/source" && apt-get -qq download "linux-source-$KERNEL" 2>"$cache/download.log") ||
    { cat "$cache/download.log" >&2 && fail "apt does not have linux-source-$KERNEL: are its sources complete (main, security)?"; }
  touch "$cache/stamp/source"
}

build() {
  local line pattern exclude=()
  say 'build the kernel (three minutes)'
  for pattern in "${UNUSED[@]}"; do exclude+=("--exclude=*/$pattern"); done
  rm -rf "$tree"
  mkdir -p "$tree"
  dpkg-deb --fsys-tarfile "$cache"/source/linux-source-*.deb | tar -xOf - "./usr/src/linux-source-$KERNEL.tar.xz" |
    tar -C "$tree" -xJf - --strip-components=1 "${exclude[@]}"
  patch -s -d "$tree" -p1 <"$here/kernel/changes.patch" >&2 ||
    fail 'the source of this kernel looks different: kernel/changes.patch does not fit'
  run_make allnoconfig KCONFIG_ALLCONFIG="$here/kernel/config"
  while read -r line; do
    grep -qx "$line" "$tree/.config" || fail "this kernel does not take $line"
  done < <(grep '^CONFIG_' "$here/kernel/config")
  run_make "-j$(nproc)" vmlinux modules
  touch "$tree/built"
}

run_make() {
  make -s -C "$tree" ARCH=um CC=gcc-12 HOSTCC=gcc-12 "$@" >"$cache/kernel.log" 2>&1 ||
    { tail -30 "$cache/kernel.log" >&2 && exit 1; }
}

main "$@"
