/** What the command line knows, as data: read from commander's definitions, for completion and manual, so that neither drifts. */
import type { Argument, Command, Option } from 'commander'

/** What a value may be: one of these words, a file, a sensor or an output of the configuration, or anything. */
export type Values = readonly string[] | 'file' | 'sensor' | 'output' | 'any'

export interface OptionNode {
  /** As it is typed: `-c`, `--config`. */
  readonly names: readonly string[]
  /** As the help shows it: `-c, --config <file>`. */
  readonly flags: string
  readonly description: string
  /** Undefined: it takes no value. */
  readonly values: Values | undefined
}

export interface ArgumentNode {
  readonly shown: string
  readonly description: string
  readonly values: Values
  /** The last one, and there may be more of it. */
  readonly variadic: boolean
}

export interface CommandNode {
  readonly name: string
  readonly description: string
  /** As the help shows it. */
  readonly usage: string
  readonly options: readonly OptionNode[]
  readonly args: readonly ArgumentNode[]
  /** What the help has after all else; paragraphs. */
  readonly notes: string
  readonly commands: readonly CommandNode[]
}

/** How definitions call what is a file. */
const FILES = ['file', 'new', 'folder']
/** Words of what would take more than these: `gpio` also knows 1, high and their like. */
const USUAL_WORDS: Readonly<Record<string, readonly string[]>> = { state: ['on', 'off', 'toggle'] }
/** Arguments that the configuration knows. Options of these names are about another one. */
const FROM_CONFIG: Readonly<Record<string, Values>> = { id: 'sensor', what: 'sensor', pin: 'output' }

export function commandTree(command: Command): CommandNode {
  const help = command.createHelp()
  return {
    name: command.name(),
    description: command.description(),
    usage: help.commandUsage(command),
    options: help.visibleOptions(command).map((option) => ({
      names: [option.short, option.long].filter((name) => name !== undefined && name !== null),
      flags: option.flags,
      description: describe(option),
      values: option.required || option.optional ? valuesOf(nameIn(option.flags), option.argChoices) : undefined,
    })),
    args: command.registeredArguments.map((argument) => ({
      shown: shownAs(argument),
      description: argument.description,
      values: FROM_CONFIG[argument.name()] ?? valuesOf(argument.name(), argument.argChoices),
      variadic: argument.variadic,
    })),
    notes: notesOf(command),
    commands: help
      .visibleCommands(command)
      .filter((one) => one.name() !== 'help')
      .map(commandTree),
  }
}

function valuesOf(name: string, choices: readonly string[] | undefined): Values {
  return choices ?? USUAL_WORDS[name] ?? (FILES.includes(name) ? 'file' : 'any')
}

function shownAs(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? '...' : ''}`
  return argument.required ? `<${name}>` : `[${name}]`
}

function nameIn(flags: string): string {
  return /[<[](\w+)/.exec(flags)?.[1] ?? ''
}

function describe({ description, argChoices, defaultValue }: Option): string {
  const more = [
    ...(argChoices === undefined ? [] : [`one of ${argChoices.join(', ')}`]),
    ...(typeof defaultValue === 'string' ? [`default: ${defaultValue}`] : []),
  ]
  return more.length === 0 ? description : `${description}; ${more.join('; ')}`
}

/** Commander keeps them as listeners: what it prints is more than the help itself by them. */
function notesOf(command: Command): string {
  const printed: string[] = []
  const own = command.configureOutput()
  command.configureOutput({ ...own, writeOut: (text) => void printed.push(text) })
  command.outputHelp()
  command.configureOutput(own)
  return printed.join('').slice(command.helpInformation().length).trim()
}
