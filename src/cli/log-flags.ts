/** The options of `log`; apart, as the command line knows them before the subcommand is loaded. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { parseDuration } from '../duration.ts'
import { parseRotation, type Rotation } from '../logger/rotation.ts'

const HELP = `
Lines are timestamp,device_id,sensor,metric,value. A sensor that publishes records (…/data) is written by them, and each
record once, known by node, sensor, run and seq; any other sensor by its topics of single metrics, with the time at which
they came. Pins that count are sensors called gpio/<pin>. Beside FILE lies FILE.state, which belongs to it. The session at
the broker keeps what is published while the logger is away. That an outage of the broker loses nothing is up to its
configuration; Mosquitto's must have persistence true and max_queued_messages 0, and for a crash autosave_on_changes true
with autosave_interval 1.
Loggers that share a group need MQTT 5, a --share of the same name, and each its own --id and FILE. What was given to one
that is gone waits for it to come back, with most brokers: start it again, or another with its --id.
With --json, standard output tells of {"time","event",…}: logging (topics, broker, file, id), connected (resumed), away
(reason), written (rows, duplicates: since the last one, at most each second), rotated (file, removed), stuck (reason: the
disk takes nothing), end (rows, duplicates, waiting, code).
Exit codes: 0 ended by a signal, all on disk; 1 the file can't be used, not all is on disk, or another logger has the id;
69 the broker refuses the subscription; 78 an option or the configuration is wrong.
`

/** MQTT 5, 3.1.2.11.2: seconds in four bytes, of which the largest means for ever. */
const LONGEST_SESSION_MS = (2 ** 32 - 2) * 1000
/** What brokers take for a client id, or for the name of a group, without a surprise. */
const NAME = /^[A-Za-z0-9_.-]{1,64}$/

/** Adds the options to the subcommand. */
export function addLogOptions(command: Command): Command {
  return command
    .addOption(new Option('--csv <file>', 'append lines of CSV (RFC 4180) to this file').conflicts('jsonl'))
    .option('--jsonl <file>', 'append lines of JSON to this file; records come with run and seq')
    .option('--rotate <when>', 'put the file away each day (of UTC), or at a size such as 10MB', rotation)
    .option('--keep <number>', 'of the files put away keep only so many', count)
    .option('--id <name>', 'client id, under which the broker keeps the session; default: made of host and file', name)
    .addOption(
      new Option('--session <duration>', 'the broker keeps what comes while the logger is away for so long')
        .argParser(session)
        .default(604_800_000, '7d'),
    )
    .option('--share <group>', 'split the readings among all loggers of this group (MQTT 5)', name)
    .option('--json', 'print a JSON object for what was written, put away or left out, one a line')
    .addHelpText('after', HELP)
    .hook('preAction', (self) => {
      const { csv, jsonl, keep, rotate } = self.opts()
      if (csv === undefined && jsonl === undefined) self.error('error: one of --csv FILE and --jsonl FILE is needed')
      if (keep !== undefined && rotate === undefined) self.error('error: --keep needs --rotate beside it')
    })
}

function rotation(text: string): Rotation {
  const parsed = parseRotation(text)
  if (parsed !== undefined) return parsed
  throw new InvalidArgumentError('It must be day, or a size such as 10MB.')
}

function count(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It must be a whole number above 0.')
}

function name(text: string): string {
  if (NAME.test(text)) return text
  throw new InvalidArgumentError('It must be letters, digits, “_”, “.” and “-”, at most 64.')
}

function session(text: string): number {
  const ms = parseDuration(text)
  if (ms !== undefined && ms >= 1000 && ms <= LONGEST_SESSION_MS) return ms
  throw new InvalidArgumentError('It must be a duration such as 12h or 7d, at least 1s.')
}
