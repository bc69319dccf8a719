/**
 * The command line: subcommands, options, help. Each subcommand is a file beside this one, loaded when it is called.
 * Longer than most files here: it is one list, and help, manual page and completion are made from it.
 */
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { parseDuration } from '../duration.ts'
import { LOG_LEVELS, type LogLevel } from '../log-level.ts'
import { addBrokerOptions } from './broker-flags.ts'
import type { CheckFlags } from './check.ts'
import type { DemoFlags } from './demo.ts'
import { EXIT } from './exit-code.ts'
import type { FleetFlags } from './fleet.ts'
import type { GpioFlags } from './gpio.ts'
import type { InitFlags } from './init.ts'
import type { LogFlags } from './log.ts'
import { addLogOptions } from './log-flags.ts'
import { guardOutput, outputFailed } from './output.ts'
import { packageVersion } from './package.ts'
import type { PlanFlags } from './plan.ts'
import type { PurgeFlags } from './purge.ts'
import type { ReadFlags } from './read.ts'
import type { RunFlags } from './run.ts'
import type { ScanFlags } from './scan.ts'
import type { SimulateFlags } from './simulate.ts'
import { addSimulateOptions } from './simulate-flags.ts'
import type { WatchFlags } from './watch.ts'

const CHECK_HELP = `
With --json: {"file","ok","problems","warnings"}, of which each has line, column, path, message and perhaps suggestion; and,
where it is good, node, broker, topics, outbox, sensors, gpio, pins and rules. Exit codes: 0 it is good; 78 it is not.
`

const PLAN_HELP = `
Touches nothing. The two files are compared; relative paths in the new one begin where they will when it has taken the
place of the other. With --json: changes, restart_needed, parts (part, added, removed, changed, unchanged) and restart (key,
from, to, reason), or file and problems. Exit codes: 0 a reload does it, or there is nothing to do; 3 a restart is needed; 78 a file is wrong.
`

const READ_HELP = `
Needs no broker, and drives no pin: outputs and inputs of the configuration are left alone. Filters are the agent's.
While the service runs, the two share the sensors, and a read of either may fail: stop the service before.
With --json: {"node","sensors"}; a sensor has id, type, ok, timestamp, values and, where something went wrong, rejected, or
kind and error. Exit codes: 0 all is good; 1 something is not; 78 the configuration is wrong.
`

const SCAN_HELP = `
No pin is driven and nothing is written to any chip: an I2C address is asked by reading one byte, and one that a driver of
the kernel holds is not touched. What a chip is, is guessed by its address; sensor-node read finds out. Chips that have
nothing to say before a measurement (SHT3x, SHT4x, HTU21D, Si7021) show themselves only with --quick, which sends them
their address and no byte. While the service runs, a probe may cost it one read. Needs no configuration and no broker.
With --json: machine, gpio, i2c, iio, w1, overlays, access, missing, failed, anything and config, the text of a configuration.
Exit codes: 0; 1 stopped.
`

const PURGE_HELP = `
Clears at the broker of the configuration what the agent has ever published there retained: what it has written down, what
the configuration names, and what lies below the prefixes that are this node's alone. Prints each topic. Stop the agent
before; Home Assistant, if it runs, removes the device. Run it as the user who may read the agent's state (sudo).
With --json: node, broker, dry_run, online (the agent runs, and nothing was touched), cleared, and left, of which each has
topic and error. Exit codes: 0; 1 something is left; 69 the broker can't be had; 78 the configuration is wrong.
`

const WATCH_HELP = `
One word is a node or a sensor, whosever it is. In a shell, * stands in quotes: sensor-node watch attic 'fridge/*'. Pins are
metrics of their node: 'fridge/gpio*'.
Works with any publisher of sensors/<node>/<metric>. AGE “kept” is a value that the broker had kept: how old it is, nobody
says. Until Ctrl-C. With --json: time, node, sensor, metric, name, value, unit, age (seconds), status, alerts; what is not
known is absent. Exit codes: 0; 69 the broker can't be had at the start; 78 an option or the configuration is wrong.
`

const FLEET_HELP = `
Shows what the nodes say of themselves, and works with any publisher of devices/<node>/status. Exit codes: 0; 1 a node of
--expect is not online (with --watch: at the end); 69 the broker can't be had; 78 an option or the configuration is wrong.
With --json: {"nodes","missing"}; a node has node, status, since, since_by (heard or started), version, last_seen, queue and
faults; what is not known is absent. With --watch, each line is a node with time.
`

const GPIO_HELP = `
Prints the new state. Without a pin, commands are read from standard input, one a line: 17 on, 17 on 5s, 17 toggle. Works
with any node that obeys gpio/<pin>/command; where it gives no answer, the state that follows counts, and that is said. The
exit code is that of the first command that was not carried out: 4 nobody answered in time; 5 refused; 69 the broker can't
be had; 78 an argument or the configuration is wrong; 1 stopped. With --json: pin, outcome (switched, refused or silent),
state (0 or 1) and by (answer or state), or error.
`

const COMPLETION_HELP = `
The installer puts both where the shells look. Elsewhere, in ~/.bashrc: eval "$(sensor-node completion bash)"; for zsh,
write the text as _sensor-node into a folder of $fpath.
`

const INIT_HELP = `
Asks on a terminal, each question until the answer is right; what an option says is not asked for. Elsewhere --yes takes the
defaults. A file that is there is never touched, and ^C leaves nothing behind. Pins are BCM numbers, with a name or without:
--output 17=LED 22=Pump. With --json: file, written, and node or reason. Exit codes: 0 written; 1 not written; 78 an
option is wrong.
`

const DEMO_HELP = `
With --json, {"time","event",…}: listening (broker, node), then message (topic, payload, retain) for each that is published.
The log goes to standard error then.
`

/** Runs what the arguments ask for; the result is the exit code. @throws ConfigError with all problems */
export async function runCommandLine(args: readonly string[]): Promise<number> {
  guardOutput()
  const code = await parseAndRun(args)
  return code === EXIT.ok && (await outputFailed()) ? EXIT.failed : code
}

async function parseAndRun(args: readonly string[]): Promise<number> {
  let code: number = EXIT.ok
  const program = new Command('sensor-node')
    .description('Turns a Raspberry Pi into an MQTT sensor and GPIO node.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .exitOverride()
    .showHelpAfterError('(sensor-node --help lists what there is)')

  program
    .command('run')
    .description('run the agent until it is told to stop')
    .option('-c, --config <file>', 'the configuration; default: ./config.yaml, then /etc/sensor-node/config.yaml')
    .option('--simulate', 'stand-ins for hardware sensors, a GPIO board in memory')
    .addOption(logLevel('info'))
    .action(async (flags: RunFlags) => {
      const { run } = await import('./run.ts')
      code = await run(flags)
    })

  program
    .command('check')
    .description('check a configuration: every problem, or what it yields')
    .argument('[file]', 'the configuration; default: ./config.yaml, then /etc/sensor-node/config.yaml')
    .option('--json', 'print JSON')
    .addHelpText('after', CHECK_HELP)
    .action(async (file: string | undefined, flags: CheckFlags) => {
      const { check } = await import('./check.ts')
      code = await check(file, flags)
    })

  program
    .command('plan')
    .description('show what a reload would change; exits 3 if only a restart can')
    .argument('<new>', 'the configuration that is to take the place of the one that runs')
    .option('-c, --config <file>', 'the one that runs; default: ./config.yaml, then /etc/sensor-node/config.yaml')
    .option('--json', 'print JSON')
    .addHelpText('after', PLAN_HELP)
    .action(async (file: string, flags: PlanFlags) => {
      const { plan } = await import('./plan.ts')
      code = await plan(file, flags)
    })

  program
    .command('read')
    .description('read every sensor once, or one; exits 1 if any failed')
    .argument('[id]', 'id of the sensor; one without an id is called by its type')
    .option('-c, --config <file>', 'the configuration; default: ./config.yaml, then /etc/sensor-node/config.yaml')
    .option('--simulate', 'stand-ins for hardware sensors')
    .option('--json', 'print JSON')
    .addHelpText('after', READ_HELP)
    .action(async (id: string | undefined, flags: ReadFlags) => {
      const { read } = await import('./read.ts')
      code = await read(id, flags)
    })

  program
    .command('scan')
    .description('show what this machine has: pins, buses, chips, sensors; and a configuration for it')
    .addOption(
      new Option(
        '--bus <number...>',
        'the I2C buses to ask; default: all that are not for displays or the mainboard',
      ).argParser((text: string, before: readonly number[] | undefined) => [...(before ?? []), busNumber(text)]),
    )
    .option('--quick', 'ask SHT3x, SHT4x, HTU21D and Si7021, too: an empty write to 0x40, 0x44, 0x45 and 0x46')
    .option('--json', 'print JSON')
    .addHelpText('after', SCAN_HELP)
    .action(async (flags: ScanFlags) => {
      const { scan } = await import('./scan.ts')
      code = await scan(flags)
    })

  addBrokerOptions(program.command('gpio'))
    .description('switch a pin of a node over MQTT, and say what became of it')
    .argument('[pin]', 'BCM number; without it, commands are read from standard input')
    .argument('[state]', 'on, off or toggle')
    .option('--for <duration>', 'for so long; then it takes the opposite level')
    .option(
      '--node <id>',
      'the node, where each has pins of its own (gpio/<node>/<pin>); default: that of the configuration',
    )
    .option('--timeout <duration>', 'how long to wait for the answer', '5s')
    .option('--json', 'print JSON, one line for each command')
    .addHelpText('after', GPIO_HELP)
    .action(async (pin: string | undefined, state: string | undefined, flags: GpioFlags) => {
      const { gpio } = await import('./gpio.ts')
      code = await gpio(pin, state, flags)
    })

  program
    .command('init')
    .description('write a configuration for this machine: asks for node, broker, sensors and pins')
    .argument('[file]', 'the file to write; default: ./config.yaml')
    .option('--id <id>', 'id of the node; default: the first label of the host name')
    .option('--url <url>', 'the broker; default: mqtt://localhost:1883')
    .option('--username <name>', 'user name at the broker')
    .option('--password-file <file>', 'file with the password')
    .option('--output <pin...>', 'pins to switch, such as 17=LED')
    .option('--input <pin...>', 'pins to read, such as 27=Door')
    .option('--no-scan', 'do not look what the machine has')
    .option('-y, --yes', 'take the defaults, ask nothing')
    .option('--json', 'print what became of it as JSON; questions go to standard error')
    .addHelpText('after', INIT_HELP)
    .action(async (file: string | undefined, flags: InitFlags) => {
      const { init } = await import('./init.ts')
      code = await init(file, flags)
    })

  program
    .command('purge')
    .description('take from the broker everything that it keeps of this node; exits 1 if something is left')
    .option('-c, --config <file>', 'the configuration; default: ./config.yaml, then /etc/sensor-node/config.yaml')
    .option('--state <folder>', 'where the agent keeps its state; default: $STATE_DIRECTORY, then /var/lib/sensor-node')
    .option('--dry-run', 'only print what the broker keeps')
    .option('--force', 'though the agent runs')
    .option('--json', 'print JSON')
    .addHelpText('after', PURGE_HELP)
    .action(async (flags: PurgeFlags) => {
      const { purge } = await import('./purge.ts')
      code = await purge(flags)
    })

  addBrokerOptions(program.command('watch'))
    .description('show the newest value of every metric of every node, live')
    .argument('[what...]', 'only these nodes and sensors, * is anything: attic, fridge/*, fridge/shelf/temperature')
    .addOption(
      new Option(
        '--every <time>',
        'how often a terminal is drawn (default: 1s); elsewhere, print all values that often: default is a line for each change',
      ).argParser(interval),
    )
    .option('--json', 'print a JSON object for each change, one a line')
    .addHelpText('after', WATCH_HELP)
    .action(async (what: string[], flags: WatchFlags) => {
      const { watch } = await import('./watch.ts')
      code = await watch(what, flags)
    })

  addBrokerOptions(program.command('fleet'))
    .description('show the nodes of a broker: who is online, since when, version, queue, faults')
    .option(
      '--expect <file>',
      'ids of nodes that must be online, one a line, # begins a comment; exits 1 if one is not',
    )
    .option('-w, --watch', 'go on, and show what changes')
    .option('--json', 'print JSON; with --watch an object for each change, one a line')
    .addHelpText('after', FLEET_HELP)
    .action(async (flags: FleetFlags) => {
      const { fleet } = await import('./fleet.ts')
      code = await fleet(flags)
    })

  addLogOptions(addBrokerOptions(program.command('log')))
    .description('append every reading to a file, and acknowledge it when it is on disk')
    .action(async (flags: LogFlags) => {
      const { log } = await import('./log.ts')
      code = await log(flags)
    })

  addSimulateOptions(addBrokerOptions(program.command('simulate')))
    .description('run many virtual nodes, to try dashboards and brokers with')
    .action(async (flags: SimulateFlags) => {
      const { simulate } = await import('./simulate.ts')
      code = await simulate(flags)
    })

  program
    .command('completion')
    .description('print what a shell needs to complete this command')
    .addArgument(new Argument('<shell>', 'bash or zsh').choices(['bash', 'zsh']))
    .addHelpText('after', COMPLETION_HELP)
    .action(async (shell: string) => {
      const { bashCompletion, zshCompletion } = await import('./completion.ts')
      const { commandTree } = await import('./command-tree.ts')
      process.stdout.write((shell === 'bash' ? bashCompletion : zshCompletion)(commandTree(program)))
    })

  program
    .command('man')
    .description('print the manual page; to read it: sensor-node man | man -l -')
    .action(async () => {
      const { manualPage } = await import('./manual.ts')
      const { commandTree } = await import('./command-tree.ts')
      process.stdout.write(manualPage(commandTree(program), packageVersion()))
    })

  program
    .command('demo')
    .description('try it without a Pi or a broker: simulated hardware, a broker of its own on loopback')
    .addOption(logLevel('warn'))
    .option('--json', 'print a JSON object for each message, one a line')
    .addHelpText('after', DEMO_HELP)
    .action(async (flags: DemoFlags) => {
      const { demo } = await import('./demo.ts')
      code = await demo(flags)
    })

  try {
    await program.parseAsync(args, { from: 'user' })
    return code
  } catch (error) {
    // Commander has printed what it found; --help and --version come here, too, with exit code 0.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.config
    throw error
  }
}

function logLevel(byDefault: LogLevel): Option {
  return new Option('--log-level <level>', 'the lowest level that is logged').choices(LOG_LEVELS).default(byDefault)
}

function busNumber(text: string): number {
  if (/^\d{1,3}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It must be the number of an I2C bus: 1 for /dev/i2c-1.')
}

/** Longest interval, ms: a day. */
const LONGEST_INTERVAL_MS = 86_400_000

function interval(text: string): number {
  const ms = parseDuration(text)
  if (ms !== undefined && ms >= 100 && ms <= LONGEST_INTERVAL_MS) return ms
  throw new InvalidArgumentError('It must be a duration from 100ms to 1d: 15s, 1m.')
}
