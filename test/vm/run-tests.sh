#!/bin/bash
# What `npm run test:vm` runs: the tests below test/vm, in two machines at once, as the installation wants one for itself,
# and they take about as long. The installed service is made once, and looked at by all that want one. With arguments, one
# machine runs the files that they name; they are those of run.ts.
set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
top=${here%/test/vm}
# Of a machine that hangs. A run takes some three minutes where nothing else is going on.
readonly LIMIT_S=1500
# What the machine that is installed on has done before; the other one does all the rest.
readonly BEFORE=(iio outputs-restart) INSTALLED=(install sandbox)

main() {
  local name not=() installing status
  image=$("$here/build-image.sh") && work=$(mktemp -d "${TMPDIR:-/tmp}/sensor-node-share.XXXXXX") || exit 1
  trap 'rm -rf "$work"' EXIT
  cd "$top" && node node_modules/rolldown/bin/cli.mjs -c test/vm/rolldown.config.mjs >/dev/null && fill_share || exit 1
  if (($# > 0)); then
    in_machine "$@"
    exit
  fi
  for name in "${BEFORE[@]}" "${INSTALLED[@]}"; do not+=(--exclude "$name"); done
  in_machine "${BEFORE[@]}" "${INSTALLED[@]}" >"$work/output" 2>&1 &
  installing=$!
  in_machine "${not[@]}"
  status=$?
  wait "$installing" || status=1
  cat "$work/output"
  exit "$status"
}

# What the machines get, see share.mjs.
fill_share() {
  local paths
  mkdir "$work/share"
  mapfile -t paths < <(node "$here/share.mjs")
  cp -a --parents -t "$work/share" -- "${paths[@]}"
}

# Once more where the machine itself ended, as where memory was short: no test of ours could make it.
in_machine() {
  local try status
  for try in first second; do
    "$here/run-vm.sh" --image "$image" --timeout "$LIMIT_S" --share "$work/share" "$here/guest/run-tests.sh" "$@"
    status=$?
    ((status == 125)) || break
    echo "test:vm: the machine ended without a result, on the $try try" >&2
  done
  return "$status"
}

main "$@"
