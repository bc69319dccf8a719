#!/bin/bash
# What `npm run test:vm` runs: the tests below test/vm, in two machines at once, as the installation wants one for itself,
# and they take about as long. With arguments, one machine runs the files that they name; they are vitest's.
set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# Of a machine that hangs. A run takes two to three minutes where nothing else is going on.
readonly LIMIT_S=1500
# What the machine that is installed on has done before; the other one does all the rest.
readonly BEFORE=(bme280 iio)

image=$("$here/build-image.sh") || exit 1

in_machine() {
  "$here/run-vm.sh" --image "$image" --timeout "$LIMIT_S" --share "$here/../.." "$here/guest/run-tests.sh" "$@"
}

if (($# > 0)); then
  in_machine "$@"
  exit
fi

not=()
for name in "${BEFORE[@]}" install; do not+=(--exclude "test/vm/$name.vm.ts"); done
output=$(mktemp)
trap 'rm -f "$output"' EXIT
in_machine "${BEFORE[@]}" install >"$output" 2>&1 &
installing=$!
in_machine "${not[@]}"
status=$?
wait "$installing" || status=1
cat "$output"
exit "$status"
