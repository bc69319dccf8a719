#!/bin/bash
# Runs a script as root in the virtual machine; its output and exit code become ours. Builds the machine first where it
# is not there. What the script changes is thrown away.
#
#   run-vm.sh [--share DIR] [--timeout SECONDS] [--console FILE] [--image DIR] SCRIPT [ARGUMENT...]
#
#   --share DIR        a copy of it is /mnt/share in the guest
#   --timeout SECONDS  default 300
#   --console FILE     keep what the kernel and systemd write to the console
#   --image DIR        an image of build-image.sh; default: what it builds
#
# In the guest VM_BOOT is 1. A script that ends after `touch /run/vm-reboot` has the machine reboot for real, and is run
# again with VM_BOOT=2 on the same disk.
#
# Exit code: the script's, or 124 where the time ran out, 125 where the machine ended without a result.
set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
readonly MEMORY_MB=768

share='' limit_s=300 console='' image='' kernel='' work=''

main() {
  parse "$@"
  [[ -n $image ]] || image=$("$here/build-image.sh") || exit 125
  work=$(mktemp -d "${TMPDIR:-/tmp}/sensor-node-vm.XXXXXX")
  trap finish EXIT
  trap 'exit 130' INT TERM
  prepare_job
  start_kernel
  follow
}

parse() {
  while (($# > 0)); do
    case $1 in
      --share) share=$2 && shift ;;
      --timeout) limit_s=$2 && shift ;;
      --console) console=$2 && shift ;;
      --image) image=$2 && shift ;;
      -*) misuse "unknown option $1" ;;
      *) break ;;
    esac
    shift
  done
  (($# > 0)) || misuse 'no script given'
  script=("$@")
}

misuse() {
  printf 'run-vm: %s\n' "$1" >&2
  sed -n '5s/^# *//p' "$here/run-vm.sh" >&2
  exit 2
}

say() { printf 'run-vm: %s\n' "$*" >&2; }

# The kernel, and the processes that the guest's programs are, are a group of their own.
# shellcheck disable=SC2317 # the trap calls it
finish() {
  [[ -z $kernel ]] || { kill -9 -- "-$kernel" && wait "$kernel"; } 2>/dev/null
  [[ -z $console ]] || cp "$work/console" "$console" 2>/dev/null
  rm -rf "$work"
}

# The folder that the guest gets its job from.
prepare_job() {
  mkdir "$work/ctl"
  mkfifo "$work/out"
  # A disk, as thousands of small files are slow over a shared folder.
  truncate --size=2G "$work/share.img"
  [[ -z $share ]] || PATH=$PATH:/usr/sbin:/sbin mkfs.ext4 -q -d "$share" -E lazy_itable_init=0 -m 0 "$work/share.img" ||
    exit 2
  install -m755 "${script[0]}" "$work/ctl/script" || exit 2
  {
    printf 'exec bash /mnt/ctl/script'
    ((${#script[@]} == 1)) || printf ' %q' "${script[@]:1}"
    printf '\n'
  } >"$work/ctl/job"
}

start_kernel() {
  local options=(
    "mem=${MEMORY_MB}M" "ubd0=$work/cow,$image/disk.img" "ubd1=$work/share.img" root=/dev/ubda rw
    "uml_dir=$work" umid=uml con=null 'con0=null,fd:1' ssl=null 'ssl0=null,fd:4'
    quiet loglevel=4 systemd.show_status=0 init=/lib/systemd/systemd "vm.ctl=$work/ctl"
  )
  ulimit -c 0
  # The guest's memory is a file: in /dev/shm where there is room, which containers are short of.
  TMPDIR=/dev/shm
  (($(stat -f -c '%a * %S / 1048576' /dev/shm) > 2 * MEMORY_MB)) || TMPDIR=/tmp
  export TMPDIR
  exec 4<>"$work/out"
  set -m
  "$image/vmlinux" "${options[@]}" </dev/null >"$work/console" 2>&1 &
  kernel=$!
  set +m
  exec 7<"$work/out" 4>&-
}

# Reads the guest's serial line (guest/vm-runner writes it): the job's output, and lines that begin with \x01.
follow() {
  local line status part='' code=125 end=$((SECONDS + limit_s))
  while :; do
    IFS= read -r -t 2 -u 7 line
    status=$?
    line=$part$line part=''
    if ((status > 128)); then
      if ! kill -0 "$kernel" 2>/dev/null; then break; fi
      if ((SECONDS < end)); then
        part=$line
        continue
      fi
      printf '%s\n' "$line"
      say "not done within $limit_s s"
      code=124
      break
    fi
    case $line in
      *$'\x01EXIT '*)
        printf '%s' "${line%%$'\x01'*}"
        code=${line##*$'\x01EXIT '}
        break
        ;;
      *$'\x01REBOOT'*)
        printf '%s' "${line%%$'\x01'*}"
        say 'the guest reboots'
        ;;
      *) if ((status == 0)); then printf '%s\n' "$line"; else printf '%s' "$line"; fi ;;
    esac
    ((status == 0)) || break
  done
  if ((code >= 124)); then
    { echo '--- console:' && tail -15 "$work/console"; } >&2
  fi
  exit "$code"
}

main "$@"
