#!/bin/bash
# What `npm run test:vm` runs: the tests below test/vm, in two machines at once. One is installed on and rebooted, the
# other runs everything else. With arguments, one machine runs the files that they name; they are vitest's.
set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# A run takes four minutes where nothing else is going on.
readonly LIMIT_S=900

image=$("$here/build-image.sh") || exit 1

in_machine() {
  "$here/run-vm.sh" --image "$image" --timeout "$LIMIT_S" --share "$here/../.." "$here/guest/run-tests.sh" "$@"
}

if (($# > 0)); then
  in_machine "$@"
  exit
fi

output=$(mktemp)
trap 'rm -f "$output"' EXIT
in_machine install >"$output" 2>&1 &
installing=$!
in_machine --exclude test/vm/install.vm.ts
status=$?
wait "$installing" || status=1
cat "$output"
exit "$status"
