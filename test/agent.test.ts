/** The order of the end, where something does not come back. What the agent does all day is in `golden` and `agent.e2e`. */
import { expect, it } from 'vitest'
import { runAgent, type World } from '../src/agent.ts'
import { parseConfig } from '../src/config/load.ts'
import type { Gpio } from '../src/gpio/gpio.ts'
import { createMockGpio } from '../src/gpio/mock.ts'
import { createNotifier } from '../src/systemd.ts'
import { FakeClock } from './fakes/fake-clock.ts'
import { freePort } from './fakes/mosquitto.ts'
import { recordLog } from './fakes/recording-log.ts'

it('ends though the pins are never let go of, with the outputs at their exit level', async () => {
  const clock = new FakeClock()
  const { log, told } = recordLog()
  const board = createMockGpio({ clock, log })
  const gpio: Gpio = {
    backend: 'stuck',
    input: (line, options) => board.input(line, options),
    output: (line, options) => board.output(line, options),
    close: () => new Promise(() => {}),
  }
  const text = `
mqtt: { url: 'mqtt://127.0.0.1:${await freePort()}' }
gpio: { outputs: [{ pin: 17, initial: on }] }
`
  const { config } = parseConfig(text, 'config.yaml', { env: {}, hostname: 'pi' })
  if (config === undefined) throw new Error('the configuration is wrong')
  const controller = new AbortController()
  let onReady = (): void => {}
  const ready = new Promise<void>((resolve) => {
    onReady = resolve
  })
  const world: World = {
    clock,
    gpio,
    log,
    root: '/nowhere',
    notifier: createNotifier({ env: {}, pid: 1, clock, log }),
    simulate: false,
    version: '0',
    password: async () => undefined,
    stateFolder: undefined,
    random: Math.random,
    onReady: () => onReady(),
  }
  let ended = false
  const running = runAgent(config, world, controller.signal).finally(() => {
    ended = true
  })
  await ready
  expect(board.physical(17)).toBe(1)
  controller.abort()
  for (let seconds = 0; seconds < 60 && !ended; seconds += 1) await clock.advance(1000)
  expect(ended).toBe(true)
  await running
  expect(board.physical(17)).toBe(0)
  expect(told('warn')).toContain('warn the pins were not let go of in time')
})
