/** Makes the real world for an agent: clock, pins, systemd, files. */
import type { World } from '../agent.ts'
import { systemClock } from '../clock.ts'
import type { Config } from '../config/schema.ts'
import { readPassword } from '../config/secrets.ts'
import { chooseBackend } from '../gpio/choose.ts'
import type { Gpio } from '../gpio/gpio.ts'
import { type Choice, GpioOnDemand } from '../gpio/on-demand.ts'
import type { Logger } from '../log.ts'
import { createNotifier } from '../systemd.ts'
import { askTimedatectl } from '../timedatectl.ts'
import { packageHome, packageVersion } from './package.ts'

/** `simulate` puts stand-ins in the place of hardware sensors, and a board in memory in that of the pins. */
export async function createWorld(
  config: Config,
  log: Logger,
  simulate: boolean,
  load?: World['load'],
): Promise<World> {
  const supportUrl = packageHome()
  let counters = countersOf(config)
  return {
    clock: systemClock,
    gpio: await createGpio(config, () => counters, log, simulate),
    log,
    root: '/',
    notifier: createNotifier({ env: process.env, pid: process.pid, clock: systemClock, log }),
    simulate,
    version: packageVersion(),
    ...(supportUrl === undefined ? {} : { supportUrl }),
    password: readPassword,
    ...(load === undefined ? {} : { load }),
    onConfig(next) {
      counters = countersOf(next)
    },
    stateFolder: stateFolder(),
    runtimeFolder: process.env.RUNTIME_DIRECTORY?.split(':')[0],
    timeSynchronised: () => askTimedatectl(),
    random: Math.random,
  }
}

/** systemd gives a list with colons where a unit names several folders; ours names one. */
export function stateFolder(): string | undefined {
  return process.env.STATE_DIRECTORY?.split(':')[0]
}

function countersOf({ gpio }: Config): number[] {
  return gpio.inputs.flatMap(({ pin, mode }) => (mode === 'counter' ? [pin] : []))
}

/** @param counters asked when the first pin wants a backend: a reload may bring it */
async function createGpio(
  { gpio }: Config,
  counters: () => readonly number[],
  log: Logger,
  simulate: boolean,
): Promise<Gpio> {
  const { backend, outputs, inputs, mock_history: history } = gpio
  if (simulate || backend === 'mock') {
    const { createMockGpio } = await import('../gpio/mock.ts')
    if (outputs.length + inputs.length > 0) log.info({ backend: 'mock' }, 'pins are simulated: a board in memory')
    const board = createMockGpio({ clock: systemClock, log, history })
    if (!simulate) return board
    const { withSimulatedPulses } = await import('../gpio/simulated-pulses.ts')
    return { ...withSimulatedPulses(board, systemClock), outside: board }
  }
  const choose = (): Promise<Choice> => chooseBackend({ backend, counters: counters(), clock: systemClock, log })
  return new GpioOnDemand(backend, choose, log)
}
