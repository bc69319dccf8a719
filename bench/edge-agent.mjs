/**
 * The built agent with the other side of its wires in hand, for the edge suite: `drive` is what nobody can do from outside
 * the process that the board in memory belongs to. All but the pins is as `sensor-node run` makes it.
 *
 *     node edge-agent.mjs CONFIG PIN TIMES
 *
 * Each line on standard input turns the pin; the moments go to the file TIMES, ms on the machine's monotonic clock, when
 * standard input ends.
 */
import { writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { runAgent } from '../build/agent.js'
import { loadEnvHere } from '../build/cli/load-env.js'
import { untilSignal } from '../build/cli/signals.js'
import { createWorld } from '../build/cli/world.js'
import { systemClock } from '../build/clock.js'
import { loadConfig } from '../build/config/load.js'
import { createMockGpio } from '../build/gpio/mock.js'
import { createLog } from '../build/log.js'

const [file, pin, times] = process.argv.slice(2)
const log = await createLog('info', false)
const { config } = await loadConfig(file, await loadEnvHere(false))
const gpio = createMockGpio({ clock: systemClock, log })
const moments = []
let level = 0
const lines = createInterface({ input: process.stdin })
lines.on('line', () => {
  level = 1 - level
  moments.push(Number(process.hrtime.bigint()) / 1e6)
  gpio.drive(Number(pin), level)
})
lines.on('close', () => writeFileSync(times, JSON.stringify(moments)))
const signal = untilSignal(() => {})
await runAgent(config, { ...(await createWorld(config, log, false)), gpio }, signal)
process.exit()
