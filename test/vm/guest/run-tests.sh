#!/bin/bash
# The job in the guest: runs tests below test/vm, on the project's own build and packages. Arguments are vitest's.
# After the tests of the installation, the machine reboots, and those for the time after it follow.
set -uo pipefail
readonly STATUS=/var/tmp/status

cd /mnt/share || exit 1
for needed in node_modules/vitest dist/main.js; do
  [[ -e $needed ]] || { echo "test:vm: $needed is not there, or a link that leads out of the working copy" && exit 1; }
done

run() { node node_modules/vitest/vitest.mjs run --config test/vm/vitest.config.ts "$@"; }

export CI=true NO_COLOR=1
if [[ $VM_BOOT == 2 ]]; then
  run && exit "$(<"$STATUS")"
  exit 1
fi
run "$@"
status=$?
if [[ " $* " == *' install '* ]]; then
  echo "$status" >"$STATUS"
  touch /run/vm-reboot
fi
exit "$status"
