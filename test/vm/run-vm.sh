#!/bin/bash
# Runs a script as root in the virtual machine; its output and exit code become ours. Builds the machine first where it
# is not there. What the script changes is thrown away.
#
#   run-vm.sh [--share DIR] [--timeout SECONDS] [--cold] [--console FILE] [--image DIR] SCRIPT [ARGUMENT...]
#
#   --share DIR        a copy of it is /mnt/share in the guest
#   --timeout SECONDS  default 300
#   --cold             boot from power-off; default: go on from the booted snapshot, which takes a second
#   --console FILE     keep what the kernel and systemd write to the console
#   --image DIR        an image of build-image.sh; default: what it builds
#   --make-snapshot    no script: boot, and keep the moment at which the guest waits for one (for build-image.sh)
#
# In the guest VM_BOOT is 1. A script that ends after `touch /run/vm-reboot` has the machine reboot for real, and is run
# again with VM_BOOT=2 on the same disk.
#
# Exit code: the script's, or 124 where the time ran out, 125 where the machine ended without a result.
set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
readonly PANIC_TRIES=3
arguments=("$@")

share='' limit_s=300 cold='' console='' image='' make='' qemu='' work=''

main() {
  parse "$@"
  [[ -n $image ]] || image=$("$here/build-image.sh") || exit 125
  work=$(mktemp -d "${TMPDIR:-/tmp}/sensor-node-vm.XXXXXX")
  trap finish EXIT
  trap 'exit 130' INT TERM
  prepare_job
  start_qemu
  follow
}

parse() {
  while (($# > 0)); do
    case $1 in
      --share) share=$2 && shift ;;
      --timeout) limit_s=$2 && shift ;;
      --console) console=$2 && shift ;;
      --image) image=$2 && shift ;;
      --cold) cold=yes ;;
      --make-snapshot) make=yes cold=yes limit_s=180 ;;
      -*) misuse "unknown option $1" ;;
      *) break ;;
    esac
    shift
  done
  [[ -n $make || $# -gt 0 ]] || misuse 'no script given'
  script=("$@")
}

misuse() {
  printf 'run-vm: %s\n' "$1" >&2
  sed -n '5s/^# *//p' "$here/run-vm.sh" >&2
  exit 2
}

say() { printf 'run-vm: %s\n' "$*" >&2; }

finish() {
  [[ -z $qemu ]] || { kill -9 "$qemu" && wait "$qemu"; } 2>/dev/null
  [[ -z $console ]] || cp "$work/console" "$console" 2>/dev/null
  rm -rf "$work"
}

# The folder that the guest gets its job from, and writes the exit code to.
prepare_job() {
  mkdir "$work/ctl"
  mkfifo "$work/in" "$work/out"
  # A disk, as thousands of small files take minutes over a shared folder. Of the size that the snapshot knows.
  truncate --size=2G "$work/share.img"
  [[ -z $share ]] || PATH=$PATH:/usr/sbin:/sbin mkfs.ext4 -q -d "$share" -E lazy_itable_init=0 -m 0 "$work/share.img" ||
    exit 2
  [[ -z $make ]] || return 0
  install -m755 "${script[0]}" "$work/ctl/script" || exit 2
  {
    printf 'exec bash /mnt/ctl/script'
    ((${#script[@]} == 1)) || printf ' %q' "${script[@]:1}"
    printf '\n'
  } >"$work/ctl/job"
}

start_qemu() {
  local drive extra=(-monitor none)
  if [[ -n $make ]]; then
    qemu-img create -q -f qcow2 -b "$image/disk.img" -F raw "$image/disk.qcow2"
    mkfifo "$work/monitor.in" "$work/monitor.out"
    exec 5<>"$work/monitor.in" 6<>"$work/monitor.out"
    drive="file=$image/disk.qcow2,format=qcow2"
    extra=(-chardev "pipe,id=monitor,path=$work/monitor" -mon "chardev=monitor,mode=readline")
  elif [[ -n $cold ]]; then
    drive="file=$image/disk.img,format=raw,snapshot=on"
  else
    drive="file=$image/disk.qcow2,format=qcow2,snapshot=on"
    extra+=(-incoming "exec:cat $image/state")
  fi
  exec 4<>"$work/in"
  # Emulated in software, so that it runs where virtualisation is not allowed. No graphics, no network but its own loopback.
  qemu-system-x86_64 -nodefaults -no-user-config -display none -machine pc,usb=off \
    -accel tcg,thread=multi,tb-size=512 -cpu Nehalem -smp 2 -m 768 \
    -kernel "$image/vmlinux" -initrd "$image/initrd.cpio" \
    -append 'console=ttyS0 quiet loglevel=4 systemd.show_status=0 net.ifnames=0 mitigations=off nokaslr audit=0 selinux=0 apparmor=0 tsc=reliable random.trust_cpu=on raid=noautodetect i8042.noaux i8042.nokbd i8042.noprobe vm.prewarm' \
    -drive "$drive,if=none,id=disk,cache=unsafe" -device virtio-blk-pci,drive=disk \
    -drive "file=$work/share.img,format=raw,if=none,id=share,cache=unsafe" -device virtio-blk-pci,drive=share \
    -device virtio-serial-pci -chardev stdio,id=job,signal=off -device virtserialport,chardev=job,name=job \
    -fsdev "local,id=ctl,path=$work/ctl,security_model=none,multidevs=remap" \
    -device virtio-9p-pci,fsdev=ctl,mount_tag=ctl \
    -device virtio-rng-pci \
    -serial "file:$work/console" "${extra[@]}" <"$work/in" >"$work/out" 2>"$work/errors" 4>&- &
  qemu=$!
  exec 7<"$work/out"
}

# Reads what comes through the port (guest/vm-runner writes it): the job's output, and lines that begin with \x01.
follow() {
  local line status part='' begun='' code=125 end=$((SECONDS + limit_s))
  [[ -n $cold ]] || go
  while :; do
    IFS= read -r -t 2 -u 7 line
    status=$?
    line=$part$line part=''
    if ((status > 128)); then
      if panicked; then break; fi
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
      $'\x01READY'*)
        if [[ -n $make ]]; then
          snapshot && code=0
          break
        fi
        [[ -n $begun ]] || go
        ;;
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
    { echo '--- QEMU:' && tail -5 "$work/errors" && echo '--- console:' && tail -15 "$work/console"; } >&2
  fi
  exit "$code"
}

# The guest's clock stood still in the snapshot.
go() {
  begun=yes
  printf 'go %s\n' "$(date +%s.%N)" >&4
}

# Once in some 50 cold boots under emulation. Before the job has begun, another try does no harm.
panicked() {
  grep -q 'Kernel panic' "$work/console" 2>/dev/null || return 1
  say "the guest's kernel panicked"
  if [[ -z $begun && ${VM_TRY:-1} -lt $PANIC_TRIES ]]; then
    finish
    VM_TRY=$((${VM_TRY:-1} + 1)) exec "$here/run-vm.sh" --image "$image" "${arguments[@]}"
  fi
}

snapshot() {
  local answer
  # READY is written just before the guest begins to read.
  sleep 1
  printf '%s\n' 'migrate_set_parameter max-bandwidth 100G' "migrate \"exec:cat > $image/state.new\"" 'info migrate' quit >&5
  wait "$qemu"
  qemu=''
  while IFS= read -r -t 1 -u 6 answer; do
    [[ $answer != *'Migration status: completed'* ]] || { mv "$image/state.new" "$image/state" && return 0; }
  done
  say 'the snapshot failed'
  return 1
}

main "$@"
