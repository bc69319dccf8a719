/** Several outputs of one node on the board in memory, whose processes can be killed: what they kept in files stays. */
import type { Clock } from '../../src/clock.ts'
import type { Command } from '../../src/command.ts'
import type { OutputConfig } from '../../src/config/schema.ts'
import { createMockGpio, type MockBoard } from '../../src/gpio/mock.ts'
import { LastLevels } from '../../src/last-levels.ts'
import { OutputTimes } from '../../src/output-times.ts'
import { Outputs } from '../../src/outputs.ts'
import { FakeClock, settled } from './fake-clock.ts'
import { ordinary } from './output-bench.ts'
import { type RecordingLog, recordLog } from './recording-log.ts'
import { createStallingGpio, type StallingGpio } from './stalling-gpio.ts'

export type PinConfig = Partial<OutputConfig> & { readonly pin: number }

export interface OutputsBench extends RecordingLog {
  readonly clock: FakeClock
  readonly board: MockBoard
  readonly gpio: StallingGpio
  readonly outputs: Outputs
  /** What was told of each pin, `17=1`, in order. */
  readonly states: string[]
  send(pin: number, command: Command): Promise<void>
  /** The same, and how it ended: `ok`, or the reason why not. */
  ask(pin: number, command: Command): Promise<string>
  /** Wires that are high, now. */
  high(): number[]
  /** A clean stop. */
  end(): Promise<void>
  /** SIGKILL; `deadMs` later the next process begins on the same board, with the same files. */
  kill(deadMs?: number, next?: Partial<Process>): Promise<OutputsBench>
}

export interface Process {
  readonly pins: readonly PinConfig[]
  /** What systemd calls `$RUNTIME_DIRECTORY`. */
  readonly folder: string | undefined
  readonly boot: string
  /** Before the pins are opened. */
  readonly arrange: (board: MockBoard, gpio: StallingGpio) => void
}

interface Machine {
  readonly board: MockBoard
  readonly levels: string | undefined
  now(clock: Clock): void
}

export async function openOutputs(pins: readonly PinConfig[], folder?: string): Promise<OutputsBench> {
  let current: Clock = new FakeClock()
  // The board outlives each process, and with it each process's clock.
  const clock: Clock = {
    now: () => current.now(),
    monotonic: () => current.monotonic(),
    sleep: (ms, signal) => current.sleep(ms, signal),
    after: (ms, work) => current.after(ms, work),
  }
  const machine: Machine = {
    board: createMockGpio({ clock, log: recordLog().log }),
    levels: folder === undefined ? undefined : `${folder}/levels.json`,
    now: (next) => {
      current = next
    },
  }
  return await start(machine, { pins, folder, boot: 'first', arrange: () => {} }, 0)
}

async function start(machine: Machine, process: Process, at: number): Promise<OutputsBench> {
  const { board } = machine
  const recording = recordLog()
  const { log } = recording
  const configs = process.pins.map((config): OutputConfig => ({ ...ordinary(config.pin), ...config }))
  const times = new OutputTimes({ folder: process.folder, outputs: configs, log })
  const kept = configs.filter(({ initial }) => initial === 'last').map(({ pin }) => pin)
  const last = new LastLevels(machine.levels, kept, log)
  const clock = new FakeClock(undefined, async () => {
    for (let turn = 0; turn < 3; turn += 1) {
      await settled()
      await last.flush()
    }
    await settled()
  })
  await clock.advance(at)
  machine.now(clock)
  const gpio = createStallingGpio(board)
  process.arrange(board, gpio)
  const states: string[] = []
  const controller = new AbortController()
  const outputs = new Outputs({
    ...{ pins: configs, gpio, clock, log, last, times },
    onState: (pin, level) => states.push(`${pin}=${level}`),
    onFault: () => {},
  })
  await last.load()
  await times.load(process.boot)
  await outputs.open(controller.signal)
  await clock.advance(0)
  const send = async (pin: number, command: Command): Promise<void> => {
    await outputs.command(pin, command)
  }
  return {
    ...recording,
    ...{ clock, board, gpio, outputs, states, send },
    ask: (pin, command) =>
      send(pin, command).then(
        () => 'ok',
        (error: Error) => error.message,
      ),
    high: () => configs.map(({ pin }) => pin).filter((pin) => board.physical(pin) === 1),
    async end() {
      controller.abort()
      await outputs.exit()
      await last.flush()
      await board.close()
    },
    async kill(deadMs = 0, next = {}) {
      await last.flush()
      return await start(
        { ...machine, board: board.restart() },
        { ...process, arrange: () => {}, ...next },
        clock.monotonic() + deadMs,
      )
    },
  }
}

/** How long the wire was high, in ms, each time; the last one perhaps still is. */
export function timesHigh({ board, clock }: OutputsBench, pin: number): number[] {
  const moves = board.history(pin)
  return moves.flatMap(({ level, at }, index) => {
    if (level === 0) return []
    return [(moves[index + 1]?.at ?? clock.monotonic()) - at]
  })
}

/** The shortest time from the moment that one of the wires went low to the next one's going high; below 0: an overlap. */
export function shortestGap({ board, clock }: OutputsBench, pins: readonly number[]): number {
  const spans = pins
    .flatMap((pin) => {
      const moves = board.history(pin)
      return moves.flatMap(({ level, at }, index) =>
        level === 0 ? [] : [{ pin, from: at, to: moves[index + 1]?.at ?? clock.monotonic() }],
      )
    })
    .sort((a, b) => a.from - b.from)
  const gaps = spans.flatMap((span, index) =>
    spans
      .slice(0, index)
      .filter(({ pin }) => pin !== span.pin)
      .map(({ to }) => span.from - to),
  )
  return Math.min(...gaps)
}
