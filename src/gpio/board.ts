/**
 * The hardware of the board in memory: 28 wires, each with a pull, perhaps something connected outside, perhaps
 * driven by us. It knows nothing of claims and logical levels; `mock.ts` puts those on top.
 */
import type { Clock } from '../clock.ts'
import { GpioError } from '../errors.ts'
import { FIRST_PIN, LAST_PIN, type Level } from './gpio.ts'
import { appendHistory, type Entry, type Move, readHistory } from './mock-history.ts'

/** GPIO0 to GPIO8 are pulled up at reset, the others down (BCM2835 ARM Peripherals, table 6-31). */
const LAST_PULLED_UP = 8

/** A demo runs for weeks; nobody looks at more of a wire's past than this. */
const MOVES_KEPT = 1000

interface Wire {
  direction: 'in' | 'out'
  /** What we drive while `direction` is `out`. */
  latch: Level
  /** What is connected outside. */
  outside: Level | 'pull'
  holder: string | undefined
  failure: GpioError | undefined
  watcher: ((level: Level) => void) | undefined
  pull: Level
  readonly moves: Move[]
}

export class Board {
  readonly #clock: Clock
  readonly #wires: readonly Wire[]
  readonly #history: string | undefined

  /** @param history the file that every change is appended to  @throws GpioError where it can't be read */
  constructor(clock: Clock, history?: string) {
    this.#clock = clock
    this.#history = history
    this.#wires = Array.from({ length: LAST_PIN - FIRST_PIN + 1 }, (_, index) => ({
      direction: 'in',
      latch: 0,
      outside: 'pull',
      holder: undefined,
      failure: undefined,
      watcher: undefined,
      pull: FIRST_PIN + index <= LAST_PULLED_UP ? 1 : 0,
      moves: [],
    }))
    if (history !== undefined) this.#resume(readHistory(history))
  }

  direction(line: number): 'in' | 'out' {
    return this.#wire(line).direction
  }

  physical(line: number): Level {
    return levelOf(this.#wire(line))
  }

  history(line: number): readonly Move[] {
    return [...this.#wire(line).moves]
  }

  /** @throws GpioError: a line that fails, fails here */
  read(line: number): Level {
    const wire = this.#wire(line)
    if (wire.failure !== undefined) throw wire.failure
    return levelOf(wire)
  }

  /** Direction and level in one step. @throws GpioError as `read` */
  become(line: number, direction: 'in' | 'out', latch: Level = 0): void {
    const wire = this.#wire(line)
    if (wire.failure !== undefined) throw wire.failure
    this.#change(wire, () => {
      wire.direction = direction
      wire.latch = latch
    })
  }

  /** @throws GpioError as `read` */
  write(line: number, level: Level): void {
    this.become(line, 'out', level)
  }

  /** Switches the resistor inside the chip. */
  pull(line: number, pull: Level): void {
    const wire = this.#wire(line)
    this.#change(wire, () => {
      wire.pull = pull
    })
  }

  /** @throws GpioError where the line is an output: two that drive one wire are a short */
  drive(line: number, level: Level | 'pull'): void {
    const wire = this.#wire(line)
    if (wire.direction === 'out' && level !== 'pull') {
      throw new GpioError(
        'misuse',
        `GPIO${line} can't be driven to ${level} from outside: it is an output, that is a short`,
      )
    }
    this.#change(wire, () => {
      wire.outside = level
    })
  }

  hold(line: number, consumer: string): () => void {
    const wire = this.#wire(line)
    this.demandFree(line)
    wire.holder = consumer
    return () => {
      wire.holder = undefined
    }
  }

  /** @throws GpioError `busy`, or the line's failure */
  demandFree(line: number): void {
    const { holder, failure } = this.#wire(line)
    if (failure !== undefined) throw failure
    if (holder === undefined) return
    throw new GpioError('busy', `GPIO${line} is held by "${holder}"; stop that, or use another pin`)
  }

  fail(line: number, error: GpioError | undefined): void {
    this.#wire(line).failure = error
  }

  /** Calls `watcher` at each change of level, in the middle of it. One per line; undefined: nobody. */
  watch(line: number, watcher: ((level: Level) => void) | undefined): void {
    this.#wire(line).watcher = watcher
  }

  #change(wire: Wire, change: () => void): void {
    const { direction, latch, outside, pull } = wire
    const before = levelOf(wire)
    change()
    const level = levelOf(wire)
    if (wire.direction === direction && level === before) return
    const move: Move = { at: this.#clock.monotonic(), direction: wire.direction, level }
    try {
      if (this.#history !== undefined)
        appendHistory(this.#history, { line: this.#wires.indexOf(wire) + FIRST_PIN, ...move })
    } catch (error) {
      Object.assign(wire, { direction, latch, outside, pull }) // what is not on record has not happened
      throw error
    }
    wire.moves.push(move)
    if (wire.moves.length > MOVES_KEPT) wire.moves.shift()
    if (level !== before && wire.failure === undefined) wire.watcher?.(level)
  }

  /** Outputs are driven as the process before this one left them; a boot in between has let them go. */
  #resume(entries: readonly Entry[]): void {
    if ((entries.at(-1)?.at ?? 0) > this.#clock.monotonic()) return
    for (const { line, direction, level } of entries) Object.assign(this.#wire(line), { direction, latch: level })
  }

  /** @throws GpioError outside the header */
  #wire(line: number): Wire {
    const wire = this.#wires[line - FIRST_PIN]
    if (wire !== undefined) return wire
    throw new GpioError('misuse', `there is no line ${line}: the header has GPIO${FIRST_PIN} to GPIO${LAST_PIN}`)
  }
}

function levelOf({ direction, latch, outside, pull }: Wire): Level {
  if (direction === 'out') return latch
  return outside === 'pull' ? pull : outside
}
