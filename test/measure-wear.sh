#!/usr/bin/env bash
# Measures what the outbox writes to a card: bytes at the block device below an ext4 of its own, with its journal, while
# the broker is there and while it is away. Ten sensors at ten seconds. As root, after `npm run build`:
#
#   test/measure-wear.sh [SECONDS OF EACH PHASE]
set -euo pipefail
cd "$(dirname "$0")/.."
seconds="${1:-240}"
port=28899
work="$(mktemp -d)"
agent='' broker=''
end() {
  for pid in $agent $broker; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  mountpoint -q "$work/card" && umount "$work/card"
  [ -z "${device:-}" ] || losetup -d "$device"
  rm -rf "$work"
}
trap end EXIT

mkdir "$work/card"
truncate -s 256M "$work/image"
# All of the file system is made now, not in the background while we measure.
mkfs.ext4 -q -E lazy_itable_init=0,lazy_journal_init=0 "$work/image"
device="$(losetup -f --show "$work/image")"
mount -o noatime "$device" "$work/card"

{
  echo "node: { id: wear }"
  echo "mqtt: { url: 'mqtt://127.0.0.1:$port' }"
  echo "outbox: { path: '$work/card/outbox' }"
  echo "sensors:"
  for id in 0 1 2 3 4 5 6 7 8 9; do
    echo "  - { type: simulated, id: s$id, interval: 10s, metrics: { temperature: { digits: 2 }, humidity: { digits: 1 }, pressure: { digits: 1 } } }"
  done
} >"$work/config.yaml"
printf 'listener %s 127.0.0.1\nallow_anonymous true\n' "$port" >"$work/mosquitto.conf"

start_broker() {
  PATH="$PATH:/usr/sbin" mosquitto -c "$work/mosquitto.conf" 2>/dev/null &
  broker=$!
}
# Sectors written are the seventh figure, of 512 bytes each (Documentation/block/stat.rst).
written() {
  sync -f "$work/card"
  awk '{ print $7 * 512 }' "/sys/block/${device#/dev/}/stat"
}
phase() {
  local name="$1" before after
  before="$(written)"
  sleep "$2"
  after="$(written)"
  echo "$name: $((after - before)) bytes in $2 s"
}

start_broker
before="$(written)"
node dist/main.js run --config "$work/config.yaml" >"$work/log" &
agent=$!
sleep 15
echo "start: $(($(written) - before)) bytes"
phase connected "$seconds"
kill -9 "$broker"
sleep 5
phase away "$seconds"
start_broker
phase 'back, with what it drains' 90
