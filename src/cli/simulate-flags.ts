/** The options of `simulate`; apart, as the command line knows them before the subcommand is loaded. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { parseDuration } from '../duration.ts'

const HELP = `
Each node has a connection, a client id and a will of its own, and publishes what the agent does: status, info, health,
metrics and records with run and seq; the memory in health is that of all of them. At the end all are offline at the broker, which keeps their last values; --clear takes these
back. Each node needs a file descriptor here and at the broker (ulimit -n; LimitNOFILE= of its service).
With --json, standard output tells of {"time","event",…}: simulating (nodes, broker), connected (connected, nodes, and the
reason of most of the others, where there are any), end (records, away, code).
Exit codes: 0; 1 a node could not be run or not be cleared; 69 the broker can't be had; 78 the configuration is wrong.
`

/** Adds the options to the subcommand. */
export function addSimulateOptions(command: Command): Command {
  return command
    .addOption(new Option('--nodes <number>', 'how many').argParser(whole(100_000)).default(10))
    .addOption(
      new Option('--interval <duration>', 'from one read to the next').argParser(interval).default(10_000, '10s'),
    )
    .addOption(new Option('--sensors <number>', 'of each node').argParser(whole(100)).default(1))
    .addOption(new Option('--prefix <text>', 'how their ids begin').argParser(prefix).default('sim-'))
    .addOption(
      new Option('--fail-every <number>', 'every so manieth read of each sensor fails').argParser(whole(1_000_000)),
    )
    .option('--clear', 'at the end, take from the broker what it keeps of them')
    .option('--json', 'print a JSON object for what happens, one a line')
    .addHelpText('after', HELP)
}

function whole(most: number): (text: string) => number {
  return (text) => {
    if (/^[1-9]\d*$/.test(text) && Number(text) <= most) return Number(text)
    throw new InvalidArgumentError(`It must be a whole number from 1 to ${most}.`)
  }
}

function interval(text: string): number {
  const ms = parseDuration(text)
  if (ms !== undefined && ms >= 10) return ms
  throw new InvalidArgumentError('It must be a duration such as 500ms or 10s, at least 10ms.')
}

function prefix(text: string): string {
  if (/^[A-Za-z0-9_-]{1,32}$/.test(text)) return text
  throw new InvalidArgumentError('It must be letters, digits, “_” and “-”, at most 32.')
}
