#!/bin/bash
# Builds the virtual machine that run-vm.sh runs, as far as it is not in the cache, and prints the folder that it is in:
# Debian's stock kernel, a root file system with systemd, Mosquitto and this machine's own Node.js, the simulated
# hardware, and a snapshot of all that, booted. Needs Debian 12 on x86-64 and, where something must be built, root.
#
#   build-image.sh [--fresh]     --fresh: even if it is there
#
# The cache is ${VM_CACHE:-${XDG_CACHE_HOME:-~/.cache}/sensor-node-vm}. What follows from our own files lies in a folder
# that is named after them, so that two working copies share a cache without taking turns at it.
set -euo pipefail

readonly SUITE=bookworm KERNEL=6.12
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
cache=${VM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sensor-node-vm}

# What the guest has besides Debian's minimum.
readonly PACKAGES=systemd,systemd-sysv,udev,dbus,kmod,iproute2,ca-certificates,mosquitto,mosquitto-clients,i2c-tools,gpiod,procps,curl,sudo,xz-utils,psmisc,netcat-openbsd,strace,python3-minimal,logrotate,systemd-timesyncd,tzdata,git

# Modules of the stock kernel that the guest has, with what they depend on. udev would load dozens more at boot.
readonly MODULES='ext4 crc32c_generic virtio_blk virtio_rng 9p 9pnet_virtio configfs i2c-dev i2c-stub bmp280 bmp280-i2c'

main() {
  local image
  check_machine
  mkdir -p "$cache/stamp"
  exec 9>"$cache/lock"
  flock 9
  install_tools
  image=$cache/image-$(fingerprint)
  if [[ ${1:-} == --fresh || ! -s $image/state ]]; then
    [[ $EUID == 0 ]] || fail 'the virtual machine must be built first, which needs root: sudo npm run test:vm'
    fetch_kernel
    make_root
    make_image "$image" >&2
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
qemu-system-x86_64 qemu-system-x86
qemu-img qemu-utils
debootstrap debootstrap
busybox busybox-static
cpio cpio
depmod kmod
gcc-12 gcc-12
ld binutils
make make
mkfs.ext4 e2fsprogs
xz xz-utils
zstd zstd
LIST
  ((${#missing[@]} > 0)) || return 0
  [[ $EUID == 0 ]] || fail "missing, and to be installed as root: apt-get install ${missing[*]}"
  say "install ${missing[*]}"
  apt-get update -qq >&2
  # seabios and ipxe-qemu are what QEMU starts a PC with; libc6-dev is what gcc-12 compiles a program with.
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    "${missing[@]}" seabios ipxe-qemu libc6-dev >"$cache/apt.log" 2>&1 || { tail "$cache/apt.log" >&2 && exit 1; }
}

# Of everything that the snapshot is made from.
fingerprint() {
  {
    cat "$here/build-image.sh" "$here/run-vm.sh" "$here"/sim/* "$here"/guest/{sim-hardware,vm-runner,*.service,99-com.rules}
    node --version
    qemu-system-x86_64 --version
  } | sha256sum | cut -c1-16
}

# ---- the kernel: Debian's own, with its headers, and two files of its source ----

fetch_kernel() {
  local version meta=linux-image-$KERNEL-amd64
  [[ ! -s $cache/stamp/kver || ! -s $cache/boot/vmlinux ]] || return 0
  say 'fetch the kernel'
  version=$(kernel_version "$meta")
  [[ -n $version ]] || { apt-get update -qq >&2 && version=$(kernel_version "$meta"); }
  [[ -n $version ]] || fail "apt does not know $meta: are its sources complete (main, security)?"
  (cd "$cache" && rm -rf deb boot hdr kmods ksrc && mkdir deb boot hdr kmods ksrc)
  # Run as root in a folder of root's, apt says that it could not become its own user: no news.
  (cd "$cache/deb" && apt-get -qq download "linux-image-$version-amd64" "linux-headers-$version-amd64" \
    "linux-headers-$version-common" "linux-kbuild-$version" "linux-source-$KERNEL" 2>"$cache/download.log") ||
    { cat "$cache/download.log" >&2 && exit 1; }
  dpkg-deb --extract "$cache"/deb/linux-image-*.deb "$cache/kmods"
  mv "$cache"/kmods/boot/vmlinuz-* "$cache/boot/vmlinuz"
  for package in "headers-$version-amd64" "headers-$version-common" "kbuild-$version"; do
    dpkg-deb --extract "$cache/deb/linux-${package}"_*.deb "$cache/hdr"
  done
  sed -i "s#/usr/src/linux-headers#$cache/hdr&#" "$cache"/hdr/usr/src/linux-headers-*-amd64/Makefile
  dpkg-deb --fsys-tarfile "$cache"/deb/linux-source-*.deb | tar -xOf - "./usr/src/linux-source-$KERNEL.tar.xz" |
    tar -C "$cache/ksrc" -xJf - --strip-components=1 \
      "linux-source-$KERNEL/drivers/gpio/gpio-sim.c" "linux-source-$KERNEL/kernel/irq/irq_sim.c"
  unpack_kernel "$cache/boot/vmlinuz" "$cache/boot/vmlinux"
  printf '%s\n' "$version" >"$cache/stamp/kver"
}

kernel_version() {
  apt-cache depends "$1" 2>/dev/null | sed -n 's/.*Depends: linux-image-\(.*\)-amd64$/\1/p' | head -1
}

# QEMU enters an unpacked kernel directly, which spares the emulated processor seconds of unpacking it.
unpack_kernel() {
  local offset
  while read -r offset; do
    tail -c "+$((offset + 1))" "$1" | zstd -dcq >"$2" 2>/dev/null || true
    [[ $(head -c 4 "$2") != $'\x7fELF' ]] || return 0
  done < <(LC_ALL=C grep -obUaP '\x28\xb5\x2f\xfd' "$1" | cut -d: -f1) # where zstd's magic number is
  fail "no kernel found in $1"
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

# ---- the image: kernel, disk, initrd, and the snapshot ----

make_image() {
  local image=$1 new=$1.new root=$1.new/root modules=$1.new/modules
  say 'make the image'
  version=$(cat "$cache/stamp/kver")-amd64
  rm -rf "$new" "$image"
  mkdir -p "$root" "$modules"
  compile_modules "$modules"
  tar -C "$root" -xf "$cache/rootfs.tar"
  install_modules "$root" "$modules"
  install_node "$root"
  configure "$root"
  install -m755 "$modules/sim-bme280" "$root/usr/local/bin/sim-bme280"
  make_initrd "$root" "$new"
  mkfs.ext4 -q -d "$root" -E root_owner=0:0,lazy_itable_init=0 -O ^metadata_csum,^64bit -L root "$new/disk.img" 3G
  cp "$cache/boot/vmlinux" "$new/vmlinux"
  rm -rf "$root" "$modules" "$new/initrd"
  # The snapshot's disk refers to the one below it by its path.
  mv "$new" "$image"
  say 'boot it and keep the moment at which it is ready'
  "$here/run-vm.sh" --image "$image" --make-snapshot
}

# gpio-sim and irq_sim, which Debian does not build, our BME280 and our gpiomem. What is changed in the kernel's two files:
compile_modules() {
  local out=$1
  cp "$cache/ksrc/drivers/gpio/gpio-sim.c" "$cache/ksrc/kernel/irq/irq_sim.c" "$here"/sim/* "$out"
  # irq_to_desc() is not exported to modules; the same by what is.
  sed -i 's|#include <linux/irq_work.h>|&\n#include <linux/irqdesc.h>\n#include <linux/module.h>\n#define irq_to_desc(n) irq_data_to_desc(irq_get_irq_data(n))|' "$out/irq_sim.c"
  printf '\nMODULE_DESCRIPTION("IRQ simulator (kernel/irq/irq_sim.c)");\nMODULE_LICENSE("GPL");\n' >>"$out/irq_sim.c"
  # One parameter, to imitate kernels that number the header's lines from 0. Unset, nothing differs.
  sed -i 's|gc->base = -1;|gc->base = force_base;|; s|#include <linux/types.h>|&\nstatic int force_base = -1;\nmodule_param(force_base, int, 0644);\nMODULE_PARM_DESC(force_base, "number of line 0 of chips that are made from now on (-1: the kernel chooses)");|' "$out/gpio-sim.c"
  if ! grep -q 'gc->base = force_base' "$out/gpio-sim.c" || ! grep -q 'module_param(force_base' "$out/gpio-sim.c"; then
    fail 'gpio-sim.c of this kernel looks different: the changes of build-image.sh do not fit'
  fi
  printf 'obj-m := irq_sim.o gpio-sim.o i2c-bme280-sim.o gpiomem-sim.o\n' >"$out/Kbuild"
  # Without type information for BPF, which needs one tool more.
  make -s -C "$cache/hdr/usr/src/linux-headers-$version" M="$out" CONFIG_DEBUG_INFO_BTF_MODULES= modules \
    >"$out/build.log" 2>&1 || { cat "$out/build.log" >&2 && exit 1; }
  strip --strip-debug "$out"/*.ko
  gcc-12 -O2 -static -o "$out/sim-bme280" "$out/sim-bme280.c" -lm
}

install_modules() {
  local root=$1 own=$2 name file all=$2/all to=$1/lib/modules/$version
  local stock=$cache/kmods/lib/modules/$version
  [[ -d $stock ]] || stock=$cache/kmods/usr/lib/modules/$version
  mkdir -p "$to/extra" "$all/lib/modules"
  cp -a "$stock" "$all/lib/modules/"
  depmod --basedir "$all" "$version"
  for name in $MODULES; do needed "${name//-/_}" "$all/lib/modules/$version/modules.dep"; done | sort -u |
    while read -r file; do
      mkdir -p "$to/$(dirname "$file")"
      # Unpacked: the emulated processor is the slow one.
      case $file in
        *.xz) xz -dc "$stock/$file" >"$to/${file%.xz}" ;;
        *) cp "$stock/$file" "$to/$file" ;;
      esac
    done
  cp "$stock"/modules.builtin* "$stock/modules.order" "$to/"
  cp "$own"/*.ko "$to/extra/"
  depmod --basedir "$root" "$version"
}

# needed NAME FILE: the module's file and those that it depends on, from a modules.dep
needed() {
  awk -v wanted="$1" '
    function name(path) { sub(/.*\//, "", path); sub(/\.ko.*/, "", path); gsub(/-/, "_", path); return path }
    { sub(/:$/, "", $1) }
    name($1) == wanted { for (i = 1; i <= NF; i++) print $i }
  ' "$2"
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
  printf '/dev/vda / ext4 defaults,noatime 0 0\n' >"$root/etc/fstab"
  tr -d - </proc/sys/kernel/random/uuid >"$root/etc/machine-id"
  printf 'blacklist %s\n' i2c_piix4 pcspkr psmouse >"$root/etc/modprobe.d/vm.conf"
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

# Just enough to mount the disk.
make_initrd() {
  local root=$1 new=$2 tree=$2/initrd name file
  mkdir -p "$tree"/{bin,dev,proc,sys,root,modules}
  cp "$(command -v busybox)" "$tree/bin/busybox"
  ln -s busybox "$tree/bin/sh"
  for name in crc16 crc32c_generic libcrc32c mbcache jbd2 ext4 virtio_blk; do
    file=$(find "$root/lib/modules/$version" -name "$name.ko" -print -quit)
    [[ -z $file ]] || { cp "$file" "$tree/modules/" && printf '%s.ko\n' "$name" >>"$tree/modules/order"; }
  done
  cat >"$tree/init" <<'INIT'
#!/bin/sh
b=/bin/busybox
$b mount -t devtmpfs dev /dev
$b mount -t proc proc /proc
while read -r module; do $b insmod "/modules/$module"; done </modules/order
tries=0
while [ ! -b /dev/vda ] && [ $tries -lt 500 ]; do $b usleep 10000; tries=$((tries + 1)); done
$b mount -t ext4 -o noatime /dev/vda /root || { echo 'initrd: no root disk'; $b poweroff -f; }
$b umount /proc
$b mount --move /dev /root/dev
exec $b switch_root /root /lib/systemd/systemd
INIT
  chmod 755 "$tree/init"
  (cd "$tree" && find . | cpio -o -H newc -R 0:0 2>/dev/null) >"$new/initrd.cpio"
}

main "$@"
