#!/bin/bash
# Installs sensor-node as a service that starts at boot; run again, it upgrades. Everything is checked first: as long
# as something is missing, nothing is changed. Ended at any moment, a second run puts things right.
# Longer than our other files, because an installer that is one file can be read before it is run as root.
set -euo pipefail
umask 022

usage() {
  cat <<'END'
Usage: sudo ./deploy/install.sh [--dry-run] [--root DIR] [--node FILE]

  --dry-run    print each step and change nothing; needs no root
  --root DIR   install into the folder DIR, such as the file system of an image: no user, no systemctl
  --node FILE  use this Node.js; default: the first good one of the PATH, /usr/bin, /usr/local/bin, /opt/*/bin
  --help       print this
END
}

readonly NAME=sensor-node
readonly PROGRAM=/opt/$NAME CONFIG_DIR=/etc/$NAME STATE=/var/lib/$NAME
readonly CONFIG=$CONFIG_DIR/config.yaml ENVIRONMENT=$CONFIG_DIR/environment SCHEMA=config.schema.json
readonly UNIT=/etc/systemd/system/$NAME.service COMMAND=/usr/local/bin/$NAME
readonly SHARE=/usr/local/share
readonly MANUAL=$SHARE/man/man1/$NAME.1 # the same three in uninstall.sh
readonly FOR_BASH=$SHARE/bash-completion/completions/$NAME FOR_ZSH=$SHARE/zsh/site-functions/_$NAME

dry_run='' root='' node='' tree='' build='' # build: empty, `dist` (compile) or `all` (packages, too)
problems=()                                 # what must be mended first
advice=()                                   # what merely limits
homes=()                                    # which a service can't see, ProtectHome= in the unit

main() {
  parse "$@"
  PATH=$PATH:/usr/sbin:/sbin # `su` without a dash leaves these out, and useradd lives there
  tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)

  check_machine
  check_place
  find_node
  plan_build
  stop_at_problems
  build_tree
  check_config
  stop_at_problems
  check_limits

  [[ -n $root ]] || add_user
  install_config
  install_program
  step "write the command $root$COMMAND" put "$root$COMMAND" 755 command_text
  step "write the manual page $root$MANUAL" put "$root$MANUAL" 644 program man
  step "write the completion for bash, $root$FOR_BASH" put "$root$FOR_BASH" 644 program completion bash
  step "write the completion for zsh, $root$FOR_ZSH" put "$root$FOR_ZSH" 644 program completion zsh
  step "write the unit $root$UNIT" put "$root$UNIT" 644 unit_text
  [[ -n $root ]] || start_service
  tell
}

parse() {
  while (($# > 0)); do
    case $1 in
      --dry-run) dry_run=yes ;;
      --root)
        [[ -n ${2:-} ]] || misuse '--root needs a folder'
        root=$(realpath -m -- "$2") && shift
        ;;
      --node)
        [[ -n ${2:-} ]] || misuse '--node needs a file'
        node=$2 && shift
        ;;
      --help) usage && exit 0 ;;
      *) misuse "unknown option $1" ;;
    esac
    shift
  done
  root=${root%/}
}

misuse() {
  printf '%s\n' "$1" >&2
  usage >&2
  exit 2
}

say() { printf '%s\n' "$*"; }
problem() { problems+=("$1"); }
advise() { advice+=("$1"); }

fail() {
  printf '%s\n' "$@" >&2
  exit 1
}

# step TEXT COMMAND...: says what is done and does it, unless this is a rehearsal
step() {
  say "${dry_run:+would }$1"
  shift
  [[ -n $dry_run ]] || "$@"
}

stop_at_problems() {
  ((${#problems[@]} == 0)) || fail 'Nothing was changed. This must be mended first:' "${problems[@]/#/- }"
}

# ---- what must be right ----

check_machine() {
  [[ $(uname -s) == Linux ]] || problem 'sensor-node needs Linux.'
  [[ -z $root ]] || return 0
  if [[ ! -d /run/systemd/system ]] || ! type -P systemctl >/dev/null; then
    problem 'The service needs systemd, and this system was not started by it.'
  fi
  if [[ -z $dry_run && $EUID != 0 ]]; then
    problem 'This must run as root: sudo ./deploy/install.sh (to look first: ./deploy/install.sh --dry-run)'
  fi
}

# A folder that we did not put there is not ours to replace. Ours has the uninstaller alone.
check_place() {
  local place=$root$PROGRAM
  if [[ -e $place ]] && [[ ! -e $place/deploy/uninstall.sh || -e $place/deploy/install.sh ]]; then
    problem "$place is in the way and no installed sensor-node. Move it, for one to /usr/local/src, and try again."
  fi
}

find_node() {
  local minimum candidate reason why='' tried=$'\n' candidates=("$node")
  mapfile -t homes < <(
    printf '%s\n' /home /root
    [[ ${HOME:-/} == / ]] || say "$HOME"
    getent passwd | awk -F: '$3 >= 1000 && $3 < 60000 && $6 ~ "^/." { print $6 }'
  )
  minimum=$(sed -n 's/.*"node": *">=\([0-9.]*\)".*/\1/p' "$tree/package.json")
  if [[ -z $node ]]; then
    candidates=("$(type -P node || true)")
    for candidate in /usr/bin/node /usr/local/bin/node /opt/*/bin/node; do
      [[ ! -e $candidate ]] || candidates+=("$candidate")
    done
  fi
  node=''
  for candidate in "${candidates[@]}"; do
    [[ -n $candidate && $tried != *$'\n'$candidate$'\n'* ]] || continue
    tried+=$candidate$'\n'
    reason=$(refusal "$candidate" "$minimum")
    if [[ -z $reason ]]; then
      node=$candidate
      return
    fi
    why+=$'\n'"    $candidate: $reason"
  done
  problem "There is no Node.js of version $minimum or above that a service can use.${why:-$'\n    None was found.'}
    Raspberry Pi OS 13: sudo apt install nodejs npm
    Raspberry Pi OS 12 has version 18, which is too old: take Node.js 22 for all users, from nodejs.org"
}

# refusal NODE MINIMUM: why the service can't use that Node.js; nothing where it can
refusal() {
  local hop=$1 part version
  if [[ $1 != /* ]]; then say 'not an absolute path' && return; fi
  if [[ ! -f $1 || ! -x $1 ]]; then say 'no program' && return; fi
  while [[ -L $hop ]] && ! in_home "$hop"; do
    part=$(readlink -- "$hop")
    [[ $part == /* ]] || part=$(dirname -- "$hop")/$part
    hop=$(realpath -ms -- "$part")
  done
  part=$(readlink -f -- "$1")
  if in_home "$hop" || in_home "$part"; then
    if [[ -L $1 ]]; then say "a link to $part, through a home folder, which a service can not see"; fi
    if [[ ! -L $1 ]]; then say 'in a home folder, which a service can not see'; fi
    return
  fi
  while [[ $part != / ]]; do
    if [[ $(stat -c %A -- "$part") != *[xt] ]]; then say "$part is closed to other users" && return; fi
    part=$(dirname -- "$part")
  done
  if [[ ! $1 =~ ^[A-Za-z0-9/._+@\ -]+$ ]]; then say 'its path has characters that a unit can not carry' && return; fi
  version=$("$1" --version 2>/dev/null) || { say 'it does not run here' && return; }
  printf '%s\n' "$2" "${version#v}" | sort -CV || say "it is version ${version#v}"
}

in_home() {
  local home
  for home in "${homes[@]}"; do
    [[ $1/ != "${home%/}"/* ]] || return 0
  done
  return 1
}

plan_build() {
  local missing=''
  if [[ ! -d $tree/node_modules ]] || ! packages_fit; then
    build=all
  elif [[ ! -f $tree/dist/main.js ]]; then
    build=all
    [[ ! -x $tree/node_modules/.bin/tsc ]] || build=dist
  elif [[ -n $(newer_sources) ]]; then
    if [[ -x $tree/node_modules/.bin/tsc ]]; then
      build=dist
    else
      advise 'The folder src is newer than dist, which was installed as it is, as TypeScript is absent: npm ci compiles it.'
    fi
  fi
  [[ -n $build ]] || return 0
  npm_there || problem 'The program must be built first, and npm is missing: sudo apt install npm'
  [[ $build == all ]] || return 0
  type -P c++ >/dev/null || type -P g++ >/dev/null || missing+=', a C++ compiler'
  type -P make >/dev/null || missing+=', make'
  type -P python3 >/dev/null || missing+=', python3'
  [[ -z $missing ]] ||
    problem "The drivers' packages must be built first, which needs ${missing#, }: sudo apt install build-essential python3"
}

npm_there() { with_node type -P npm >/dev/null; }

# npm and what it runs must meet the Node.js of the service: native packages fit one version only.
with_node() { PATH=${node:+$(dirname -- "$node"):}$PATH "$@"; }

newer_sources() { [[ ! -d $tree/src ]] || find "$tree/src" -newer "$tree/dist/main.js" -print -quit; }

# Whether node_modules holds what package-lock.json asks for. After `git pull` it may not.
packages_fit() {
  [[ -n $node && -f $tree/package-lock.json && -f $tree/node_modules/.package-lock.json ]] || return 0
  "$node" -e '
    const read = (file) => JSON.parse(require("fs").readFileSync(file, "utf8")).packages
    const [wanted, there] = process.argv.slice(1).map(read)
    const spare = (entry) => entry.optional || entry.dev || entry.devOptional || entry.peer
    const fits = ([path, entry]) => path === "" || (there[path] ? there[path].version === entry.version : spare(entry))
    process.exit(Object.entries(wanted).every(fits) ? 0 : 1)
  ' "$tree/package-lock.json" "$tree/node_modules/.package-lock.json"
}

# The configuration that is there, or else the one to be installed, as the new program sees it.
check_config() {
  local file=$root$CONFIG said status=0
  config_there || file=$tree/config.yaml
  if [[ -n $dry_run && (-n $build || ! -r $file) ]]; then
    say "would check $file with the new program"
    return
  fi
  say "check $file with the new program"
  said=$(with_environment "$node" "$tree/dist/main.js" check "$file" 2>&1) || status=$?
  if ((status == 78)); then
    problem "The new program does not accept $file:"$'\n'"$said"
  elif ((status != 0)); then
    problem "The new program fails with $node, exit code $status:"$'\n'"$said"
  fi
}

# Runs a command with the variables that the unit reads from its EnvironmentFile.
with_environment() {
  local line value variables=()
  if [[ -r $root$ENVIRONMENT ]]; then
    while IFS= read -r line || [[ -n $line ]]; do
      [[ $line =~ ^[A-Za-z_][A-Za-z0-9_]*= ]] || continue
      value=${line#*=}
      if [[ $value =~ ^\"(.*)\"$ || $value =~ ^\'(.*)\'$ ]]; then value=${BASH_REMATCH[1]}; fi
      variables+=("${line%%=*}=$value")
    done <"$root$ENVIRONMENT"
  fi
  env "${variables[@]}" "$@"
}

# ---- what merely limits ----

check_limits() {
  local package reason absent=''
  if [[ -z $dry_run || -z $build ]]; then
    while read -r package reason; do
      if [[ $reason == absent ]]; then
        absent+=", $package"
      else
        advise "The driver package $package does not load ($reason): npm rebuild, and this again."
      fi
    done < <(drivers_that_fail)
    [[ -z $absent ]] ||
      advise "Driver packages that could not be built: ${absent#, }. Where you need one:
    sudo apt install build-essential python3, then npm ci --foreground-scripts (which shows what fails), and this again."
  fi
  [[ -z $root ]] || return 0
  [[ -e /dev/i2c-1 ]] || advise 'I2C is off (no /dev/i2c-1). For sensors that need it: sudo raspi-config nonint do_i2c 0'
  if ! compgen -G '/dev/gpiochip*' >/dev/null && ! compgen -G '/sys/class/gpio/gpiochip*' >/dev/null; then
    advise 'This machine has no GPIO pins. In the config, gpio: { backend: mock } gives it pins in memory.'
  fi
}

drivers_that_fail() {
  "$node" -e '
    const load = require("module").createRequire(process.argv[1])
    for (const name of Object.keys(load("./package.json").optionalDependencies ?? {})) {
      try {
        load(name)
      } catch (error) {
        console.log(name, error.code === "MODULE_NOT_FOUND" ? "absent" : String(error.message).split("\n")[0])
      }
    }
  ' "$tree/package.json" 2>/dev/null || say 'of a sensor or of the pins: the trial ended with an error'
}

# ---- the steps ----

build_tree() {
  local as=() minutes='(takes minutes on a small Pi)'
  [[ -n $build ]] || return 0
  # By the person behind sudo, so that the tree keeps its owner.
  if [[ $EUID == 0 && ${SUDO_USER:-root} != root ]] && runuser -u "$SUDO_USER" -- test -w "$tree"; then
    as=(runuser -u "$SUDO_USER" -- env "HOME=$(getent passwd "$SUDO_USER" | cut -d: -f6)")
  fi
  if [[ $build == dist ]]; then
    step 'compile the program' in_tree "${as[@]}" npm run build --silent
  elif [[ -f $tree/package-lock.json ]]; then
    step "fetch the packages, build them and the program $minutes" in_tree "${as[@]}" npm ci --include=dev --no-audit --no-fund
  else
    step "fetch the packages and build them $minutes" in_tree "${as[@]}" npm install --omit=dev --no-audit --no-fund
  fi
}

in_tree() {
  (cd -- "$tree" && with_node "$@") || fail 'Nothing was installed: the build failed, as told above.'
}

add_user() {
  local group own=(--user-group)
  if ! getent passwd $NAME >/dev/null; then
    ! getent group $NAME >/dev/null || own=(--gid "$NAME")
    step "create the user $NAME" \
      useradd --system "${own[@]}" --no-create-home --home-dir $STATE --shell /usr/sbin/nologin $NAME
  fi
  for group in gpio i2c; do
    if getent group $group >/dev/null; then
      step "put the user into the group $group" usermod --append --groups $group $NAME
    else
      advise "There is no group $group here. The service may lack the right to use such devices."
    fi
  done
}

install_config() {
  local folder=$root$CONFIG_DIR file=$root$CONFIG
  [[ -d $folder ]] || step "create the folder $folder" mkdir -p -m 750 -- "$folder"
  if config_there; then
    say "keep $file as it is"
  else
    step "write $file" put "$file" 640 cat "$tree/config.yaml"
  fi
  # New, made by hand, or left to root alone by an uninstall.
  if [[ -z $root && -d $folder && $(stat -c %G -- "$folder") != "$NAME" ]]; then
    step "open $folder to the group $NAME" chgrp -R $NAME -- "$folder"
  fi
  # The first line of the config names the schema beside it, for editors. A link, so that it is always the program's.
  if [[ ! -e $folder/$SCHEMA || -L $folder/$SCHEMA ]]; then
    step "link $folder/$SCHEMA to the program's, for editors" ln -sfT -- "$PROGRAM/$SCHEMA" "$folder/$SCHEMA"
  fi
}

# One in a folder that only root may enter counts as there: a rehearsal need not be root.
config_there() {
  local folder=$root$CONFIG_DIR file=$root$CONFIG
  [[ -e $file || -L $file || (-d $folder && ! -x $folder) ]]
}

install_program() {
  local place=$root$PROGRAM
  if [[ -e $place.new ]]; then step "remove $place.new, left by an unfinished run" rm -rf -- "$place.new"; fi
  if [[ -e $place && -e $place.old ]]; then
    step "remove $place.old, left by an unfinished run" rm -rf -- "$place.old"
  fi
  step "copy the program to $place.new" copy_program "$place.new"
  step "put it in place as $place" swap "$place"
}

copy_program() {
  mkdir -p -- "$1/deploy"
  cp -R -- "$tree/dist" "$tree/package.json" "$tree/config.yaml" "$tree/$SCHEMA" "$tree/LICENSE" "$1"
  cp -- "$tree/deploy/uninstall.sh" "$1/deploy"
  # All but the development packages, as npm's own list tells them.
  "$node" -e '
    const { cpSync, existsSync, readFileSync } = require("fs")
    const { basename, join } = require("path")
    const [from, to] = process.argv.slice(1)
    const list = join(from, "node_modules/.package-lock.json")
    const entries = existsSync(list) ? Object.entries(JSON.parse(readFileSync(list, "utf8")).packages) : undefined
    const copy = (path, filter) =>
      cpSync(join(from, path), join(to, path), { recursive: true, verbatimSymlinks: true, filter })
    if (entries === undefined) copy("node_modules", () => true)
    for (const [path, { dev }] of entries ?? []) {
      if (!dev && existsSync(join(from, path))) copy(path, (source) => basename(source) !== "node_modules")
    }
  ' "$tree" "$1"
  chmod -R u=rwX,go=rX -- "$1"
}

# Two renames; only between them there is no program. On disk before, so that a power cut finds one whole.
swap() {
  sync -f -- "$1.new"
  [[ ! -e $1 ]] || mv -T -- "$1" "$1.old"
  mv -T -- "$1.new" "$1"
  rm -rf -- "$1.old"
}

# put FILE MODE COMMAND...: the command's output becomes the file, whole or not at all
put() {
  local file=$1 mode=$2
  shift 2
  mkdir -p -- "$(dirname -- "$file")"
  (umask 077 && "$@" >"$file.new")
  chmod "$mode" -- "$file.new"
  if [[ -z $root && $file == "$CONFIG_DIR"/* ]]; then chgrp $NAME -- "$file.new"; fi
  mv -fT -- "$file.new" "$file"
}

command_text() {
  printf '#!/bin/sh\nexec "%s" %s/dist/main.js "$@"\n' "$node" $PROGRAM
}

program() { "$node" "$tree/dist/main.js" "$@"; }

unit_text() {
  local executable=$node
  [[ $node != *' '* ]] || executable="\"$node\""
  sed "s|^ExecStart=/usr/bin/node |ExecStart=$executable |" "$tree/deploy/$NAME.service"
}

start_service() {
  step 'tell systemd about the unit' systemctl daemon-reload
  step 'have it started at every boot' systemctl enable --quiet $NAME
  step 'start it' restart
}

restart() {
  systemctl restart $NAME && return
  journalctl --unit $NAME --lines 20 --no-pager --output cat >&2 || true
  fail "sensor-node is installed, but did not start. Its last words are above, all of them in: journalctl -u $NAME"
}

tell() {
  local line
  if ((${#advice[@]} > 0)); then
    say && say 'Worth knowing:'
    for line in "${advice[@]}"; do say "- $line"; done
  fi
  say
  if [[ -n $dry_run ]]; then
    say 'Nothing was changed.'
  elif [[ -n $root ]]; then
    say "sensor-node is in $root. There it needs a user $NAME in the groups gpio and i2c, and: systemctl enable $NAME"
  else
    cat <<END
sensor-node runs. What you may want next:
  systemctl status $NAME             how it is
  journalctl -u $NAME -f             what it does
  sudo nano $CONFIG    the configuration; after a change: sudo systemctl reload $NAME
  mosquitto_sub -v -t 'sensors/#' -t 'devices/#' -t 'gpio/#'
  sudo $PROGRAM/deploy/uninstall.sh
END
  fi
}

main "$@"
