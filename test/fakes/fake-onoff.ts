/**
 * The onoff package over a `FakeSysfs`, with the manners of the real one: 'out' drives low, 'high' and 'low' are
 * levels of the wire, refusals on a line that was exported before are ignored, events carry the level at dispatch
 * and get lost, a read in the event's callback throws there, and a line that was unexported falls silent.
 */
import { closeSync, fstatSync, openSync } from 'node:fs'
import type { Level } from '../../src/gpio/gpio.ts'
import type { Load } from '../../src/optional.ts'
import { errno, type FakeSysfs } from './fake-sysfs.ts'

interface FakeOnoffOptions {
  readonly activeLow?: boolean
  readonly reconfigureDirection?: boolean
}

type Listener = (error: Error | null, level: Level) => void

/** Hands out the package for `load('onoff')`. `opened` collects what was constructed, in order. */
export function fakeOnoff(sysfs: FakeSysfs, opened: FakeOnoff[] = []): Load {
  class Gpio extends FakeOnoff {
    constructor(number: number, direction: string, edge: string, options: FakeOnoffOptions = {}) {
      super(sysfs, number, direction, edge, options)
      opened.push(this)
    }
  }
  return () => ({ Gpio })
}

export class FakeOnoff {
  /** A real descriptor, so that a test sees whether it was closed. */
  readonly _valueFd: number
  readonly #sysfs: FakeSysfs
  readonly #number: number
  readonly #generation: number
  readonly #wake: () => void
  #listeners: Listener[] = []
  #queued = false
  /** `edges` of the line at the last read. */
  #edgesRead = 0
  #writing = 0

  constructor(sysfs: FakeSysfs, number: number, direction: string, edge: string, options: FakeOnoffOptions) {
    this.#sysfs = sysfs
    this.#number = number
    this.#wake = () => this.#dispatch()
    const before = sysfs.line(number).exported
    if (!before) sysfs.writeSync('/sys/class/gpio/export', String(number))
    if (!before && sysfs.line(number).refusals > 0) throw errno('EACCES', 'open', 'value')
    const attempt = (name: string, text: string): void => {
      try {
        sysfs.writeSync(this.#path(name), text)
      } catch (error) {
        if (!before) throw error
      }
    }
    if (options.activeLow !== undefined) attempt('active_low', options.activeLow ? '1' : '0')
    const wanted = direction === 'in' ? 'in' : 'out'
    if (options.reconfigureDirection !== false || sysfs.line(number).direction !== wanted)
      attempt('direction', direction)
    if (direction === 'in') attempt('edge', edge)
    this.#generation = sysfs.line(number).generation
    this._valueFd = openSync('/dev/null', 'r')
    this.readSync()
  }

  async read(): Promise<Level> {
    return this.#value()
  }

  readSync(): Level {
    return this.#value()
  }

  /** In a pool of threads: of two at once the later may be done first. */
  async write(level: Level): Promise<void> {
    this.#writing += 1
    if (this.#writing === 1) await new Promise((resolve) => setImmediate(resolve))
    this.#writing -= 1
    this.#value()
    this.#sysfs.writeSync(this.#path('value'), String(level))
  }

  writeSync(level: Level): void {
    this.#value()
    this.#sysfs.writeSync(this.#path('value'), String(level))
  }

  watch(listener: Listener): void {
    this.#listeners.push(listener)
    this.#sysfs.line(this.#number).watchers.add(this.#wake)
  }

  unwatchAll(): void {
    this.#listeners = []
    this.#sysfs.line(this.#number).watchers.delete(this.#wake)
  }

  unexport(): void {
    this.unwatchAll()
    closeSync(this._valueFd)
    try {
      this.#sysfs.writeSync('/sys/class/gpio/unexport', String(this.#number))
    } catch {
      // As the real one does.
    }
  }

  /** One slot: what happens before it is empty again is not told. A throw in here ends the process. */
  #dispatch(): void {
    if (this.#queued) return
    this.#queued = true
    setImmediate(() => {
      this.#queued = false
      // The kernel takes a read, by whomever, for having seen the edges before it: they give no event any more.
      const line = this.#sysfs.line(this.#number)
      if (this.#listeners.length === 0 || this.#edgesRead === line.edges) return
      const level = this.readSync()
      for (const listener of [...this.#listeners]) listener(null, level)
    })
  }

  #value(): Level {
    fstatSync(this._valueFd) // EBADF once it was closed
    const line = this.#sysfs.line(this.#number)
    if (!line.exported || line.generation !== this.#generation) throw errno('ENODEV', 'read', this.#path('value'))
    this.#edgesRead = line.edges
    return line.value
  }

  #path(name: string): string {
    return `/sys/class/gpio/gpio${this.#number}/${name}`
  }
}
