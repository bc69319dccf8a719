/**
 * A board in memory: `gpio.backend: mock`, `--simulate`, the demo and the tests. The hardware (wires, pulls, who
 * drives what) is a `Board`; what one process has claimed of it is a `MockBoard`. So a process can end or die, its
 * outputs stay driven as a Pi's do, and the next one finds them.
 */
import type { Clock } from '../clock.ts'
import { GpioError } from '../errors.ts'
import type { Logger } from '../log.ts'
import { Board } from './board.ts'
import { Claims, type Use } from './claims.ts'
import { Debounce } from './debounce.ts'
import type { Counter, CounterOptions, Gpio, Input, InputOptions, Level, Output, OutputOptions } from './gpio.ts'
import type { Move } from './mock-history.ts'
import { across } from './wire.ts'

export interface MockGpioOptions {
  readonly clock: Clock
  readonly log: Logger
  /** A file that every change of a wire is appended to, and that the board goes on from. */
  readonly history?: string | undefined
}

/** The backend, and the other side of its wires. Levels of the board's side are the wire's, never logical. */
export interface MockBoard extends Gpio {
  /** What is connected outside takes the level, or lets go: then the line's own pull decides. @throws GpioError */
  drive(line: number, level: Level | 'pull'): void
  physical(line: number): Level
  /** The changes of level or direction since the board was made, in order; the last 1000. */
  history(line: number): readonly Move[]
  /** Somebody else has the line, until the function that is returned is called. @throws GpioError where we have it */
  hold(line: number, consumer: string): () => void
  /** Opens, reads and writes of the line fail, until it is called with nothing. An input notices at its next read. */
  fail(line: number, error?: GpioError): void
  /** The process ends here, with or without `close`; what is returned is the next one on the same board. */
  restart(): MockBoard
}

/** A new board: nothing claimed, nothing connected, every line an input at its pull. @throws GpioError: no history */
export function createMockGpio(options: MockGpioOptions): MockBoard {
  return new Mock(options, new Board(options.clock, options.history))
}

class Mock implements MockBoard {
  readonly backend = 'mock'
  readonly #options: MockGpioOptions
  readonly #board: Board
  readonly #claims = new Claims()

  constructor(options: MockGpioOptions, board: Board) {
    this.#options = options
    this.#board = board
  }

  async input(line: number, options: InputOptions): Promise<Input> {
    const { activeLow, pull } = options
    this.#claim(line, 'input')
    // Without a pull a wire floats, and may as well keep the level that it has at reset.
    if (pull === 'up' || pull === 'down') this.#board.pull(line, pull === 'up' ? 1 : 0)
    this.#board.become(line, 'in')
    const read = async (): Promise<Level> => across(this.#board.read(line), activeLow)
    // A line of this board that fails comes back by itself.
    const source = { read, recover: async () => {} }
    const initial = across(this.#board.read(line), activeLow)
    const debounce = new Debounce({ ...options, ...this.#options, line, source, initial })
    this.#board.watch(line, (level) => debounce.edge(across(level, activeLow)))
    this.#claims.opened(line, {
      close: () => {
        this.#board.watch(line, undefined)
        return debounce.stop()
      },
    })
    debounce.start()
    return {
      line,
      get level() {
        return debounce.level
      },
    }
  }

  async counter(line: number, { edge, ...options }: CounterOptions): Promise<Counter> {
    let count = 0
    let newestMs: number | undefined
    let outages = 0
    const onChange = (level: Level): void => {
      if (level !== (edge === 'rising' ? 1 : 0)) return
      count += 1
      newestMs = this.#options.clock.monotonic()
    }
    const onRecovered = (): void => {
      outages += 1
    }
    await this.input(line, { ...options, onChange, onFault: () => {}, onRecovered })
    const demandOpen = this.#claims.ticket(line)
    return {
      line,
      read: async () => {
        demandOpen()
        this.#board.read(line)
        return { count, newestMs, unseen: 0, outages }
      },
    }
  }

  async output(line: number, { initial, activeLow }: OutputOptions): Promise<Output> {
    this.#claim(line, 'output')
    const kept = initial === 'keep' && this.#board.direction(line) === 'out'
    const wire = kept ? this.#board.physical(line) : across(initial === 'keep' ? 0 : initial, activeLow)
    this.#board.become(line, 'out', wire)
    this.#claims.opened(line, { close: () => {} }) // driven as it is
    const demandOpen = this.#claims.ticket(line)
    return {
      line,
      read: async () => {
        demandOpen()
        return across(this.#board.read(line), activeLow)
      },
      write: async (level) => {
        demandOpen()
        this.#board.write(line, across(level, activeLow))
      },
    }
  }

  release(line: number): Promise<void> {
    return this.#claims.release(line)
  }

  async close(): Promise<void> {
    await this.#end()
  }

  drive(line: number, level: Level | 'pull'): void {
    this.#board.drive(line, level)
  }

  physical(line: number): Level {
    return this.#board.physical(line)
  }

  history(line: number): readonly Move[] {
    return this.#board.history(line)
  }

  hold(line: number, consumer: string): () => void {
    if (this.#claims.uses(line)) throw new GpioError('busy', `GPIO${line} can't be held by "${consumer}": we have it`)
    return this.#board.hold(line, consumer)
  }

  fail(line: number, error?: GpioError): void {
    this.#board.fail(line, error)
  }

  restart(): MockBoard {
    // Everything of the dead process stops at once; only its loops take a turn to notice, and they touch nothing.
    void this.#end()
    return new Mock(this.#options, this.#board)
  }

  #claim(line: number, use: Use): void {
    this.#claims.take(line, use)
    try {
      this.#board.demandFree(line)
    } catch (error) {
      this.#claims.drop(line)
      throw error
    }
  }

  async #end(): Promise<void> {
    this.#claims.close()
    await this.#claims.end()
  }
}
