/** `sensor-node man`: the manual page, from the same texts as the help. The same version gives the same bytes. */
import type { CommandNode, OptionNode } from './command-tree.ts'

export function manualPage(tree: CommandNode, version: string): string {
  const { name, description, commands, options } = tree
  return `${[
    // The third is a date: of none, no page is ever out of date.
    `.TH ${name.toUpperCase()} 1 "" "${name} ${version}" "User Commands"`,
    '.SH NAME',
    `${roff(name)} \\- ${roff(description.replace(/\.$/, ''))}`,
    '.SH SYNOPSIS',
    `.B ${roff(name)}`,
    '.I command',
    `${roff('[argument ...] [option ...]')}`,
    '.SH OPTIONS',
    ...options.flatMap(optionLines),
    '.SH COMMANDS',
    ...commands.flatMap(commandLines),
    '.SH FILES',
    ...entry('./config.yaml, /etc/sensor-node/config.yaml', 'the configuration, where none is named'),
    ...entry('/var/lib/sensor-node', 'the state of the service'),
    '.SH SEE ALSO',
    '.BR mosquitto_pub (1),',
    '.BR mosquitto_sub (1),',
    '.BR systemctl (1)',
  ].join('\n')}\n`
}

function commandLines({ usage, description, options, args, notes }: CommandNode): string[] {
  const sentence = `${description.charAt(0).toUpperCase()}${description.slice(1)}.`
  return [
    `.SS ${roff(usage)}`,
    line(sentence),
    ...args.flatMap(({ shown, description: text }) => entry(shown, text)),
    ...options.filter(({ names }) => !names.includes('--help')).flatMap(optionLines),
    ...(notes === '' ? [] : ['.PP', ...notes.split('\n').map(line)]),
  ]
}

function optionLines({ flags, description }: OptionNode): string[] {
  return entry(flags, description)
}

function entry(head: string, text: string): string[] {
  return ['.TP', `.B ${roff(head)}`, line(text)]
}

/** A line of text that begins as a request would is none. */
function line(text: string): string {
  return roff(text).replace(/^(?=[.'])/, '\\&')
}

/** Text without a meaning to roff; what is not ASCII by its number, so that no locale matters. */
function roff(text: string): string {
  return [...text]
    .map((character) => {
      if (character === '\\') return '\\e'
      if (character === '-') return '\\-'
      if (character === '"') return '\\(dq'
      if (character === "'") return '\\(aq'
      if (character === '…') return '...' // an ASCII terminal has no sign for it
      const code = character.codePointAt(0) ?? 0
      return code < 127 ? character : `\\[u${code.toString(16).toUpperCase().padStart(4, '0')}]`
    })
    .join('')
}
