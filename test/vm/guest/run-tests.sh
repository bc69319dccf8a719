#!/bin/bash
# The job in the guest: runs tests below test/vm, on the project's own build and packages. Arguments are those of run.ts.
# Where they leave the service installed, the machine reboots, and the tests for the time after that follow.
set -uo pipefail
readonly STATUS=/var/tmp/status

cd /mnt/share || exit 1
for needed in node_modules/onoff dist/main.js; do
  [[ -e $needed ]] || { echo "test:vm: $needed is not there, or a link that leads out of the working copy" && exit 1; }
done

# A `systemctl daemon-reload` runs all of these, and none has anything to say here: two seconds each time.
mkdir -p /run/systemd/system-generators
for generator in /lib/systemd/system-generators/*; do
  ln -sf /dev/null "/run/systemd/system-generators/${generator##*/}"
done

export CI=true NO_COLOR=1
if [[ $VM_BOOT == 2 ]]; then
  node build/vm/run.js && exit "$(<"$STATUS")"
  exit 1
fi
node build/vm/run.js "$@"
status=$?
if [[ -e /etc/systemd/system/sensor-node.service ]]; then
  echo "$status" >"$STATUS"
  touch /run/vm-reboot
fi
exit "$status"
