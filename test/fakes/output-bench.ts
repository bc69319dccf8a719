/** One output of the agent on the board in memory, with everything that it tells. */
import type { Command } from '../../src/command.ts'
import type { OutputConfig } from '../../src/config/schema.ts'
import { GpioError } from '../../src/errors.ts'
import { createMockGpio, type MockBoard } from '../../src/gpio/mock.ts'
import { LastLevels } from '../../src/last-levels.ts'
import type { Logger } from '../../src/log.ts'
import { OutputTimes } from '../../src/output-times.ts'
import { Outputs } from '../../src/outputs.ts'
import { FakeClock } from './fake-clock.ts'
import { type RecordingLog, recordLog } from './recording-log.ts'
import { createStallingGpio, type StallingGpio } from './stalling-gpio.ts'

export const PIN = 17
export const broken = new GpioError('io', 'GPIO17 can’t be set: I/O error')

export const on: Command = { state: 'on' }
export const off: Command = { state: 'off' }
export const toggle: Command = { state: 'toggle' }

/** An output as it is where the configuration has only its number. */
export function ordinary(pin: number): OutputConfig {
  return { pin, active_low: false, initial: 'off', on_exit: 'off', interlock_pause: 500 }
}

/** Where nothing outlives the process. */
export function nothingKept(log: Logger): OutputTimes {
  return new OutputTimes({ folder: undefined, outputs: [], log })
}

export interface OutputBench extends RecordingLog {
  readonly clock: FakeClock
  readonly board: MockBoard
  readonly gpio: StallingGpio
  readonly outputs: Outputs
  readonly last: LastLevels
  /** What was told of each pin, `17=1`, in order. */
  readonly states: string[]
  readonly faults: [pin: number, reason: string | undefined][]
  send(command: Command): Promise<void>
  /** Aborts the signal and brings the pins to their exit levels, as the agent does. */
  end(): Promise<void>
  /** The program ends without a word; the next one, on the same board. */
  restart(config?: Partial<OutputConfig>): Promise<OutputBench>
}

export type Parts = {
  clock?: FakeClock
  board?: MockBoard
  last?: LastLevels
  /** Where is kept what the output owes; default: nowhere. */
  folder?: string
  arrange?: (board: MockBoard, gpio: StallingGpio) => void
}

/** Opens one output, GPIO17, off at both ends unless `config` says otherwise. */
export async function openOutput(config: Partial<OutputConfig> = {}, parts: Parts = {}): Promise<OutputBench> {
  const { clock = new FakeClock() } = parts
  const recording = recordLog()
  const board = parts.board ?? createMockGpio({ clock, log: recording.log })
  const gpio = createStallingGpio(board)
  parts.arrange?.(board, gpio)
  const last = parts.last ?? new LastLevels(undefined, [], recording.log)
  const states: string[] = []
  const faults: OutputBench['faults'] = []
  const controller = new AbortController()
  const pins = [{ ...ordinary(PIN), ...config }]
  const times =
    parts.folder === undefined
      ? nothingKept(recording.log)
      : new OutputTimes({ folder: parts.folder, outputs: pins, log: recording.log })
  await times.load('boot')
  const outputs = new Outputs({
    pins,
    times,
    gpio,
    clock,
    log: recording.log,
    last,
    onState: (pin, level) => states.push(`${pin}=${level}`),
    onFault: (pin, reason) => faults.push([pin, reason]),
  })
  await outputs.open(controller.signal)
  return {
    ...recording,
    clock,
    board,
    gpio,
    outputs,
    last,
    states,
    faults,
    async send(command) {
      await outputs.command(PIN, command)
    },
    async end() {
      controller.abort()
      await outputs.exit()
    },
    async restart(next = config) {
      controller.abort()
      const fresh = new LastLevels(undefined, [], recording.log)
      return openOutput(next, { clock, board: board.restart(), last: fresh })
    },
  }
}
