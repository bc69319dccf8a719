#!/bin/bash
# The job of `npm run test:vm`: runs the tests below test/vm in the guest, on the project's own build and packages.
# Arguments are vitest's.
set -uo pipefail

# The working copy is read only; what is written to it goes to memory.
mkdir -p /repo /run/overlay
mount -t tmpfs tmpfs /run/overlay
mkdir /run/overlay/{upper,work}
mount -t overlay overlay -o lowerdir=/mnt/share,upperdir=/run/overlay/upper,workdir=/run/overlay/work /repo
cd /repo || exit 1
for needed in node_modules/vitest dist/main.js; do
  [[ -e $needed ]] || { echo "test:vm: $needed is not there, or a link that leads out of the working copy" && exit 1; }
done

export CI=true NO_COLOR=1
node node_modules/vitest/vitest.mjs run --config test/vm/vitest.config.ts "$@"
