#!/bin/bash
# Builds the virtual machine that run-vm.sh runs, as far as it is not in the cache, and prints the folder that it is in:
# a kernel that is a program, and a disk with Debian, systemd, Mosquitto, this machine's own Node.js and the simulated
# hardware. Needs Debian 12 on x86-64 and, where something must be built, root.
#
#   build-image.sh [--fresh]     --fresh: even if it is there
#
# The cache is ${VM_CACHE:-${XDG_CACHE_HOME:-~/.cache}/sensor-node-vm}. What follows from our own files lies in a folder
# that is named after them, so that two working copies share a cache without taking turns at it.
set -euo pipefail

readonly SUITE=bookworm
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
cache=${VM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sensor-node-vm}

# What the guest has besides Debian's minimum.
readonly PACKAGES=systemd,systemd-sysv,udev,dbus,kmod,iproute2,ca-certificates,mosquitto,mosquitto-clients,i2c-tools,gpiod,procps,curl,sudo,xz-utils,psmisc,netcat-openbsd,strace,python3-minimal,logrotate,systemd-timesyncd,tzdata,git

main() {
  local image kernel
  check_machine
  mkdir -p "$cache/stamp"
  exec 9>"$cache/lock"
  flock 9
  install_tools
  image=$cache/image-$(fingerprint)
  if [[ ${1:-} == --fresh || ! -s $image/disk.img ]]; then
    [[ $EUID == 0 ]] || fail 'the virtual machine must be built first, which needs root: sudo npm run test:vm'
    "$here/build-kernel.sh" "$cache" >"$cache/stamp/tree" &
    kernel=$!
    make_root
    wait "$kernel" || exit 1
    make_image "$image" "$(<"$cache/stamp/tree")" >&2
  fi
  touch "$image"
  find "$cache" -maxdepth 1 -name 'image-*' -mtime +14 -exec rm -rf {} +
  printf '%s\n' "$image"
}

say() { printf 'build-image: %s\n' "$*" >&2; }
fail() { say "$@" && exit 1; }

check_machine() {
  local codename
  codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
  # The native packages of this machine run in the guest: same processor, same C library, same Node.js.
  [[ $(uname -m) == x86_64 && $codename == "$SUITE" ]] ||
    fail "this needs Debian 12 ($SUITE) on x86-64, and here is ${codename:-another system} on $(uname -m)"
  command -v node npm >/dev/null || fail 'this needs Node.js and npm in the PATH'
}

install_tools() {
  local program package missing=()
  PATH=$PATH:/usr/sbin:/sbin
  while read -r program package; do
    command -v "$program" >/dev/null || missing+=("$package")
  done <<'LIST'
debootstrap debootstrap
depmod kmod
gcc-12 gcc-12
ld binutils
make make
flex flex
bison bison
bc bc
patch patch
mkfs.ext4 e2fsprogs
xz xz-utils
LIST
  ((${#missing[@]} > 0)) || return 0
  [[ $EUID == 0 ]] || fail "missing, and to be installed as root: apt-get install ${missing[*]}"
  say "install ${missing[*]}"
  apt-get update -qq >&2
  # libc6-dev is what gcc-12 compiles a program with.
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    "${missing[@]}" libc6-dev >"$cache/apt.log" 2>&1 || { tail "$cache/apt.log" >&2 && exit 1; }
}

# Of everything that the machine is made from.
fingerprint() {
  {
    cat "$here"/build-*.sh "$here"/kernel/* "$here"/sim/* "$here"/guest/{sim-hardware,vm-runner,*.service,99-com.rules}
    node --version
  } | sha256sum | cut -c1-16
}

# ---- the root file system, before anything of ours is in it ----

make_root() {
  local mirror want
  # The mirror that this machine itself uses.
  # shellcheck disable=SC2016 # apt's own variable
  mirror=${VM_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $SUITE" | head -1)}
  [[ -n $mirror ]] || fail "apt has no source of Debian's $SUITE"
  want=$(printf '%s %s %s\n' "$SUITE" "$mirror" "$PACKAGES" | sha256sum | cut -c1-16)
  [[ ! -s $cache/rootfs.tar || $(cat "$cache/stamp/rootfs" 2>/dev/null) != "$want" ]] || return 0
  say 'make the root file system (about a minute)'
  rm -rf "$cache/rootfs" "$cache/stamp/rootfs"
  mkdir -p "$cache/debs"
  debootstrap --variant=minbase --cache-dir="$cache/debs" --include="$PACKAGES" "$SUITE" "$cache/rootfs" "$mirror" \
    >"$cache/debootstrap.log" 2>&1 || { tail "$cache/debootstrap.log" >&2 && exit 1; }
  tar -C "$cache/rootfs" -cf "$cache/rootfs.tar" .
  rm -rf "$cache/rootfs"
  printf '%s\n' "$want" >"$cache/stamp/rootfs"
}

# ---- the image: the kernel and the disk ----

make_image() {
  local image=$1 tree=$2 new=$1.new root=$1.new/root modules=$1.new/modules
  say 'make the image'
  rm -rf "$new" "$image"
  mkdir -p "$root" "$modules"
  tar -C "$root" -xf "$cache/rootfs.tar"
  compile_modules "$tree" "$modules"
  install_modules "$tree" "$modules" "$root"
  install_node "$root"
  configure "$root"
  gcc-12 -O2 -static -o "$root/usr/local/bin/sim-bme280" "$here/sim/sim-bme280.c" -lm
  mkfs.ext4 -q -d "$root" -E root_owner=0:0,lazy_itable_init=0 -O ^metadata_csum,^64bit -L root "$new/disk.img" 3G
  cp "$tree/vmlinux" "$new/vmlinux"
  rm -rf "$root" "$modules"
  mv "$new" "$image"
}

# Our BME280 and our gpiomem.
compile_modules() {
  local tree=$1 out=$2
  cp "$here"/sim/{i2c-bme280-sim,gpiomem-sim}.c "$out"
  printf 'obj-m := i2c-bme280-sim.o gpiomem-sim.o\n' >"$out/Kbuild"
  make -s -C "$tree" ARCH=um CC=gcc-12 HOSTCC=gcc-12 M="$out" modules >"$out/build.log" 2>&1 ||
    { cat "$out/build.log" >&2 && exit 1; }
}

install_modules() {
  local tree=$1 own=$2 root=$3 version to
  version=$(<"$tree/include/config/kernel.release")
  to=$root/lib/modules/$version
  make -s -C "$tree" ARCH=um INSTALL_MOD_PATH="$root" DEPMOD=true modules_install >/dev/null
  rm -f "$to/build"
  install -D -m644 -t "$to/extra" "$own"/*.ko
  depmod --basedir "$root" "$version"
}

# Bookworm's own Node.js is too old.
install_node() {
  local root=$1 npm
  npm=$(readlink -f "$(command -v npm)")
  install -m755 "$(readlink -f "$(command -v node)")" "$root/usr/bin/node"
  mkdir -p "$root/usr/lib/node_modules"
  cp -a "$(readlink -f "$(dirname "$npm")/..")" "$root/usr/lib/node_modules/npm"
  ln -sf ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/bin/npm"
  ln -sf ../lib/node_modules/npm/bin/npx-cli.js "$root/usr/bin/npx"
}

configure() {
  local root=$1 group unit
  install -m755 "$here/guest/sim-hardware" "$here/guest/vm-runner" "$root/usr/local/sbin/"
  cp "$here"/guest/*.service "$root/etc/systemd/system/"
  cp "$here/guest/99-com.rules" "$root/etc/udev/rules.d/"
  # The users and groups of Raspberry Pi OS.
  for group in gpio i2c spi; do chroot "$root" groupadd -rf "$group"; done
  chroot "$root" useradd -m -s /bin/bash -G sudo,gpio,i2c,spi pi
  printf 'pi ALL=(ALL) NOPASSWD: ALL\n' >"$root/etc/sudoers.d/010_pi-nopasswd"
  chmod 440 "$root/etc/sudoers.d/010_pi-nopasswd"
  printf 'raspberrypi\n' >"$root/etc/hostname"
  printf '127.0.0.1 localhost raspberrypi\n' >"$root/etc/hosts"
  printf '/dev/ubda / ext4 defaults,noatime 0 0\n' >"$root/etc/fstab"
  tr -d - </proc/sys/kernel/random/uuid >"$root/etc/machine-id"
  mkdir -p "$root/etc/systemd/journald.conf.d" "$root/mnt/ctl" "$root/mnt/share" "$root/var/log/journal"
  printf '[Journal]\nStorage=persistent\nRateLimitBurst=0\n' >"$root/etc/systemd/journald.conf.d/vm.conf"
  for unit in vm-runner sim-hardware; do chroot "$root" systemctl -q enable "$unit.service"; done
  # What would only cost time at a boot, or change files under the tests.
  chroot "$root" systemctl -q disable apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
    e2scrub_reap.service fstrim.timer systemd-pstore.service systemd-timesyncd.service logrotate.timer 2>/dev/null || true
  chroot "$root" systemctl -q mask getty@tty1.service serial-getty@ttyS0.service getty-static.service \
    systemd-ask-password-console.path systemd-ask-password-wall.path systemd-binfmt.service \
    systemd-hwdb-update.service dev-hugepages.mount modprobe@drm.service modprobe@efi_pstore.service \
    modprobe@loop.service modprobe@dm_mod.service systemd-rfkill.socket systemd-update-utmp.service \
    systemd-update-utmp-runlevel.service
  chroot "$root" systemctl -q set-default multi-user.target
  rm -rf "$root"/var/cache/apt/*.bin "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* \
    "$root"/usr/share/{doc,man,locale,info}/*
  # What the first boot would do otherwise.
  chroot "$root" journalctl --update-catalog 2>/dev/null || true
  chroot "$root" systemd-hwdb update 2>/dev/null || true
  chroot "$root" systemd-sysusers 2>/dev/null || true
  chroot "$root" ldconfig
  touch "$root/etc/.updated" "$root/var/.updated"
}

main "$@"
