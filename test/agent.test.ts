/** The start and the end, where something does not come back, and with what an earlier run has left. What the agent does all day is in `golden` and `agent.e2e`. */
import { execFileSync } from 'node:child_process'
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
import { type ScriptedBroker, scriptBroker } from './fakes/scripted-broker.ts'

const never = (): Promise<never> => new Promise(() => {})

type Folders = Pick<World, 'stateFolder' | 'runtimeFolder'>

/** An agent whose pins are the board's, but for what `stuck` puts in the place of it; at no broker, unless `url` has one. */
async function start(
  pins: string,
  stuck: (board: MockBoard) => Partial<Gpio>,
  folders: Partial<Folders> = {},
  sensors: readonly string[] = [],
  url?: string,
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
  const broker = url ?? `mqtt://127.0.0.1:${await freePort()}`
  const text = `mqtt: { url: '${broker}' }\ngpio: ${pins}\nsensors: [${sensors}]\n`
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

/** Real sockets and files need real time; the agent's clock stands still. */
const turns = async (until: () => boolean): Promise<void> => {
  while (!until()) await new Promise((resolve) => setTimeout(resolve, 2))
}
const topicsAt = ({ peers }: ScriptedBroker): string[] =>
  peers.flatMap(({ published }) => published).map(({ topic }) => topic)

it('is online, with the states of its pins, before the disk of its outbox has answered', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sensor-node-agent-'))
  const records = join(folder, 'outbox', 'records')
  await mkdir(records, { recursive: true })
  const fifo = join(records, 'CURRENT')
  execFileSync('mkfifo', [fifo]) // reading it blocks until somebody writes
  const broker = await scriptBroker()
  const agent = await start(
    '{ outputs: [{ pin: 17 }] }',
    () => ({}),
    { stateFolder: folder },
    ['{ id: attic, type: simulated }'],
    broker.url,
  )
  await turns(() => topicsAt(broker).includes('gpio/17/state'))
  expect(topicsAt(broker)).toContain('devices/pi/status')
  expect(topicsAt(broker)).not.toContain('sensors/pi/attic/status')
  await agent.until(agent.ready)
  expect(agent.told('warn')).toContain('warn outbox on disk failed')
  await turns(() => topicsAt(broker).includes('sensors/pi/attic/data'))
  agent.stop()
  await writeFile(fifo, 'no store')
  await agent.until(agent.ended)
  await broker.close()
  // What was to be a store may still be put aside.
  await rm(folder, { recursive: true, maxRetries: 10, retryDelay: 20 })
})

it('waits for no broker that is not there: it reads its sensors at once', async () => {
  const agent = await start('{}', () => ({}), {}, ['{ id: attic, type: simulated }'])
  await agent.ready
  expect(agent.clock.monotonic()).toBe(0)
  agent.stop()
  await agent.until(agent.ended)
})

it('waits half a second, and no longer, for a broker that does not answer', async () => {
  const broker = await scriptBroker({ connack: () => 'silence' })
  const agent = await start('{}', () => ({}), {}, ['{ id: attic, type: simulated }'], broker.url)
  await turns(() => broker.peers.length > 0)
  await agent.clock.advance(499)
  expect(agent.told('info').join()).not.toContain('ready')
  await agent.clock.advance(1)
  await agent.ready
  agent.stop()
  await agent.until(agent.ended)
  await broker.close()
})
