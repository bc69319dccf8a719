#!/bin/bash
# What `npm run test:vm` runs: the tests below test/vm, in two machines at once, as the installation wants one for itself,
# and they take about as long. With arguments, one machine runs the files that they name; they are vitest's.
set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# Of a machine that hangs. A run takes some five minutes where nothing else is going on.
readonly LIMIT_S=1500
# What the machine that is installed on has done before; the other one does all the rest.
readonly BEFORE=(bme280 counter iio outputs-restart scan)

image=$("$here/build-image.sh") || exit 1
cd "$here/../.." && node node_modules/rolldown/bin/cli.mjs -c test/vm/rolldown.config.mjs >/dev/null || exit 1

# Once more where the machine itself ended: an emulated kernel may panic, and no test of ours could make it.
in_machine() {
  local try status
  for try in first second; do
    "$here/run-vm.sh" --image "$image" --timeout "$LIMIT_S" --share "$here/../.." "$here/guest/run-tests.sh" "$@"
    status=$?
    ((status == 125)) || break
    echo "test:vm: the machine ended without a result, on the $try try" >&2
  done
  return "$status"
}

if (($# > 0)); then
  in_machine "$@"
  exit
fi

not=()
for name in "${BEFORE[@]}" install; do not+=(--exclude "build/vm/$name.vm.js"); done
output=$(mktemp)
trap 'rm -f "$output"' EXIT
in_machine "${BEFORE[@]}" install >"$output" 2>&1 &
installing=$!
in_machine "${not[@]}"
status=$?
wait "$installing" || status=1
cat "$output"
exit "$status"
