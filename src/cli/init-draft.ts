/**
 * The configuration that `init` writes: what was answered so far as a commented file, and what the loader says against it.
 * So that an answer is judged by the very rules that the file is. Pure, but for the files that it names. Called by
 * `init.ts` and `init-questions.ts`.
 */
import { type LoadEnv, parseConfig } from '../config/load.ts'
import { checkFiles } from '../config/secrets.ts'
import type { Problem } from '../errors.ts'

/** A pin as it was typed: `17`, or `17=LED`. */
export interface PinAnswer {
  readonly pin: string
  readonly name?: string | undefined
}

export interface Draft {
  /** Undefined: as the host is called. */
  readonly id: string | undefined
  readonly url: string
  readonly username: string | undefined
  readonly passwordFile: string | undefined
  readonly outputs: readonly PinAnswer[]
  readonly inputs: readonly PinAnswer[]
  /** Lines below `sensors:`, with their indentation. */
  readonly sensors: readonly string[]
  /** What the first line says for editors. */
  readonly schema: string
}

export interface JudgeEnv extends LoadEnv {
  /** Absolute: relative paths in the draft begin at its folder. */
  readonly file: string
}

export const BOARD = ['  - { id: board, type: system }  # this machine itself']
const PORT_OF_ALL = 'gpio/{node}'

/** The file. Values are what was typed; it need not be right. */
export function draftText(draft: Draft): string {
  const { id, url, username, passwordFile, sensors } = draft
  return `${[
    `# yaml-language-server: $schema=${draft.schema}`,
    '# The configuration of sensor-node. An editor that knows the line above explains every key; what is wrong tells',
    '#',
    '#     sensor-node check FILE',
    '',
    '# Who this is. It stands in the topics: sensors/<id>/temperature.',
    'node:',
    ...(id === undefined ? ['  # id: kitchen'] : [`  id: ${scalar(id)}`]),
    '',
    '# The broker: mqtt://host:1883, or mqtts://host:8883 for TLS.',
    'mqtt:',
    `  url: ${scalar(url)}`,
    ...(username === undefined ? ['  # username: kitchen'] : [`  username: ${scalar(username)}`]),
    '  # Holds the password and nothing else; chmod 600. A relative path begins at the folder of this file.',
    ...(passwordFile === undefined
      ? ['  # password_file: mqtt-password']
      : [`  password_file: ${scalar(passwordFile)}`]),
    '',
    '# What is measured. A sensor without an id has the topics of the node itself.',
    'sensors:',
    ...sensors,
    '',
    ...pins(draft),
    '',
    '# Where pins are heard and told. Nodes that share a broker need {node} in it.',
    ...(onLoopback(url) ? ['# topics:', `#   gpio: "${PORT_OF_ALL}"`] : ['topics:', `  gpio: "${PORT_OF_ALL}"`]),
  ].join('\n')}\n`
}

function pins({ outputs, inputs }: Draft): string[] {
  const entry = ({ pin, name }: PinAnswer, more = ''): string => {
    const number = /^\d+$/.test(pin) ? pin : JSON.stringify(pin)
    return `- { pin: ${number}${name === undefined ? '' : `, name: ${JSON.stringify(name)}`}${more} }`
  }
  const off = outputs.length + inputs.length === 0 ? '# ' : ''
  const some = (all: readonly PinAnswer[], example: PinAnswer): string[] =>
    all.length === 0 ? [`    # ${entry(example)}`] : all.map((one) => `    ${entry(one)}`)
  const section = [
    'gpio:',
    '  # Switched with on, off or toggle on gpio/<pin>/command. Pins are BCM numbers, the GPIO17 of a pinout.',
    '  outputs:',
    ...some(outputs, { pin: '17', name: 'LED' }),
    '  # Read. A contact to ground reads "on" with active_low: true.',
    '  inputs:',
    ...some(inputs, { pin: '27', name: 'Door' }),
  ]
  return off === '' ? section : section.map((line) => `# ${line.replace(/^( *)# - /, '$1- ')}`)
}

/** All that is wrong with the draft, and with the files that it names. */
export async function judge(draft: Draft, env: JudgeEnv): Promise<{ problems: readonly Problem[]; node: string }> {
  const { config, root, problems } = parseConfig(draftText(draft), env.file, env)
  const named =
    config === undefined || root === undefined
      ? []
      : (await checkFiles(root, config.mqtt, { config: folderOf(env.file), credentials: undefined })).problems
  return { problems: [...problems, ...named], node: config?.node.id ?? '' }
}

/** `17=LED, 22` as pins. */
export function pinAnswers(text: string): PinAnswer[] {
  return text
    .split(/[,;]/)
    .map((one) => one.trim())
    .filter((one) => one !== '')
    .map((one) => {
      const [pin = '', ...name] = one.split('=')
      return {
        pin: pin.trim().replace(/^GPIO(?=\d)/i, ''),
        name: name.length === 0 ? undefined : name.join('=').trim(),
      }
    })
}

/** The entries of a configuration that `scan` proposes. */
export function sensorLines(config: string): string[] {
  const lines = config.split('\n')
  const start = lines.indexOf('sensors:') + 1
  const length = lines.slice(start).findIndex((line) => !line.startsWith(' '))
  return lines.slice(start, length === -1 ? undefined : start + length)
}

/** Plain where YAML takes it for that very text, else quoted. */
function scalar(text: string): string {
  return /^[A-Za-z/][\w./:-]*$/.test(text) && !/^(true|false|null|on|off|yes|no)$/i.test(text) && !text.endsWith(':')
    ? text
    : JSON.stringify(text)
}

function onLoopback(url: string): boolean {
  const host = URL.canParse(url) ? new URL(url).hostname : ''
  return host === 'localhost' || host === '[::1]' || host.startsWith('127.')
}

function folderOf(file: string): string {
  return file.slice(0, Math.max(1, file.lastIndexOf('/')))
}
