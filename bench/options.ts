/** The bench's command line. */
import { parseArgs } from 'node:util'

export interface Options {
  /** Names of suites; undefined: the default ones. */
  readonly suites: readonly string[] | undefined
  /** Undefined: as each suite says. */
  readonly rounds: number | undefined
  readonly json: boolean
  readonly peers: boolean
  readonly node: string
  readonly before: string | undefined
  readonly by: readonly string[]
  readonly readings: number
  readonly build: boolean
  readonly help: boolean
}

export const HELP = `npm run bench -- [options]

  --suite NAMES    only these, with commas: start, command, telemetry, idle, ceiling, edge, outbox, soak
                   (default: all but soak)
  --rounds N       rounds of each suite; default: as each suite says
  --json           data for machines instead of the table; npm run --silent bench -- --json
  --node PATH      the Node.js that agent and bare script run on; default: this one
  --before PATH    another built agent, its dist/main.js, to be measured beside this one
  --peers          paho-mqtt (Debian’s python3-paho-mqtt) and Node-RED (from npm, into a cache folder), too
  --readings N     of the soak; default 200000
  --by COMMAND     put before Node.js: an emulator
  --no-build       measure dist/ as it is; default: it is built where it is older than src/
`

const DEFAULT_READINGS = 200_000

/** @throws Error for people */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      suite: { type: 'string' },
      rounds: { type: 'string' },
      json: { type: 'boolean', default: false },
      peers: { type: 'boolean', default: false },
      node: { type: 'string' },
      before: { type: 'string' },
      by: { type: 'string' },
      readings: { type: 'string' },
      'no-build': { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  return {
    suites: values.suite?.split(',').map((name) => name.trim()),
    rounds: countOf('--rounds', values.rounds),
    json: values.json,
    peers: values.peers,
    node: values.node ?? process.execPath,
    before: values.before,
    by: values.by?.split(' ').filter(Boolean) ?? [],
    readings: countOf('--readings', values.readings) ?? DEFAULT_READINGS,
    build: !values['no-build'],
    help: values.help,
  }
}

function countOf(flag: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined
  if (!/^[1-9]\d{0,8}$/.test(value)) throw new Error(`${flag} wants a whole number from 1 on, not ${value}`)
  return Number(value)
}
