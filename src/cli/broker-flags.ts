/** The options of every tool that talks to a broker. What they mean is in `find-broker.ts`, which is loaded when it is called. */
import type { Command } from 'commander'

/** As the command line gives them. */
export interface BrokerFlags {
  readonly url?: string
  readonly username?: string
  readonly passwordFile?: string
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly servername?: string
  readonly config?: string
}

/** Adds the options to a subcommand. */
export function addBrokerOptions(command: Command): Command {
  return command
    .option('--url <url>', 'the broker: mqtt://host:1883, or mqtts://host:8883 for TLS')
    .option('--username <name>', 'user name at the broker')
    .option('--password-file <file>', 'file with the password, on one line')
    .option('--ca <file>', 'certificates of the CA that signed the broker; default: the system’s')
    .option('--cert <file>', 'client certificate')
    .option('--key <file>', 'key of the client certificate')
    .option('--servername <name>', 'name that the broker’s certificate must carry')
    .option(
      '-c, --config <file>',
      'take the broker from this configuration; default, where none of the above is given: ./config.yaml, then /etc/sensor-node/config.yaml, then mqtt://localhost:1883',
    )
}
