/** The start and the end, where something does not come back, and with what an earlier run has left. What the agent does all day is in `golden` and `agent.e2e`. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { runAgent, type World } from '../src/agent.ts'
import { parseConfig } from '../src/config/load.ts'
import type { Gpio } from '../src/gpio/gpio.ts'
import { createMockGpio, type MockBoard } from '../src/gpio/mock.ts'
import { createNotifier } from '../src/systemd.ts'
import { FakeClock } from './fakes/fake-clock.ts'
import { freePort } from './fakes/mosquitto.ts'
import { recordLog } from './fakes/recording-log.ts'

const never = (): Promise<never> => new Promise(() => {})

type Folders = Pick<World, 'stateFolder' | 'runtimeFolder'>

/** An agent without a broker, whose pins are the board's, but for what `stuck` puts in the place of it. */
async function start(
  pins: string,
  stuck: (board: MockBoard) => Partial<Gpio>,
  folders: Partial<Folders> = {},
  sensors: readonly string[] = [],
) {
  const clock = new FakeClock()
  const { log, told } = recordLog()
  const board = createMockGpio({ clock, log })
  const gpio: Gpio = {
    backend: 'stuck',
    input: (line, options) => board.input(line, options),
    counter: (line, options) => board.counter(line, options),
    output: (line, options) => board.output(line, options),
    release: (line) => board.release(line),
    close: () => board.close(),
    ...stuck(board),
  }
  const text = `mqtt: { url: 'mqtt://127.0.0.1:${await freePort()}' }\ngpio: ${pins}\nsensors: [${sensors}]\n`
  const { config } = parseConfig(text, 'config.yaml', { env: {}, hostname: 'pi' })
  if (config === undefined) throw new Error('the configuration is wrong')
  const controller = new AbortController()
  const statusLines: string[] = []
  const silent = createNotifier({ env: {}, pid: 1, clock, log })
  let onReady = (): void => {}
  const ready = new Promise<void>((resolve) => {
    onReady = resolve
  })
  const ended = runAgent(
    config,
    {
      ...{ clock, gpio, log, root: '/nowhere', simulate: false, version: '0' },
      ...{ stateFolder: undefined, runtimeFolder: undefined, ...folders },
      notifier: {
        ...silent,
        async status(line) {
          statusLines.push(line)
        },
      },
      password: async () => undefined,
      random: Math.random,
      onReady: () => onReady(),
    },
    controller.signal,
  )
  /** Turns the clock until it has happened. */
  const until = async (event: Promise<void>): Promise<void> => {
    let over = false
    const done = event.finally(() => {
      over = true
    })
    while (!over) {
      await clock.advance(1000)
      await new Promise((resolve) => setTimeout(resolve, 1)) // for real files: the clock would run away from them
    }
    await done
  }
  return { board, clock, told, statusLines, until, ready, ended, stop: () => controller.abort() }
}

it('opens the inputs though an output never opens', async () => {
  const opened: number[] = []
  const agent = await start('{ outputs: [{ pin: 17 }], inputs: [{ pin: 27 }] }', (board) => ({
    output: never,
    input(line, options) {
      opened.push(line)
      return board.input(line, options)
    },
  }))
  await agent.until(agent.ready)
  expect(opened).toEqual([27])
  agent.stop()
  await agent.until(agent.ended)
})

it('that is told to end while a pin hangs at the start brings the others to their exit level at once', async () => {
  const agent = await start('{ outputs: [{ pin: 17, initial: on }, { pin: 22 }] }', (board) => ({
    output: (line, options) => (line === 22 ? never() : board.output(line, options)),
  }))
  while (agent.board.physical(17) === 0) await agent.clock.advance(1)
  agent.stop()
  await agent.clock.advance(0)
  expect(agent.board.physical(17)).toBe(0)
  await agent.until(agent.ended)
})

it('ends though the pins are never let go of, with the outputs at their exit level', async () => {
  const agent = await start('{ outputs: [{ pin: 17, initial: on }] }', () => ({ close: never }))
  await agent.until(agent.ready)
  expect(agent.board.physical(17)).toBe(1)
  agent.stop()
  await agent.until(agent.ended)
  expect(agent.board.physical(17)).toBe(0)
  expect(agent.told('warn')).toContain('warn the pins were not let go of in time')
})

it('counts on from the total of an earlier run, in memory at once, and on the card at its end', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sensor-node-agent-'))
  const [card, memory] = [join(folder, 'card'), join(folder, 'memory')]
  const kept = (where: string): Promise<string> => readFile(join(where, 'counters.json'), 'utf8').catch(() => 'none')
  await mkdir(card)
  await writeFile(join(card, 'counters.json'), '{"5":1000}')
  const pins = '{ inputs: [{ pin: 5, mode: counter, active_low: true }] }'
  const agent = await start(pins, () => ({}), { stateFolder: card, runtimeFolder: memory })
  await agent.until(agent.ready)
  await agent.clock.advance(1000)
  for (const level of [0, 1, 0, 1] as const) agent.board.drive(5, level)
  await agent.clock.advance(5000)
  // The file takes time of its own; turned further, the clock would come to the card's ten minutes.
  while ((await kept(memory)) !== '{"5":1002}') await new Promise((resolve) => setTimeout(resolve, 5))
  expect(await kept(card)).toBe('{"5":1000}')
  agent.stop()
  await agent.until(agent.ended)
  // A file takes no time of the agent's clock, so that this one's deadline may have passed.
  while ((await kept(card)) === '{"5":1000}');
  expect(await kept(card)).toBe('{"5":1002}')
  await rm(folder, { recursive: true })
})

it('tells how it is a few times while 300 sensors come online, not once for each of them', async () => {
  const ids = Array.from({ length: 300 }, (_, index) => `s${index}`)
  const sensors = ids.map((id) => `{ id: ${id}, type: simulated, interval: 1h }`)
  const agent = await start('{}', () => ({}), {}, sensors)
  await agent.until(agent.ready)
  await agent.clock.advance(1000)
  expect(agent.statusLines.at(-1)).toBe('broker away, 300 sensors ok, 300 queued')
  expect(agent.statusLines.length).toBeLessThan(20)
  agent.stop()
  await agent.until(agent.ended)
})
