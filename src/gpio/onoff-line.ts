/**
 * One line in onoff's hands: opened without moving the wire on the way, checked against what the kernel says
 * afterwards, read, written, watched, and let go of in the two ways that there are. `onoff.ts` decides when.
 */
import { closeSync } from 'node:fs'
import { GpioError, messageOf } from '../errors.ts'
import type { Logger } from '../log.ts'
import type { Level, OutputOptions } from './gpio.ts'
import { type Attributes, attributePath, type Pin, pinError, readAttributes, type Sysfs } from './sysfs.ts'
import { resolvePin } from './sysfs-chip.ts'
import { exportPin, unexportPin } from './sysfs-export.ts'
import { across } from './wire.ts'

/** What is used of onoff's `Gpio`. Written here, because the package is absent where it can't be built. */
export interface OnoffGpio {
  read(): Promise<Level>
  readSync(): Level
  write(level: Level): Promise<void>
  writeSync(level: Level): void
  watch(callback: (error: Error | null | undefined, level: Level) => void): void
  unwatchAll(): void
  unexport(): void
  /** Private to onoff, and the only way to let go of a line that stays exported. */
  readonly _valueFd?: number
}

/** `'high'` and `'low'` are levels of the wire, whatever `activeLow` is; `'out'` would drive the wire low. */
export type OnoffConstructor = new (
  number: number,
  direction: 'in' | 'high' | 'low',
  edge: 'none' | 'both',
  options: { readonly activeLow: boolean; readonly debounceTimeout: number; readonly reconfigureDirection: boolean },
) => OnoffGpio

export interface OnoffDriver {
  readonly sysfs: Sysfs
  readonly Onoff: OnoffConstructor
  readonly log: Logger
}

export type Wish =
  | { readonly direction: 'in'; readonly activeLow: boolean }
  | ({ readonly direction: 'out' } & OutputOptions)

/** Where a wire is to go: its level, and whether it is there already and must not be touched. */
interface Plan {
  readonly direction: 'in' | 'high' | 'low'
  readonly untouched: boolean
}

export class OnoffLine {
  readonly #driver: OnoffDriver
  readonly #pin: Pin
  readonly #onoff: OnoffGpio

  constructor(driver: OnoffDriver, pin: Pin, onoff: OnoffGpio) {
    this.#driver = driver
    this.#pin = pin
    this.#onoff = onoff
  }

  /** Logical. Never two at once: onoff has one buffer. @throws GpioError, `lost` once the line was unexported */
  async read(): Promise<Level> {
    try {
      return await this.#onoff.read()
    } catch (error) {
      throw pinError(this.#pin, 'be read', error)
    }
  }

  /** Logical. Never two at once: their order would be anyone's guess. @throws the kernel's error, unwrapped */
  write(level: Level): Promise<void> {
    return this.#onoff.write(level)
  }

  /** The same, done when it returns: not in a pool of threads, which slow sensors may have filled. @throws likewise */
  writeNow(level: Level): void {
    this.#onoff.writeSync(level)
  }

  /** A refused write as an error of ours. */
  writeError(level: Level, error: unknown): GpioError {
    return pinError(this.#pin, `be set to ${level}`, error)
  }

  /** Calls `edge` after edges: some of them, some of them late. */
  watch(edge: () => void): void {
    // onoff reads in a native callback first; a throw in there, once the line is gone, would end the process.
    const readSync = this.#onoff.readSync.bind(this.#onoff)
    this.#onoff.readSync = () => {
      try {
        return readSync()
      } catch {
        return 0 // only a hint: the read that follows meets the same error, and tells it
      }
    }
    this.#onoff.watch(edge)
  }

  /** Stops watching and closes what is open; the line stays exported and driven. Never throws. */
  letGo(): void {
    letGo(this.#driver, this.#pin, this.#onoff)
  }

  /** Stops watching and unexports: the line becomes free. Never throws. */
  async release(): Promise<void> {
    this.letGo()
    try {
      await unexportPin(this.#driver.sysfs, this.#pin)
    } catch (error) {
      this.#driver.log.debug({ line: this.#pin.line, reason: messageOf(error) }, 'line not unexported')
    }
  }
}

/**
 * Claims the line and sets it up. An output has its level from the moment that it is one.
 *
 * @throws GpioError; then the line is as it was before. The signal's reason on abort, likewise
 */
export async function openLine(driver: OnoffDriver, line: number, wish: Wish, signal: AbortSignal): Promise<OnoffLine> {
  const { sysfs, Onoff } = driver
  const pin = await resolvePin(sysfs, line)
  const needs = ['value', 'direction', 'active_low', ...(wish.direction === 'in' ? (['edge'] as const) : [])] as const
  const exported = await exportPin(sysfs, pin, needs, signal)
  let onoff: OnoffGpio | undefined
  try {
    const before = await readAttributes(sysfs, pin)
    const plan = planFor(wish, before)
    // A line with an interrupt can't become an output (EIO, gpiod_direction_output in drivers/gpio/gpiolib.c).
    if (wish.direction === 'out' && before.edge !== 'none') {
      await sysfs.files.writeFile(attributePath(sysfs, pin, 'edge'), 'none')
    }
    signal.throwIfAborted() // the wire moves in the next line, and not after a close
    // onoff sets active_low before the direction: that alone moves no wire, it only renames the levels.
    onoff = new Onoff(pin.number, plan.direction, wish.direction === 'in' ? 'both' : 'none', {
      activeLow: wish.activeLow,
      debounceTimeout: 0, // its own debounce is silent for as long as the wire chatters, and tells levels twice
      reconfigureDirection: !plan.untouched,
    })
    verify(pin, wish, plan, await readAttributes(sysfs, pin))
    return new OnoffLine(driver, pin, onoff)
  } catch (error) {
    if (onoff !== undefined) letGo(driver, pin, onoff)
    // The first failure is the one to tell; a second one here has the same cause.
    if (exported) await unexportPin(sysfs, pin).catch(() => {})
    throw pinError(pin, `be opened as an ${wish.direction === 'in' ? 'input' : 'output'}`, error)
  }
}

function planFor(wish: Wish, before: Attributes): Plan {
  if (wish.direction === 'in') return { direction: 'in', untouched: false }
  const kept = wish.initial === 'keep' && before.direction === 'out'
  const wire = kept
    ? across(before.value, before.activeLow)
    : across(wish.initial === 'keep' ? 0 : wish.initial, wish.activeLow)
  return { direction: wire === 1 ? 'high' : 'low', untouched: kept }
}

/** onoff ignores what it could not set on a line that was exported before. @throws GpioError */
function verify(pin: Pin, wish: Wish, plan: Plan, now: Attributes): void {
  const wrong: string[] = []
  const compare = (what: string, is: string | number, wanted: string | number): void => {
    if (is !== wanted) wrong.push(`${what} is ${is} instead of ${wanted}`)
  }
  compare('direction', now.direction, wish.direction)
  compare('edge', now.edge, wish.direction === 'in' ? 'both' : 'none')
  compare('active_low', Number(now.activeLow), Number(wish.activeLow))
  if (wish.direction === 'out') {
    compare('the level of the wire', across(now.value, now.activeLow), plan.direction === 'high' ? 1 : 0)
  }
  if (wrong.length === 0) return
  const remedy = 'another program may be using it, or its files may not be writable'
  throw new GpioError(
    'io',
    `GPIO${pin.line} (gpio${pin.number} of the kernel) was set up, but ${wrong.join(', ')}; ${remedy}`,
  )
}

function letGo({ log }: OnoffDriver, pin: Pin, onoff: OnoffGpio): void {
  try {
    onoff.unwatchAll()
    if (onoff._valueFd !== undefined) closeSync(onoff._valueFd)
  } catch (error) {
    log.debug({ line: pin.line, reason: messageOf(error) }, 'line not let go of cleanly')
  }
}
