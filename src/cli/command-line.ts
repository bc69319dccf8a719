/** The command line: subcommands, options, help. Each subcommand is a file beside this one, loaded when it is called. */
import { Command, CommanderError, Option } from 'commander'
import { ConfigError } from '../errors.ts'
import { LOG_LEVELS, type LogLevel } from '../log.ts'
import { EXIT } from './exit-code.ts'
import { packageVersion } from './package.ts'
import { printProblems } from './problems.ts'
import type { ReadFlags } from './read.ts'
import type { RunFlags } from './run.ts'

const READ_HELP = `
Needs no broker, and drives no pin: outputs and inputs of the configuration are left alone. Filters are the agent's.
While the service runs, the two share the sensors, and a read of either may fail: stop the service before.
`

/** Runs what the arguments ask for; the result is the exit code. */
export async function runCommandLine(args: readonly string[]): Promise<number> {
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
    .action(async (file: string | undefined) => {
      const { check } = await import('./check.ts')
      code = await check(file)
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
    .command('demo')
    .description('try it without a Pi or a broker: simulated hardware, a broker of its own on loopback')
    .addOption(logLevel('warn'))
    .action(async (flags: { readonly logLevel: LogLevel }) => {
      const { demo } = await import('./demo.ts')
      code = await demo(flags.logLevel)
    })

  try {
    await program.parseAsync(args, { from: 'user' })
    return code
  } catch (error) {
    // Commander has printed what it found; --help and --version come here, too, with exit code 0.
    if (error instanceof CommanderError) return error.exitCode
    if (!(error instanceof ConfigError)) throw error
    printProblems(error)
    return EXIT.config
  }
}

function logLevel(byDefault: LogLevel): Option {
  return new Option('--log-level <level>', 'the lowest level that is logged').choices(LOG_LEVELS).default(byDefault)
}
