/**
 * The contract of a GPIO backend: single lines of the Pi's 40-pin header, named by their BCM number (0 to 27).
 * Levels are logical; `activeLow` is applied by the backend, also to the initial level. One contract suite runs
 * on every backend.
 */
import type { Edge } from './edge.ts'
import type { Pull } from './pull.ts'

/** Logical: 1 is 'on' or 'active', whatever the wire does. */
export type Level = 0 | 1

export interface OutputOptions {
  /**
   * The level from the first moment that the line is an output, without a glitch. A line that a dead process left
   * as an output is adopted and goes straight to it. `'keep'`: an adopted line keeps its level; else 0.
   */
  readonly initial: Level | 'keep'
  readonly activeLow: boolean
}

export interface Output {
  readonly line: number
  /** What the line really is, read back. @throws GpioError */
  read(): Promise<Level>
  /**
   * Resolves when the line has the level. Where nothing else is under way on it, it has the level when `write` returns:
   * a button switches a light in the same turn of the event loop. @throws GpioError
   */
  write(level: Level): Promise<void>
}

export interface InputOptions {
  readonly activeLow: boolean
  /** A level counts when it has been stable for this long; 0: every edge. */
  readonly debounceMs: number
  /** The resistor inside the chip; absent: as it is. A backend that can't set it refuses. */
  readonly pull?: Pull | undefined
  /** The new settled level: only on a change, never twice the same, the last one is always told. */
  readonly onChange: (level: Level) => void
  /** The line failed; the backend goes on trying to get it back. */
  readonly onFault: (error: Error) => void
  /** It has the line back; a level that changed meanwhile is told by `onChange`. */
  readonly onRecovered: () => void
}

export interface Input {
  readonly line: number
  /** The settled level. */
  readonly level: Level
}

export interface CounterOptions {
  readonly activeLow: boolean
  /** A level counts when it has been stable for this long; 0: every edge. */
  readonly debounceMs: number
  readonly pull?: Pull | undefined
  /** Which edge of a pulse is counted, logically: `rising` is the one at which the input becomes 1. */
  readonly edge: Edge
}

/** What a counter has seen since it was opened. None of these ever goes back. */
export interface Pulses {
  readonly count: number
  /** When the newest one came: ms on a clock of the backend's own; undefined before the first. */
  readonly newestMs: number | undefined
  /** Of `count`, those known by their number alone, as the kernel keeps no more than the newest events. */
  readonly unseen: number
  /** How often the line was lost and got back. What came meanwhile is not in `count`, and can't be known. */
  readonly outages: number
}

export interface Counter {
  readonly line: number
  /** Nothing is missed between two reads, however far apart. A line that was lost is fetched back. @throws GpioError */
  read(): Promise<Pulses>
}

/** The other side of the wires. Levels are the wire's, never logical. */
export interface Outside {
  /** What is connected outside takes the level. @throws GpioError */
  drive(line: number, level: Level): void
  physical(line: number): Level
}

export interface Gpio {
  /** Only of a board in memory, and only where its inputs are to be pressed by messages. */
  readonly outside?: Outside | undefined
  /** `mock`, `onoff` or `chardev`; `auto` where that is not decided yet. */
  readonly backend: string
  /** Why it is that one, for people. */
  readonly reason?: string | undefined
  /** Claims a line as an input. @throws GpioError, kind `busy` with the holder's name where it is known */
  input(line: number, options: InputOptions): Promise<Input>
  /** Claims a line as an input whose pulses are counted. @throws GpioError, kind `unsupported` where edges get lost */
  counter(line: number, options: CounterOptions): Promise<Counter>
  /** Claims a line as an output; direction and level in one step. @throws GpioError */
  output(line: number, options: OutputOptions): Promise<Output>
  /**
   * Gives one line back, as `close` does with all of them; it can be claimed anew when this resolves. What was claimed
   * refuses all use from then on. Of a line that is not open: does nothing. Never throws.
   */
  release(line: number): Promise<void>
  /** Releases inputs. Outputs stay driven at their level where the kernel allows it. Never throws. */
  close(): Promise<void>
}

/** The BCM numbers on the 40-pin header. */
export const FIRST_PIN = 0
export const LAST_PIN = 27
