/** The frame of every tool that talks to a broker: finds it, listens to signals, and tells why it could not be had. */
import { systemClock } from '../clock.ts'
import { ConnectionError } from '../mqtt-errors.ts'
import type { ToolOptions } from '../tools/link.ts'
import { printable } from '../tools/printable.ts'
import type { BrokerFlags } from './broker-flags.ts'
import { EXIT } from './exit-code.ts'
import { type Broker, findBroker } from './find-broker.ts'
import { onOutputGone } from './output.ts'
import { untilSignal } from './signals.ts'

/** Characters of what is said to a person. */
const LONGEST_LINE = 2000

/** What of `ToolOptions` is the same for every tool. */
export type LinkBasics = Pick<ToolOptions, 'mqtt' | 'password' | 'say' | 'words' | 'clock' | 'random' | 'root'>

/**
 * Runs a tool; its result is the exit code. 69 where the broker could not be had at the start. A signal, and a reader of
 * our output that has gone, end it in good order.
 *
 * @throws ConfigError with all problems of the flags, or of the configuration's `mqtt`
 */
export async function withBroker(
  flags: BrokerFlags,
  tool: (basics: LinkBasics, signal: AbortSignal, broker: Broker) => Promise<number>,
): Promise<number> {
  const broker = await findBroker(flags)
  const gone = new AbortController()
  const signal = AbortSignal.any([untilSignal(() => {}), gone.signal])
  onOutputGone(() => gone.abort())
  const { mqtt, password, words } = broker
  const say = (line: string): void => void process.stderr.write(`${printable(line, LONGEST_LINE)}\n`)
  const basics = { mqtt, password, words, say, clock: systemClock, random: Math.random, root: '/' }
  try {
    return await tool(basics, signal, broker)
  } catch (error) {
    // Whoever stops it before its end knows nothing of the result.
    if (signal.aborted && error === signal.reason) return EXIT.failed
    if (!(error instanceof ConnectionError)) throw error
    say(`${mqtt.url}: ${words(error.message)}`)
    return EXIT.unavailable
  }
}
