/** `sensor-node completion`: what a shell needs to complete our commands, options, words and files. Pure text. */
import type { CommandNode, OptionNode, Values } from './command-tree.ts'

/** For bash, with or without the package bash-completion. */
export function bashCompletion({ name, options, commands }: CommandNode): string {
  const names = commands.map((one) => one.name)
  const valued = commands.flatMap((command) =>
    command.options.filter(({ values }) => values !== undefined).map((option) => ({ command, option })),
  )
  const patterns = ({ name: of }: CommandNode, { names: all }: OptionNode): string =>
    all.map((one) => `'${of} ${one}'`).join(' | ')
  const fill = `_${name.replaceAll('-', '_')}`
  return `# bash completion of ${name}
${fill}() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]} command='' place=0 i
  COMPREPLY=()
  # bash takes --name=value apart.
  if [[ $cur == = ]]; then cur=''; elif [[ $prev == = ]]; then prev=\${COMP_WORDS[COMP_CWORD - 2]}; fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    if [[ -z $command ]]; then
      case \${COMP_WORDS[i]} in ${[...names, 'help'].join(' | ')}) command=\${COMP_WORDS[i]} ;; esac
      continue
    fi
    case "$command \${COMP_WORDS[i]}" in
      ${valued.length === 0 ? "''" : valued.map(({ command, option }) => patterns(command, option)).join(' | ')})
        i=$((i + 1))
        [[ \${COMP_WORDS[i]} != = ]] || i=$((i + 1))
        ;;
      *' -'*) ;;
      *) place=$((place + 1)) ;;
    esac
  done
  case "$command $prev" in
${valued.map(({ command, option }) => `    ${patterns(command, option)}) ${fill}_offer ${offer(option.values)} && return ;;`).join('\n')}
  esac
  if [[ $cur == -* ]]; then
    case $command in
${commands.map((command) => `      ${command.name}) ${fill}_offer words '${optionNames(command.options)}' ;;`).join('\n')}
      *) ${fill}_offer words '${optionNames(options)}' ;;
    esac
    return
  fi
  case "$command $place" in
    ' 0' | 'help 0') ${fill}_offer words '${[...names, 'help'].join(' ')}' ;;
${commands
  .flatMap((command) =>
    command.args.map(
      ({ values, variadic }, index) =>
        `    ${variadic ? `'${command.name} '*` : `'${command.name} ${index}'`}) ${fill}_offer ${offer(values)} ;;`,
    ),
  )
  .join('\n')}
  esac
}

# ${fill}_offer KIND [WORDS]: fills in what begins as the current word of the caller does
${fill}_offer() {
  case $1 in
    words) mapfile -t COMPREPLY < <(compgen -W "$2" -- "$cur") ;;
    file)
      mapfile -t COMPREPLY < <(compgen -f -- "$cur")
      compopt -o filenames 2>/dev/null
      ;;
    sensor | output) mapfile -t COMPREPLY < <(compgen -W "$(${fill}_configured "$1" "\${COMP_WORDS[@]}")" -- "$cur") ;;
  esac
  return 0
}

${configured(fill)}
complete -F ${fill} ${name}
`
}

/** For zsh: a file of its function path, or to be sourced. */
export function zshCompletion({ name, options, commands }: CommandNode): string {
  const fill = `_${name.replaceAll('-', '_')}`
  return `#compdef ${name}
# zsh completion of ${name}
${fill}() {
  local state
  local -a commands
  commands=(
${commands.map((command) => `    ${quote(`${command.name}:${command.description}`)}`).join('\n')}
    'help:print the help of a command'
  )
  _arguments -C \\
${options.map((option) => `    ${zshOption(option)} \\`).join('\n')}
    '1: :->command' '*:: :->rest'
  case $state in
    command) _describe command commands ;;
    rest)
      case $words[1] in
${commands.map((command) => zshCommand(command, fill)).join('\n')}
        help) _describe command commands ;;
      esac
      ;;
  esac
}

${fill}_sensor() { compadd -- \${(f)"$(${fill}_configured sensor $words)"} }
${fill}_output() { compadd -- \${(f)"$(${fill}_configured output $words)"} }

${configured(fill)}
if [[ $funcstack[1] == ${fill} || $funcstack[1] == _${name} ]]; then
  ${fill} "$@"
else
  compdef ${fill} ${name}
fi
`
}

function zshCommand({ name, options, args }: CommandNode, fill: string): string {
  const specs = [
    ...options.map(zshOption),
    ...args.map(({ shown, values, variadic }, index) => {
      const title = escaped(shown.replace(/[<>[\]]|\.{3}/g, ''))
      const from = values === 'sensor' || values === 'output' ? `${fill}_${values}` : zshValues(values)
      return quote(`${variadic ? '*' : index + 1}:${title}:${from}`)
    }),
  ]
  return `        ${name})\n          _arguments ${specs.join(' \\\n            ')}\n          ;;`
}

function zshOption({ names, description, values }: OptionNode): string {
  const tail = `[${escaped(description)}]${values === undefined ? '' : `: :${zshValues(values)}`}`
  if (names.length === 1) return quote(`${names[0]}${tail}`)
  return `${quote(`(${names.join(' ')})`)}{${names.join(',')}}${quote(tail)}`
}

function zshValues(values: Values): string {
  if (values === 'file') return '_files'
  return typeof values === 'string' ? ' ' : `(${values.join(' ')})`
}

function escaped(text: string): string {
  return text.replace(/[[\]:\\]/g, '\\$&')
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

function offer(values: Values | undefined): string {
  if (values === undefined || values === 'any') return 'nothing'
  return typeof values === 'string' ? values : `words '${values.join(' ')}'`
}

/**
 * A function of both shells: ids of sensors, or pins of outputs, of the configuration that the words name, or the usual
 * one. It looks at the text, as the program would take half a second at each key; what it does not find is typed.
 */
function configured(fill: string): string {
  return `# ${fill}_configured sensor|output WORD...
${fill}_configured() {
  local kind=$1 file=./config.yaml
  shift
  [ -e "$file" ] || file=/etc/sensor-node/config.yaml
  while [ $# -gt 1 ]; do
    case $1 in -c | --config) file=$2; [ "$file" != = ] || file=$3 ;; esac
    shift
  done
  [ -r "$file" ] || return 0
  awk -v kind="$kind" '
    { sub(/(^|[ \\t])#.*/, "") }
    /^[a-z_]+:/ { part = $0; sub(/:.*/, "", part); inputs = 0 }
    /inputs:/ { inputs = 1 }
    /outputs:/ { inputs = 0 }
    part == (kind == "sensor" ? "sensors" : "gpio") && !inputs {
      key = kind == "sensor" ? "id" : "pin"
      while (match($0, "[ {,]" key ":[ \\t]*[A-Za-z0-9_\\042-]+")) {
        found = substr($0, RSTART, RLENGTH)
        $0 = substr($0, RSTART + RLENGTH)
        gsub(/^[^:]*:[ \\t]*|"/, "", found)
        print found
      }
    }' "$file" 2>/dev/null
}
`
}

function optionNames(options: readonly OptionNode[]): string {
  return options.flatMap(({ names }) => names).join(' ')
}
