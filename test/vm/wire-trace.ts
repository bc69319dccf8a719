/**
 * Everything that the kernel did to a line, by its own trace of GPIO calls: unlike a probe that looks now and then, it
 * misses no glitch. Events: include/trace/events/gpio.h. A line that its holder gives back is told as turned to an input
 * (kernel/changes.patch), as the simulator's chip lets go of the wire.
 */
import { closeSync, constants, openSync, readSync, writeFileSync } from 'node:fs'
import { codeOf } from '../../src/errors.ts'
import type { Level } from '../../src/gpio/gpio.ts'
import { drive } from './hardware.ts'

export interface Move {
  readonly direction: 'in' | 'out'
  readonly level: Level
}

const TRACING = '/sys/kernel/tracing'

/** `node-123 [000] ..... 4.56: gpio_value: 529 set 1`, and `gpio_direction: 529 out (0)` with 0 for done. */
const EVENT =
  /^\s*(?<program>.+)-\d+\s.*: (?:gpio_value: (?<set>\d+) set (?<level>[01])|gpio_direction: (?<turned>\d+) +(?<direction>in|out) \(0\))/

/** Follows lines that begin as inputs at 0. Only one at a time. */
export class WireTrace {
  readonly #base: number
  /** What is read from it is gone from the trace, and a read does not wait. */
  readonly #pipe = openSync(`${TRACING}/trace_pipe`, constants.O_RDONLY | constants.O_NONBLOCK)
  readonly #bytes = Buffer.alloc(64 * 1024)
  /** Whose calls are left out: what holds a line in a test is not what is tested. */
  readonly #ignored: readonly string[]
  readonly #moves = new Map<number, Move[]>()
  readonly #lines = new Map<number, { direction: 'in' | 'out'; latch: Level; outside: Level }>()

  /** @param base the kernel's number of line 0 */
  constructor(base: number, ignored: readonly string[] = []) {
    this.#base = base
    this.#ignored = ignored
    writeFileSync(`${TRACING}/events/gpio/enable`, '1')
    this.#read()
  }

  /** Every change of level or direction so far. */
  moves(line: number): Move[] {
    this.#catchUp()
    return [...(this.#moves.get(line) ?? [])]
  }

  /** Presses or releases from outside; a move, too, while nobody drives the line. */
  drive(line: number, level: Level): void {
    this.#catchUp()
    drive(line, level)
    this.#change(line, { outside: level })
  }

  end(): void {
    closeSync(this.#pipe)
  }

  #read(): string {
    for (let text = ''; ; ) {
      try {
        text += this.#bytes.toString('latin1', 0, readSync(this.#pipe, this.#bytes))
      } catch (error) {
        if (codeOf(error) === 'EAGAIN') return text
        throw error
      }
    }
  }

  #catchUp(): void {
    for (const row of this.#read().split('\n')) {
      const { program = '', set, level, turned, direction } = EVENT.exec(row)?.groups ?? {}
      if (this.#ignored.includes(program.trim())) continue
      if (set !== undefined) this.#change(Number(set) - this.#base, { latch: level === '1' ? 1 : 0 })
      if (turned !== undefined)
        this.#change(Number(turned) - this.#base, { direction: direction === 'out' ? 'out' : 'in' })
    }
  }

  #change(number: number, what: Partial<{ direction: 'in' | 'out'; latch: Level; outside: Level }>): void {
    const line = this.#lines.get(number) ?? { direction: 'in', latch: 0, outside: 0 }
    const before = move(line)
    Object.assign(line, what)
    this.#lines.set(number, line)
    const after = move(line)
    if (after.direction === before.direction && after.level === before.level) return
    this.#moves.set(number, [...(this.#moves.get(number) ?? []), after])
  }
}

function move(line: { direction: 'in' | 'out'; latch: Level; outside: Level }): Move {
  return { direction: line.direction, level: line.direction === 'out' ? line.latch : line.outside }
}
