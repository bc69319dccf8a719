#!/bin/bash
# Takes sensor-node away again: the service, the program, the user. The configuration and the state stay, unless they
# are asked to go, too. Run again, it takes what an interrupted run has left.
set -euo pipefail

usage() {
  cat <<'END'
Usage: sudo /opt/sensor-node/deploy/uninstall.sh [--purge] [--dry-run] [--root DIR]

  --purge      remove the configuration and the state as well
  --dry-run    print each step and change nothing; needs no root
  --root DIR   take it out of the folder DIR: no user, no systemctl
  --help       print this
END
}

readonly NAME=sensor-node
readonly PROGRAM=/opt/$NAME CONFIG_DIR=/etc/$NAME STATE=/var/lib/$NAME CACHE=/var/cache/$NAME
readonly UNIT=/etc/systemd/system/$NAME.service COMMAND=/usr/local/bin/$NAME SCHEMA=config.schema.json
readonly SHARE=/usr/local/share
readonly MANUAL=$SHARE/man/man1/$NAME.1
readonly FOR_BASH=$SHARE/bash-completion/completions/$NAME FOR_ZSH=$SHARE/zsh/site-functions/_$NAME

purge='' dry_run='' root='' steps=0

# A function, read whole before its first line runs: the file is removed on the way.
main() {
  parse "$@"
  PATH=$PATH:/usr/sbin:/sbin
  if [[ -z $root && -z $dry_run && $EUID != 0 ]]; then
    printf 'This must run as root: sudo %s\n' "${BASH_SOURCE[0]}" >&2
    exit 1
  fi
  cd /

  if [[ -z $root && -e $UNIT ]]; then
    step 'stop the service' systemctl disable --now --quiet $NAME
    if systemctl is-failed --quiet $NAME; then step 'forget its failure' systemctl reset-failed $NAME; fi
  fi
  remove 'the unit' "$UNIT"
  remove 'the command' "$COMMAND"
  remove 'the manual page' "$MANUAL"
  remove 'the completion for bash' "$FOR_BASH"
  remove 'the completion for zsh' "$FOR_ZSH"
  remove_program
  remove 'the cache' "$CACHE"
  if [[ -L $root$CONFIG_DIR/$SCHEMA ]]; then remove 'the link to the schema' "$CONFIG_DIR/$SCHEMA"; fi
  if [[ -n $purge ]]; then
    remove 'the drop-ins of the unit' "$UNIT.d"
    remove 'the configuration' "$CONFIG_DIR"
    remove 'the state' "$STATE"
  fi
  if [[ -z $root ]] && ((steps > 0)); then step 'tell systemd about it' systemctl daemon-reload; fi
  [[ -n $root ]] || remove_user
  tell
}

parse() {
  while (($# > 0)); do
    case $1 in
      --purge) purge=yes ;;
      --dry-run) dry_run=yes ;;
      --root)
        [[ -n ${2:-} ]] || misuse '--root needs a folder'
        root=$(realpath -m -- "$2") && shift
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

# step TEXT COMMAND...: says what is done and does it, unless this is a rehearsal
step() {
  steps=$((steps + 1))
  say "${dry_run:+would }$1"
  shift
  [[ -n $dry_run ]] || "$@"
}

remove() {
  if [[ -e $root$2 || -L $root$2 ]]; then step "remove $1, $root$2" rm -rf -- "$root$2"; fi
}

remove_program() {
  if [[ -e $root$PROGRAM/deploy/install.sh ]]; then
    say "leave $root$PROGRAM alone: it is a source tree, no installed program"
  else
    remove 'the program' $PROGRAM
  fi
  remove 'what an unfinished run left' $PROGRAM.new
  remove 'what an unfinished run left' $PROGRAM.old
}

remove_user() {
  local kept
  # Somebody's own account of that name is not the one that install.sh made.
  [[ $(getent passwd $NAME | cut -d: -f6) == "$STATE" ]] || return 0
  # The next user may get the same numbers; what is kept must not be theirs.
  for kept in $CONFIG_DIR $STATE; do
    if [[ -d $kept && -z $purge ]]; then step "leave $kept to root" chown -R root:root -- "$kept"; fi
  done
  step "remove the user $NAME" userdel $NAME
}

tell() {
  local kept='' place
  if ((steps == 0)); then say 'There is nothing to do: sensor-node is not installed.'; fi
  for place in "$root$CONFIG_DIR" "$root$STATE" "$root$UNIT.d"; do
    if [[ -e $place ]]; then kept+=" $place"; fi
  done
  if [[ -z $purge && -n $kept ]]; then say "Kept:$kept (--purge removes that, too)"; fi
  if [[ -n $dry_run ]]; then say 'Nothing was changed.'; fi
}

main "$@"
